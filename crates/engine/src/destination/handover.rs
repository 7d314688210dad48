//! What another program needs to come to the same place.

use std::fmt;

/// How another program of this machine comes to the place of a destination, with the same rights. Its debug output has no
/// secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Handover {
    /// What the database's own programs are told, by the names that they have for it.
    pub parameters: Vec<Parameter>,
}

/// One of the things that a program is told to come to a place.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name: `host`, `path`.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Whether nobody may read it: it stands in no file, argument or message.
    pub is_secret: bool,
    /// The environment variable that says the same to the database's own programs.
    pub variable: Option<&'static str>,
}

impl Handover {
    /// With another parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push(Parameter { name, value: value.into(), is_secret: false, variable: None });
        self
    }

    /// With another parameter that is a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push(Parameter { name, value: value.into(), is_secret: true, variable: None });
        self
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.value.as_str())
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.parameters).finish()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => write!(formatter, "{}=…", self.name),
            false => write!(formatter, "{}={:?}", self.name, self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_secrets() {
        let handover = Handover::default().with("host", "db").with_secret("password", "hunter2");
        assert_eq!(format!("{handover:?}"), r#"[host="db", password=…]"#);
        assert_eq!(handover.get("password"), Some("hunter2"));
    }
}
