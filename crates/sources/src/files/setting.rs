//! How settings are written, for hints.

/// How a setting is written on the command line and in a pipeline file.
pub(crate) fn setting(name: &str, value: &str) -> String {
    let key = name.replace('-', "_");
    let shell = if value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    };
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let toml =
        if is_number { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) };
    format!("`--{name} {shell}` (in a pipeline file `{key} = {toml}`)")
}

/// How a setting that is on or off is written on the command line and in a pipeline file.
pub(crate) fn switch(option: &str, key: &str) -> String {
    format!("`--{option}` (in a pipeline file `{key}`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_as_they_are_typed() {
        assert_eq!(setting("skip-lines", "2"), "`--skip-lines 2` (in a pipeline file `skip_lines = 2`)");
        assert_eq!(setting("delimiter", ";"), "`--delimiter ';'` (in a pipeline file `delimiter = \";\"`)");
        assert_eq!(setting("quote", "'"), "`--quote \"'\"` (in a pipeline file `quote = \"'\"`)");
        assert_eq!(setting("escape", "\\"), "`--escape '\\'` (in a pipeline file `escape = \"\\\\\"`)");
    }
}
