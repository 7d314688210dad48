//! What `dlt init` writes.

/// The files of one source.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) source: &'static str,
    /// `{destination}` stands for the chosen one.
    pub(crate) pipeline: &'static str,
    /// Section for `.dlt/config.toml`, empty where there is none.
    pub(crate) config: &'static str,
    /// Section for `.dlt/secrets.toml`, empty where there is none.
    pub(crate) secrets: &'static str,
}

/// In the order of `--list-sources`.
pub(crate) const TEMPLATES: &[Template] = &[Template {
    source: "filesystem",
    pipeline: include_str!("../templates/filesystem_pipeline.toml"),
    config: "",
    secrets: "",
}];

/// Stands at the top of a new `.dlt/config.toml`.
pub(crate) const CONFIG_HEADER: &str = "\
# Settings of the pipelines in this folder. A pipeline file comes first, then environment variables
# (SOURCES__NAME__KEY), then secrets.toml, then this file. Secrets do not belong here.
";

/// Stands at the top of a new `.dlt/secrets.toml`.
pub(crate) const SECRETS_HEADER: &str = "\
# Passwords and tokens of the pipelines in this folder. Git is told to leave this file alone.
";

/// What git is to leave alone.
pub(crate) const IGNORED: &[&str] = &[".dlt/secrets.toml", "*.secrets.toml", "*.duckdb", "*.duckdb.wal"];
