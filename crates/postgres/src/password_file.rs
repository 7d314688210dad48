//! libpq's password file: `~/.pgpass`.

use std::path::PathBuf;

/// The password that the file of passwords has for a host, port, database and user: the first line that fits. A file that others
/// may read does not count, as it does not for libpq.
pub(crate) fn find(file: Option<&str>, variable: &dyn Fn(&str) -> Option<String>, wanted: [&str; 4]) -> Option<String> {
    let path = match file {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(variable("HOME")?).join(".pgpass"),
    };
    let metadata = std::fs::metadata(&path).ok()?;
    if !metadata.is_file() || is_open_to_others(&metadata) {
        return None;
    }
    in_text(&std::fs::read_to_string(path).ok()?, wanted)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

fn in_text(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [given @ .., password] = fields.as_slice() else { return None };
        let fits = given.len() == 4 && given.iter().zip(wanted).all(|(given, wanted)| given == "*" || given == wanted);
        fits.then(|| password.clone())
    })
}

/// The five fields of a line; `\:` is a colon, `\\` a backslash.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let taken = match character {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(last) = fields.last_mut() {
            last.push(taken);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits() {
        let wanted = ["db", "5433", "shop", "ann"];
        let text = "# comment\nother:5433:shop:ann:no\ndb:*:shop:ann:a\\:b:c\\\\d\n*:*:*:*:late\n";
        assert_eq!(in_text(text, wanted).as_deref(), Some("a:b:c\\d"));
        assert_eq!(in_text("db:1:shop:ann:x\nbroken", wanted), None);
    }
}
