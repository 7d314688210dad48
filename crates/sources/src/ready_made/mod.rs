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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use dlt_engine::Source;
    use dlt_engine::source::ExtractContext;

    #[test]
    fn every_declaration_can_be_read() {
        for source in [&CHESS, &GITHUB] {
            let declaration = source.ready_made.unwrap().config_toml;
            let mut source = crate::rest(toml::from_str(declaration).unwrap()).named(source.name);
            assert!(!source.resources(&ExtractContext::default()).unwrap().is_empty());
        }
    }
}
