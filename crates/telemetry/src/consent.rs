//! Consent: whether anything is recorded. The most restrictive source wins, and status can name it.

use std::fmt;
use std::path::PathBuf;

use crate::config::{ConfigFile, Scalar};
use crate::environment::Environment;
use crate::names::{Names, Part};

/// Where a setting was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The host itself said so, for example by a command-line flag.
    Host(String),
    /// An environment variable.
    Variable(String),
    /// A configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where it can be told.
        line: Option<usize>,
    },
    /// Set when the program was built.
    Build,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(flag) => formatter.write_str(flag),
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
            Self::File { path, line: Some(line) } => write!(formatter, "{}, line {line}", path.display()),
            Self::File { path, line: None } => write!(formatter, "{}", path.display()),
            Self::Build => formatter.write_str("set when the program was built"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// What one source has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Telemetry is to be off.
    Off,
    /// Telemetry may be on, unless somebody else says otherwise.
    On,
    /// Nothing.
    Silent,
}

/// One source that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// Where.
    pub origin: Origin,
    /// What it says.
    pub verdict: Verdict,
    /// The words that say so, or why the source could not be understood.
    pub note: String,
}

/// The decision, with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    /// Whether telemetry is on.
    pub enabled: bool,
    /// Every source that was looked at, in the order in which they are asked.
    pub evidence: Vec<Evidence>,
    decided_by: Option<usize>,
}

impl Consent {
    /// The first source that says off; else the first that says on; else none, and telemetry is on by default.
    #[must_use]
    pub fn decided_by(&self) -> Option<&Evidence> {
        self.decided_by.and_then(|index| self.evidence.get(index))
    }
}

/// Weighs the sources.
pub(crate) fn decide(evidence: Vec<Evidence>) -> Consent {
    let first = |verdict| evidence.iter().position(|source| source.verdict == verdict);
    let off = first(Verdict::Off);
    Consent { enabled: off.is_none(), decided_by: off.or_else(|| first(Verdict::On)), evidence }
}

/// Asks every source that there is.
pub(crate) fn gather(
    host_word: Option<&str>,
    environment: &Environment,
    names: &Names,
    files: &[ConfigFile],
) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    if let Some(word) = host_word {
        evidence.push(Evidence { origin: Origin::Host(word.to_owned()), verdict: Verdict::Off, note: String::new() });
    }
    evidence.push(do_not_track(environment));
    evidence.push(variable(environment, &names.variable_of(Part::Switch)));
    evidence.extend(files.iter().map(|file| in_file(file, names)));
    evidence
}

fn do_not_track(environment: &Environment) -> Evidence {
    let name = "DO_NOT_TRACK";
    let value = environment.get(name).map(str::trim);
    let verdict = match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "0" | "false" | "no" | "off") => Verdict::Silent,
        Some(_) => Verdict::Off,
    };
    Evidence { origin: Origin::Variable(name.to_owned()), verdict, note: value.unwrap_or_default().to_owned() }
}

fn variable(environment: &Environment, name: &str) -> Evidence {
    let value = environment.get(name);
    let (verdict, note) = match value {
        None => (Verdict::Silent, String::new()),
        Some(text) => understand(text),
    };
    Evidence { origin: Origin::Variable(name.to_owned()), verdict, note }
}

fn in_file(file: &ConfigFile, names: &Names) -> Evidence {
    let origin = |line| Origin::File { path: file.path.clone(), line };
    if let Some(broken) = file.broken() {
        let note = format!("cannot be understood, which counts as off: {}", broken.why);
        return Evidence { origin: origin(broken.line), verdict: Verdict::Off, note };
    }
    let Some(found) = file.get(&names.table, &names.key_of(Part::Switch)) else {
        return Evidence { origin: origin(None), verdict: Verdict::Silent, note: String::new() };
    };
    let (verdict, note) = match &found.value {
        Scalar::Bool(true) => (Verdict::On, "true".to_owned()),
        Scalar::Bool(false) => (Verdict::Off, "false".to_owned()),
        Scalar::Text(text) => understand(text),
        Scalar::Other(text) => (Verdict::Off, not_yes_or_no(text)),
    };
    Evidence { origin: origin(found.line), verdict, note }
}

/// What cannot be understood is taken for a no.
fn understand(text: &str) -> (Verdict, String) {
    match yes_or_no(text) {
        Some(true) => (Verdict::On, text.to_owned()),
        Some(false) => (Verdict::Off, text.to_owned()),
        None => (Verdict::Off, not_yes_or_no(text)),
    }
}

fn not_yes_or_no(text: &str) -> String {
    format!("`{text}` is neither true nor false, which counts as off")
}

/// The ways in which people write yes and no.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(environment: Environment, files: &[&str]) -> Consent {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let path = folder.path().join(format!("{index}.toml"));
                std::fs::write(&path, text).unwrap();
                ConfigFile::read(&path).unwrap()
            })
            .collect();
        decide(gather(None, &environment, &Names::dlt(), &files))
    }

    const ON: &str = "[runtime]\ndlthub_telemetry = true\n";
    const OFF: &str = "[runtime]\ndlthub_telemetry = false\n";

    #[test]
    fn nobody_spoke() {
        let consent = with(Environment::empty(), &["", "[runtime]\n"]);
        assert!(consent.enabled);
        assert!(consent.decided_by().is_none());
        assert_eq!(consent.evidence.len(), 4);
    }

    #[test]
    fn one_no_outweighs_every_yes() {
        let yes = Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY", "true");
        for files in [[ON, OFF], [OFF, ON]] {
            let consent = with(yes.clone(), &files);
            assert!(!consent.enabled);
            assert!(matches!(consent.decided_by().unwrap().origin, Origin::File { line: Some(2), .. }));
        }
        let no = Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY", "false");
        assert_eq!(
            with(no, &[ON, ON]).decided_by().unwrap().origin,
            Origin::Variable("RUNTIME__DLTHUB_TELEMETRY".into())
        );
        assert_eq!(with(yes, &[ON]).decided_by().unwrap().verdict, Verdict::On);
    }

    #[test]
    fn do_not_track_as_people_set_it() {
        for (value, enabled) in
            [("1", false), ("true", false), ("yes", false), ("0", true), ("false", true), ("", true), (" ", true)]
        {
            assert_eq!(with(Environment::empty().with("DO_NOT_TRACK", value), &[ON]).enabled, enabled, "{value:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_a_no() {
        for text in [
            "[runtime\n",
            "[runtime]\ndlthub_telemetry = 1\n",
            "[runtime]\ndlthub_telemetry = \"ja\"\n",
            "[runtime]\ndlthub_telemetry = []\n",
        ] {
            let consent = with(Environment::empty(), &[text]);
            assert!(!consent.enabled, "{text}");
            assert!(consent.decided_by().unwrap().note.contains("counts as off"), "{text}");
        }
        assert!(!with(Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY", "maybe"), &[]).enabled);
    }

    #[test]
    fn the_hosts_word_comes_first() {
        let consent = decide(gather(Some("--disable-telemetry"), &Environment::empty(), &Names::dlt(), &[]));
        assert_eq!(consent.decided_by().unwrap().origin.to_string(), "--disable-telemetry");
    }
}
