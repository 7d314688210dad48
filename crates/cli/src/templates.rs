//! What `dlt init` writes.

use dlt::connector::{DestinationConnector, SourceConnector};

/// The files of one source.
#[derive(Debug)]
pub(crate) struct Template {
    /// The pipeline file.
    pub(crate) pipeline: String,
    /// The dataset that it names.
    pub(crate) dataset: String,
    /// Sections for `.dlt/secrets.toml`: the source's and the destination's, each empty where there is none.
    pub(crate) secrets: [&'static str; 2],
}

impl Template {
    /// The template for a source and a destination.
    pub(crate) fn of(source: &SourceConnector, destination: &DestinationConnector) -> Self {
        let name = source.name;
        let dataset = format!("{name}_data");
        // What is ready-made begins with a comment of its own.
        let gap = if source.ready_made.is_some() { "\n" } else { "" };
        let pipeline = format!(
            "# Loads {about}.\n# Run it with `dlt run`. All keys: docs/reference/pipeline-file.md\n\n\
             [pipeline]\nname = \"{name}_pipeline\"\ndataset = \"{dataset}\"\n\n\
             [destination]\ntype = \"{kind}\"\n{settings}\n\
             [source]\ntype = \"{name}\"\n{gap}{declaration}",
            about = source.about,
            kind = destination.name,
            settings = destination.template.replace("{name}", name),
            declaration = nested(source.template),
        );
        Self { pipeline, dataset, secrets: [source.secrets, destination.secrets] }
    }
}

/// What git is to leave alone.
pub(crate) fn ignored() -> Vec<&'static str> {
    let of_destinations = dlt::DESTINATIONS.iter().flat_map(|known| known.ignored);
    [".dlt/secrets.toml", "*.secrets.toml"].into_iter().chain(of_destinations.copied()).collect()
}

/// A declaration of its own as the part of a pipeline file below `[source]`.
fn nested(declaration: &str) -> String {
    declaration
        .lines()
        .map(|line| {
            let (comment, rest) = line.strip_prefix("# ").map_or(("", line), |rest| ("# ", rest));
            let brackets = if rest.starts_with("[[") { "[[" } else { "[" };
            match rest.strip_prefix(brackets).filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
            {
                Some(name) => format!("{comment}{brackets}source.{name}\n"),
                None => format!("{line}\n"),
            }
        })
        .collect()
}

/// Stands at the top of a new `.dlt/config.toml`.
pub(crate) const CONFIG_HEADER: &str = "\
# Settings of the pipelines in this folder. A pipeline file comes first, then environment variables
# (SOURCES__NAME__KEY), then secrets.toml, then this file. Secrets do not belong here.
";

/// Stands at the top of a new `.dlt/secrets.toml`.
pub(crate) const SECRETS_HEADER: &str = "\
# Passwords and tokens of the pipelines in this folder. Git is told to leave this file alone.
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use dlt::declaration::{ConfigProviders, Declaration};

    #[test]
    fn every_template_is_understood() {
        for known in dlt::SOURCES {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("x_pipeline.toml");
            let template = Template::of(known, dlt::DESTINATIONS[0]);
            std::fs::write(&file, &template.pipeline).unwrap();
            let data = ("DLT_DATA_DIR".to_owned(), folder.path().to_string_lossy().into_owned());
            let declared = Declaration::read(&file, &ConfigProviders::new([data])).unwrap();
            assert_eq!((declared.source_kind(), declared.dataset()), (known.name, template.dataset.as_str()));
            declared.source().unwrap();
            // What is offered in comments is understood too.
            let uncommented = template.secrets[0]
                .lines()
                .filter_map(|line| line.strip_prefix("# "))
                .filter(|line| !line.starts_with("With"));
            let secrets = folder.path().join(".dlt/secrets.toml");
            std::fs::create_dir_all(secrets.parent().unwrap()).unwrap();
            std::fs::write(&secrets, uncommented.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            let data = ("DLT_DATA_DIR".to_owned(), folder.path().to_string_lossy().into_owned());
            let declared = Declaration::read(&file, &ConfigProviders::new([data])).unwrap();
            let looked_up: Vec<_> = declared.looked_up().iter().map(|(key, _)| key.as_str()).collect();
            let expected: &[_] = match known.name {
                _ if template.secrets[0].is_empty() => &[],
                "sql_database" => &["source.credentials"],
                "pipedrive" => &["source.client.auth.type", "source.client.auth.name", "source.client.auth.api_key"],
                // The file itself has a client, which the secret completes.
                _ => &["source.client.auth.type", "source.client.auth.token"],
            };
            assert_eq!(looked_up, expected, "{}", known.name);
        }
    }

    #[test]
    fn tables_are_put_below_the_source() {
        let declared =
            "# About.\n[client]\nx = [1]\n# [client.auth]\n# token = 1\n\n[[resources]]\nitems = [\n  [1],\n]\n";
        let expected = "# About.\n[source.client]\nx = [1]\n# [source.client.auth]\n# token = 1\n\n[[source.resources]]\nitems = [\n  [1],\n]\n";
        assert_eq!(nested(declared), expected);
    }
}
