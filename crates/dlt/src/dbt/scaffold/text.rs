//! Texts as YAML, SQL and dbt's templates take them.

/// A text that nothing is made of when dbt reads templates in it.
pub(super) fn literal(text: &str) -> String {
    if !["{{", "{%", "{#"].iter().any(|sign| text.contains(sign)) {
        return text.to_owned();
    }
    // An opening brace is written by a template of its own.
    text.replace('{', "{{ '{' }}")
}

/// A text for YAML: as it is where it can be nothing else, else in double quotes.
pub(super) fn yaml(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let means_something = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    match is_plain && !means_something.contains(&text.to_lowercase().as_str()) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// A name for SQL, in quotes.
pub(super) fn quoted(name: &str) -> String {
    literal(&format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A text on one line of a comment.
pub(super) fn in_comment(text: &str) -> String {
    literal(&text.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(literal("{{ x }}"), "{{ '{' }}{{ '{' }} x }}");
        assert_eq!(literal("{x}"), "{x}");
        assert_eq!((yaml("users"), yaml("on"), yaml("a b")), ("users".into(), "\"on\"".into(), "\"a b\"".into()));
        assert_eq!(yaml("say \"ü\"\n"), "\"say \\\"ü\\\"\\n\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
