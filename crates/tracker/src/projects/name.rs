//! Names of projects.

use super::DEFAULT;

/// Longest name, in characters.
const MAX_CHARS: usize = 64;

/// Whether a text can be the name of a project: it stands in addresses, files and commands as it is.
pub(crate) fn is_project_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    name != DEFAULT
        && name.len() <= MAX_CHARS
        && name.chars().all(is_plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for name in ["web", "web-2", "a", "0_x"] {
            assert!(is_project_name(name), "{name}");
        }
        for name in ["", "default", "Web", "-x", "a b", "a/b", "..", "é", &"a".repeat(65)] {
            assert!(!is_project_name(name), "{name}");
        }
    }
}
