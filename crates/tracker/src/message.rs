//! By what an event is known: its message id, which is unique within its project.
//!
//! An event that comes a second time is left out. Senders choose ids, and senders of two projects choose them without knowing of each
//! other, so one id in two projects is two events.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// An event's id within its project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Message {
    /// The message id.
    #[serde(rename = "message_id")]
    pub(crate) id: String,
    /// The project; `None` for the default one.
    #[serde(default)]
    pub(crate) project: Option<String>,
}

/// What the hashes of tombstones begin with. Those of versions before this one are of the id alone, and begin with no such thing.
pub(crate) const OF_PROJECT: &str = "p:";

impl Message {
    /// Reads the row of an event or of the quarantine.
    pub(crate) fn of_row(row: &[u8]) -> Option<Self> {
        serde_json::from_slice(row).ok()
    }

    /// By what tombstones know it, where its id is kept as `id`: as SQL makes it of a row.
    pub(crate) fn hash(&self, id: &str) -> String {
        // No name of a project has a space.
        let project = self.project.as_deref().unwrap_or_default();
        format!("{OF_PROJECT}{}", sha256(&format!("{project} {id}")))
    }
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same as it stands in a row, which is compared with others of the journal. Ids are as JSON has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InRow<'a> {
    id: &'a [u8],
    project: Option<Cow<'a, str>>,
}

impl<'a> InRow<'a> {
    /// Reads a row whose first member is the message id, as all rows are that this tracker makes. The project is looked for in the place
    /// that it has there, and elsewhere in rows of versions before.
    pub(crate) fn read(row: &'a [u8]) -> Option<Self> {
        const BEHIND_ID: &[u8] = b",\"project\":\"";
        static PROJECT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"project\":"));
        let id = row.strip_prefix(b"{\"message_id\":\"")?;
        let mut is_escaped = false;
        let end = id.iter().position(|byte| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        })?;
        let (id, rest) = (&id[..end], &id[end + 1..]);
        if let Some(project) = rest.strip_prefix(BEHIND_ID) {
            // Names of projects need no escapes.
            let end = memchr::memchr2(b'"', b'\\', project).filter(|end| project[*end] == b'"')?;
            let project = std::str::from_utf8(&project[..end]).ok()?;
            return Some(Self { id, project: Some(Cow::Borrowed(project)) });
        }
        // No text of JSON holds this as it stands: its quotes would be escaped. An item of a list can.
        let project = match PROJECT.find(rest) {
            None => None,
            Some(_) => Message::of_row(row)?.project.map(Cow::Owned),
        };
        Some(Self { id, project })
    }

    /// Id and project, where the id stands in the row as it is.
    pub(crate) fn plain(&self) -> Option<(&'a str, Option<&str>)> {
        let id = Some(self.id).filter(|id| !id.contains(&b'\\'))?;
        Some((std::str::from_utf8(id).ok()?, self.project.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_project_of_a_row_is_found_wherever_it_stands() {
        for (row, id, project) in [
            (r#"{"message_id":"m"}"#, "m", None),
            (r#"{"message_id":"m","project":"web","event":"e"}"#, "m", Some("web")),
            // As versions before wrote them.
            (r#"{"message_id":"m","event":"e","project":"web"}"#, "m", Some("web")),
            (r#"{"message_id":"m","event":"e","project":"web","items":[{"project":"x"}]}"#, "m", Some("web")),
            (r#"{"message_id":"m","event":"e","items":[{"project":"x"}]}"#, "m", None),
            (r#"{"message_id":"m","event":"e","properties":"{\"project\":\"x\"}"}"#, "m", None),
            (r#"{"message_id":"m","event":"project","event_name":"\"project\":\"x\""}"#, "m", None),
            (r#"{"message_id":"a\",\"project\":\"b","event":"e"}"#, r#"a\",\"project\":\"b"#, None),
            (r#"{"message_id":"a\\","project":"web"}"#, r"a\\", Some("web")),
        ] {
            let found = InRow::read(row.as_bytes()).unwrap();
            assert_eq!((found.id, found.project.as_deref()), (id.as_bytes(), project), "{row}");
            let parsed = Message::of_row(row.as_bytes()).unwrap();
            assert_eq!(parsed.project.as_deref(), project, "{row}");
            match found.plain() {
                Some(plain) => assert_eq!(plain, (&*parsed.id, project), "{row}"),
                None => assert!(id.contains('\\'), "{row}"),
            }
        }
        for row in
            [r#"{"event":"e"}"#, r#"{"message_id":7}"#, r#"{"message_id":"m"#, r#"{"message_id":"m","project":"w"#]
        {
            assert_eq!(InRow::read(row.as_bytes()), None, "{row}");
        }
    }

    #[test]
    fn hashes_of_one_id_differ_by_project() {
        let hash =
            |project: Option<&str>| Message { id: "m".to_owned(), project: project.map(str::to_owned) }.hash("m");
        assert!(hash(None).starts_with(OF_PROJECT) && hash(None) == hash(None));
        assert_ne!(hash(None), hash(Some("web")));
        assert_ne!(hash(Some("web")), hash(Some("app")));
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
