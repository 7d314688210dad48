//! Sources that are declared and ready to be taken: a REST API each, as a person would write it.

/// A source that is ready to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadyMade {
    /// What it loads, in a line.
    pub description: &'static str,
    /// The declaration, a [`RestConfig`](crate::RestConfig) in TOML with comments for the person who will change it.
    pub config_toml: &'static str,
}

const CHESS: ReadyMade = ReadyMade {
    description: "players and their games, from the public API of chess.com",
    config_toml: include_str!("chess.toml"),
};
const GITHUB: ReadyMade = ReadyMade {
    description: "issues, comments and events of a repository, from the API of GitHub",
    config_toml: include_str!("github.toml"),
};

/// Every source by name, with what it loads.
pub const SOURCES: [(&str, &str); 4] = [
    ("filesystem", "files: JSON, JSON Lines, CSV and Parquet, also packed, in folders or by a pattern"),
    ("rest_api", "any REST API, declared: base URL, resources, pages, parents and children"),
    ("chess", CHESS.description),
    ("github", GITHUB.description),
];

/// The ready-made source of this name.
pub fn ready_made(name: &str) -> Option<ReadyMade> {
    match name {
        "chess" => Some(CHESS),
        "github" => Some(GITHUB),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use dlt_engine::Source;
    use dlt_engine::source::ExtractContext;

    #[test]
    fn every_declaration_can_be_read() {
        for (name, description) in SOURCES {
            let Some(source) = ready_made(name) else {
                assert!(["filesystem", "rest_api"].contains(&name));
                continue;
            };
            assert_eq!(source.description, description);
            let mut source = crate::rest(toml::from_str(source.config_toml).unwrap()).named(name);
            assert!(!source.resources(&ExtractContext::default()).unwrap().is_empty());
        }
        assert_eq!(ready_made("nothing"), None);
    }
}
