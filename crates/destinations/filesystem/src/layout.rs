//! How data files are named: `{table_name}/{load_id}.{file_id}.{ext}`, and what else people write.

use crate::moment::{Moment, PARTS};
use dlt_engine::settings::word_hint;
use dlt_engine::{Error, ErrorKind, Result};

/// What holds if nothing is set, as in Python dlt.
pub(crate) const DEFAULT: &str = "{table_name}/{load_id}.{file_id}.{ext}";

/// A layout that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

/// What a file name is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileName<'a> {
    pub(crate) schema: &'a str,
    pub(crate) table: &'a str,
    pub(crate) load_id: &'a str,
    pub(crate) file_id: &'a str,
    pub(crate) extension: &'a str,
}

impl Default for Layout {
    fn default() -> Self {
        let name = |name: &str| Piece::Name(name.to_owned());
        let text = |text: &str| Piece::Text(text.to_owned());
        Self {
            pieces: vec![
                name("table_name"),
                text("/"),
                name("load_id"),
                text("."),
                name("file_id"),
                text("."),
                name("ext"),
            ],
        }
    }
}

impl Layout {
    /// Checks a layout; what is set for placeholders of the user's own is put into it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it cannot name the files of tables.
    pub(crate) fn parse(text: &str, extra: &[(String, String)]) -> Result<Self> {
        let wrong =
            |why: String| Error::new(ErrorKind::Config, format!("the layout `{text}` cannot name files: {why}"));
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(wrong("a `{` has no `}`".into()).hint(format!("write, for example: {DEFAULT}")));
            };
            push_text(&mut pieces, before);
            match extra.iter().find(|(known, _)| known == name) {
                Some((_, value)) => push_text(&mut pieces, value),
                None if is_known(name) => pieces.push(Piece::Name(name.to_owned())),
                None => {
                    let mut known: Vec<&str> =
                        OWN.iter().chain(&PARTS).copied().filter(|name| !name.is_empty()).collect();
                    known.extend(extra.iter().map(|(name, _)| name.as_str()));
                    return Err(wrong(format!("there is no placeholder `{name}`")).hint(word_hint(name, &known)));
                }
            }
            rest = after;
        }
        push_text(&mut pieces, rest);
        let layout = Self { pieces };
        let at = layout.position("table_name").ok_or_else(|| {
            wrong("it has no `{table_name}`".into()).hint("files of a table are found by what the layout begins with")
        })?;
        if layout.pieces[..at].iter().any(|piece| matches!(piece, Piece::Name(name) if name != "schema_name")) {
            return Err(wrong("before `{table_name}` only `{schema_name}` can stand".into())
                .hint("files of a table are found by what the layout begins with: put the others behind it"));
        }
        let ends_a_name = |text: &str| text.starts_with(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let separates = |text: &str| text.contains(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let before = at.checked_sub(1).and_then(|before| layout.pieces.get(before));
        if layout.pieces[..at].contains(&Piece::Name("schema_name".into()))
            && !matches!(before, Some(Piece::Text(text)) if separates(text))
        {
            return Err(wrong("names of schemas and tables run into each other".into())
                .hint("put a `/` between them: `{schema_name}/{table_name}/…`"));
        }
        match layout.pieces.get(at + 1) {
            Some(Piece::Text(text)) if ends_a_name(text) => {}
            Some(Piece::Text(text)) => {
                let first = text.chars().next().unwrap_or_default();
                return Err(wrong(format!(
                    "behind `{{table_name}}` stands `{first}`, which names of tables can have: files of one table would be taken for those of another"
                ))
                .hint("put a `/` or a `.` behind it"));
            }
            _ => {
                return Err(wrong("behind `{table_name}` there is no text that ends it".into())
                    .hint("put a `/` behind it: files of one table are then in one folder"));
            }
        }
        let named = layout.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Name(_) => "x",
        });
        if named.collect::<String>().split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(wrong("it leads out of the dataset, or has a part without a name".into())
                .hint("write a path below the dataset's folder"));
        }
        Ok(layout.with_extension())
    }

    fn with_extension(mut self) -> Self {
        if self.position("ext").is_none() {
            push_text(&mut self.pieces, ".");
            self.pieces.push(Piece::Name("ext".into()));
        }
        self
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.pieces.iter().position(|piece| matches!(piece, Piece::Name(known) if known == name))
    }

    /// Whether several files of one load have names of their own.
    pub(crate) fn has_file_id(&self) -> bool {
        self.position("file_id").is_some()
    }

    /// Whether no two loads name a file alike.
    pub(crate) fn is_unique(&self) -> bool {
        self.has_file_id() || self.position("load_id").is_some()
    }

    /// The path of a file below the dataset's folder.
    pub(crate) fn path(&self, file: FileName<'_>) -> String {
        let moment = Moment::of_load(file.load_id);
        let mut path = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Name(name) => path.push_str(&match name.as_str() {
                    "schema_name" => file.schema.to_owned(),
                    "table_name" => file.table.to_owned(),
                    "load_id" => file.load_id.to_owned(),
                    "file_id" => file.file_id.to_owned(),
                    "ext" => file.extension.to_owned(),
                    part => moment.part(part).unwrap_or_default(),
                }),
            }
        }
        path
    }

    /// What the paths of all files of a table begin with, as a layout.
    pub(crate) fn table_prefix(&self) -> String {
        self.prefix("{schema_name}", "{table_name}")
    }

    /// A layout by which the files are found that begin so.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no beginning of a layout.
    pub(crate) fn of_prefix(table_prefix: &str) -> Result<Self> {
        Self::parse(&format!("{table_prefix}{{file_id}}"), &[])
    }

    /// What the paths of all files of a table begin with: up to the character behind its name.
    pub(crate) fn prefix(&self, schema: &str, table: &str) -> String {
        let mut prefix = String::new();
        let mut is_named = false;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) if is_named => {
                    prefix.extend(text.chars().next());
                    break;
                }
                Piece::Text(text) => prefix.push_str(text),
                Piece::Name(name) if name == "schema_name" => prefix.push_str(schema),
                Piece::Name(_) => {
                    prefix.push_str(table);
                    is_named = true;
                }
            }
        }
        prefix
    }

    /// The folder in which the files of a table are, at any depth.
    pub(crate) fn folder(&self, schema: &str, table: &str) -> String {
        self.prefix(schema, table).rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
    }
}

/// Placeholders that are no part of a moment.
const OWN: [&str; 5] = ["schema_name", "table_name", "load_id", "file_id", "ext"];

fn is_known(name: &str) -> bool {
    !name.is_empty() && (OWN.contains(&name) || PARTS.contains(&name))
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: FileName<'_> =
        FileName { schema: "shop", table: "users", load_id: "1717297445.678901", file_id: "a1", extension: "parquet" };

    #[test]
    fn paths_and_prefixes() {
        let extra = [("region".to_owned(), "eu".to_owned())];
        for (layout, path, prefix) in [
            (DEFAULT, "users/1717297445.678901.a1.parquet", "users/"),
            ("{table_name}/{load_id}.{file_id}", "users/1717297445.678901.a1.parquet", "users/"),
            ("{schema_name}/{table_name}/{YYYY}-{MM}/{file_id}.{ext}", "shop/users/2024-06/a1.parquet", "shop/users/"),
            ("{table_name}.{load_id}.{ext}", "users.1717297445.678901.parquet", "users."),
            ("{region}/{table_name}/{curr_date}/{file_id}.{ext}", "eu/users/2024-06-02/a1.parquet", "eu/users/"),
            ("x-{table_name}/{ddd}.{ext}", "x-users/sun.parquet", "x-users/"),
        ] {
            let parsed = Layout::parse(layout, &extra).unwrap();
            assert_eq!(parsed.path(FILE), path);
            assert_eq!(parsed.prefix("shop", "users"), prefix);
            assert!(parsed.path(FILE).starts_with(prefix));
        }
        assert_eq!(Layout::parse("{table_name}.{load_id}.{ext}", &[]).unwrap().folder("s", "t"), "");
        assert_eq!(Layout::parse("{schema_name}/{table_name}/{file_id}", &[]).unwrap().folder("s", "t"), "s/t");
        assert_eq!(Layout::default().pieces, Layout::parse(DEFAULT, &[]).unwrap().pieces);
        let prefix = Layout::parse("{schema_name}/{table_name}.{load_id}", &[]).unwrap().table_prefix();
        assert_eq!(prefix, "{schema_name}/{table_name}.");
        assert_eq!(Layout::of_prefix(&prefix).unwrap().prefix("s", "t"), "s/t.");
        assert!(!Layout::parse("{table_name}/{curr_date}.{ext}", &[]).unwrap().is_unique());
    }

    #[test]
    fn what_cannot_name_files_says_why() {
        for (layout, why) in [
            ("{load_id}.{ext}", "no `{table_name}`"),
            ("{load_id}/{table_name}.{ext}", "before `{table_name}`"),
            ("{table_name}{file_id}", "behind `{table_name}`"),
            ("{table_name}_{file_id}", "files of one table would be taken"),
            ("{schema_name}_{table_name}/{file_id}", "run into each other"),
            ("{schema_name}{table_name}/{file_id}", "run into each other"),
            ("{table_name}/{loadid}.{ext}", "no placeholder `loadid`"),
            ("{table_name}/{load_id", "no `}`"),
            ("/{table_name}/{load_id}", "leads out"),
            ("../{table_name}/{load_id}", "leads out"),
            ("{table_name}//{load_id}", "without a name"),
        ] {
            let error = Layout::parse(layout, &[]).unwrap_err();
            assert!(error.to_string().contains(why), "{layout}: {error}");
            assert!(error.advice().is_some(), "{layout}");
        }
        assert_eq!(Layout::parse("{table_name}/{loadid}", &[]).unwrap_err().advice(), Some("did you mean `load_id`?"));
    }
}
