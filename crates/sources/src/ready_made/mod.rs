//! Sources that are declared and ready to be taken: a REST API each, as a person would write it.

use crate::rest::keys::{KEYS, NESTED};
use crate::rest::section::read;
use dlt_engine::connector::{ReadyMade, SourceConnector};

/// An API that is declared already: everything but what tells it apart.
const fn api(
    name: &'static str,
    about: &'static str,
    config_toml: &'static str,
    secrets: &'static str,
) -> SourceConnector {
    let ready_made = Some(ReadyMade { config_toml, unless: "resources" });
    SourceConnector { name, about, keys: KEYS, nested: NESTED, ready_made, template: config_toml, secrets, read }
}

pub(crate) static CHESS: SourceConnector =
    api("chess", "players and their games, from the public API of chess.com", include_str!("chess.toml"), "");

pub(crate) static GITHUB: SourceConnector = api(
    "github",
    "issues, comments and events of a repository, from the API of GitHub",
    include_str!("github.toml"),
    "\
# With a token 5000 requests an hour are allowed, without one 60.
# [sources.github.client.auth]
# type = \"bearer\"
# token = \"…\"
",
);

pub(crate) static HUBSPOT: SourceConnector = api(
    "hubspot",
    "contacts, companies, deals and tickets, from the API of HubSpot",
    include_str!("hubspot.toml"),
    "\
# With the token of a private app that may read the CRM.
# [sources.hubspot.client.auth]
# type = \"bearer\"
# token = \"pat-…\"
",
);

pub(crate) static NOTION: SourceConnector = api(
    "notion",
    "databases, their rows, pages and people, from the API of Notion",
    include_str!("notion.toml"),
    "\
# With the token of an integration, with which databases and pages are shared.
# [sources.notion.client.auth]
# type = \"bearer\"
# token = \"ntn_…\"
",
);

pub(crate) static PIPEDRIVE: SourceConnector = api(
    "pipedrive",
    "deals, people, organizations and activities, from the API of Pipedrive",
    include_str!("pipedrive.toml"),
    "\
# With the API token of a user.
# [sources.pipedrive.client.auth]
# type = \"api_key\"
# name = \"x-api-token\"
# api_key = \"…\"
",
);

pub(crate) static POKEMON: SourceConnector = api(
    "pokemon",
    "Pokémon, their berries and places, from the public API of pokeapi.co",
    include_str!("pokemon.toml"),
    "",
);

pub(crate) static SLACK: SourceConnector = api(
    "slack",
    "channels, their messages, and people, from the API of Slack",
    include_str!("slack.toml"),
    "\
# With the token of a bot that may read channels, their history and users.
# [sources.slack.client.auth]
# type = \"bearer\"
# token = \"xoxb-…\"
",
);

pub(crate) static STRIPE: SourceConnector = api(
    "stripe_analytics",
    "customers, prices, subscriptions, invoices and payments, from the API of Stripe",
    include_str!("stripe_analytics.toml"),
    "\
# With a secret or restricted key that may read.
# [sources.stripe_analytics.client.auth]
# type = \"bearer\"
# token = \"rk_live_…\"
",
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use dlt_engine::Source;
    use dlt_engine::source::ExtractContext;

    #[test]
    fn every_declaration_can_be_read() {
        for source in [&CHESS, &GITHUB, &HUBSPOT, &NOTION, &PIPEDRIVE, &POKEMON, &SLACK, &STRIPE] {
            let declaration = source.ready_made.unwrap().config_toml;
            let mut source = crate::rest(toml::from_str(declaration).unwrap()).named(source.name);
            assert!(!source.resources(&ExtractContext::default()).unwrap().is_empty());
        }
    }
}
