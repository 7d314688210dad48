//! The settings of a connector, as documentation and messages tell them.

/// A setting of a connector: a key of `[source]` or `[destination]`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Key {
    /// As it is written. Several that are explained elsewhere, together, have `, ` between them.
    pub name: &'static str,
    /// What it sets, in Markdown. Links are relative to the reference pages.
    pub meaning: &'static str,
    /// What holds if it is not set, in Markdown; `needed` if it has to be.
    pub default: &'static str,
    /// Whether it belongs in `secrets.toml`, and into no message.
    pub is_secret: bool,
    /// Whether an environment variable says it also where no pipeline file is read: for `dlt ingest`, say. A setting that
    /// tells where data goes does not: there, the command line tells.
    pub is_ambient: bool,
}

impl Key {
    /// A key that is no secret.
    pub const fn new(name: &'static str, meaning: &'static str, default: &'static str) -> Self {
        Self { name, meaning, default, is_secret: false, is_ambient: false }
    }

    /// The same, as a secret.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The same, said by its variable everywhere.
    #[must_use]
    pub const fn ambient(self) -> Self {
        Self { is_ambient: true, ..self }
    }

    /// Each key that it stands for.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.name.split(", ")
    }
}
