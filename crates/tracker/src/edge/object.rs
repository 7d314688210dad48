//! An object of the edge: lines of JSON, one a record, behind a line that says what follows.
//!
//! ```text
//! {"format":"dlt-edge","version":1,"lines":2,"bytes":5120,"sha256":"…"}
//! {"event":{"message_id":"…", …}}
//! {"quarantine":{"message_id":"…", …}}
//! ```
//!
//! `bytes` and `sha256` are of all that follows the first line: an object that was cut short or changed on its way is known
//! for one, and nothing of it is taken. A row has the columns of its table and no others.

use dlt_engine::schema::DataType;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::contract::Contracts;
use crate::event::{self, is_id, lists};
use crate::journal::{Kind, NewRecord};
use crate::message::Message;
use crate::outcome::Reason;
use crate::projects::is_project_name;
use crate::store::schema::{self, EVENTS, QUARANTINE};

/// What the first line names.
const FORMAT: &str = "dlt-edge";
/// The newest version that is known.
const VERSION: u64 = 1;
/// Longest record, in bytes: the queue's messages hold no longer ones.
const MAX_RECORD_BYTES: usize = 128_000;

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
    #[serde(default)]
    lines: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    sha256: String,
}

/// The records of an object, as text; why it can't be taken, where it can't. The reason holds nothing of its contents.
pub(crate) fn records(object: &[u8]) -> Result<Vec<&str>, String> {
    let end = memchr::memchr(b'\n', object).unwrap_or(object.len());
    let head: Head = match serde_json::from_slice::<Head>(&object[..end]) {
        Ok(head) if head.format == FORMAT => head,
        _ if object.is_empty() => return Err("it is empty".to_owned()),
        _ => return Err("its first line does not say that it is an object of the edge".to_owned()),
    };
    if head.version != VERSION {
        return Err(format!("it is of version {}, and this tracker reads version {VERSION}", head.version));
    }
    let body = object.get(end + 1..).unwrap_or_default();
    let found = body.len() as u64;
    if found < head.bytes {
        return Err(format!("it was cut short: {found} bytes are there of {}", head.bytes));
    }
    if found > head.bytes || hex(&Sha256::digest(body)) != head.sha256 {
        return Err("it is not what was written: its bytes have another SHA-256 than its first line says".to_owned());
    }
    let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8".to_owned())?;
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() as u64 != head.lines {
        return Err(format!("it has {} records, and its first line says {}", lines.len(), head.lines));
    }
    for (number, line) in lines.iter().enumerate() {
        Record::parse(line).map_err(|reason| format!("line {}: {reason}", number + 2))?;
    }
    Ok(lines)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    quarantine: Option<&'a RawValue>,
}

/// A record for the journal.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) message: Message,
    /// Of a quarantined event that a replay can store: the message that it has as an event.
    pub(crate) replayed_as: Option<Message>,
    pub(crate) row: Vec<u8>,
}

impl Record {
    /// Reads a record. What it does not have to be it is not: a bucket is not this tracker's own disk.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        if line.len() > MAX_RECORD_BYTES {
            return Err(format!("a record is longer than {MAX_RECORD_BYTES} bytes"));
        }
        let wrong = || "it is no record: {\"event\":{…}} or {\"quarantine\":{…}}".to_owned();
        let (kind, table, row) = match serde_json::from_str::<Line<'_>>(line) {
            Ok(Line { event: Some(row), quarantine: None }) => (Kind::Event, EVENTS, row),
            Ok(Line { event: None, quarantine: Some(row) }) => (Kind::Quarantine, QUARANTINE, row),
            _ => return Err(wrong()),
        };
        let members: Map<String, Value> = serde_json::from_str(row.get()).map_err(|_| wrong())?;
        for (name, value) in &members {
            // The number in the journal is given here.
            match schema::type_of(table, name).filter(|_| name != "journal_seq") {
                Some(data_type) if fits(data_type, value) => {}
                Some(_) => return Err(format!("`{name}` has a value of another type")),
                None => return Err(format!("{table} has no column of that name that comes from the edge")),
            }
        }
        let has = |name: &str| members.contains_key(name);
        let needs: &[&str] = match kind {
            Kind::Event => &["event", "timestamp", "received_at"],
            _ => &["reason", "received_at", "bytes"],
        };
        if let Some(missing) = needs.iter().find(|name| !has(name)) {
            return Err(format!("`{missing}` is missing"));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let (id, project) = (text("message_id"), text("project"));
        if project.as_deref().is_some_and(|name| !is_project_name(name)) {
            return Err("`project` can't be the name of one".to_owned());
        }
        let is_kept_whole =
            text("reason").is_some_and(|given| Reason::OF_CONTRACTS.into_iter().any(|reason| reason.code() == given));
        let replayed_as = text("payload")
            .filter(|_| kind == Kind::Quarantine && is_kept_whole)
            .and_then(|payload| event::id_of_kept(&payload))
            .map(|id| Message { id, project: project.clone() });
        match id {
            Some(id) if !id.is_empty() && is_id(&id) => {
                let message = Message { id, project };
                let row = written(&message, members).ok_or_else(wrong)?;
                Ok(Self { kind, message, replayed_as, row })
            }
            _ => Err("`message_id` is missing, or is none".to_owned()),
        }
    }

    /// The record for the journal. Lists of objects that a contract names become tables, as if the event had come here.
    pub(crate) fn into_journal(self, contracts: &Contracts) -> NewRecord {
        let payload = match self.kind {
            Kind::Event => lists::add(&self.row, &contracts.of(self.message.project.as_deref())),
            _ => self.row,
        };
        NewRecord { kind: self.kind, payload }
    }
}

/// A row as this tracker writes it: the loader reads the id and the project in the places that they have there.
fn written(message: &Message, mut members: Map<String, Value>) -> Option<Vec<u8>> {
    let mut row = Map::with_capacity(members.len());
    row.insert("message_id".to_owned(), message.id.clone().into());
    row.extend(message.project.clone().map(|project| ("project".to_owned(), project.into())));
    members.retain(|name, _| !row.contains_key(name));
    row.extend(members);
    serde_json::to_vec(&row).ok()
}

fn fits(data_type: DataType, value: &Value) -> bool {
    match data_type {
        DataType::Text => value.is_string(),
        DataType::Bigint => value.is_i64(),
        DataType::Double => value.is_number(),
        DataType::Bool => value.is_boolean(),
        DataType::Timestamp => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EVENT: &str = r#"{"event":{"message_id":"m","event":"e","timestamp":"2026-03-01T12:00:00.000000Z","received_at":"2026-03-01T12:00:00.000000Z"}}"#;

    fn object(lines: &[&str]) -> String {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        format!(
            "{{\"format\":\"dlt-edge\",\"version\":1,\"lines\":{},\"bytes\":{},\"sha256\":\"{}\"}}\n{body}",
            lines.len(),
            body.len(),
            hex(&Sha256::digest(&body))
        )
    }

    #[test]
    fn a_whole_object_is_read_and_a_cut_one_is_not() {
        let quarantine = r#"{"quarantine":{"message_id":"q","reason":"no_event_name","received_at":"2026-03-01T12:00:00Z","bytes":2}}"#;
        let whole = object(&[EVENT, quarantine]);
        assert_eq!(records(whole.as_bytes()).unwrap(), [EVENT, quarantine]);
        assert!(records(object(&[]).as_bytes()).unwrap().is_empty());
        for length in 0..whole.len() {
            assert!(records(&whole.as_bytes()[..length]).is_err(), "{length} bytes of {}", whole.len());
        }
        for (changed, told) in [
            (whole.replace("no_event", "my_event"), "another SHA-256"),
            (format!("{whole}{EVENT}\n"), "another SHA-256"),
            (whole.replace("\"lines\":2", "\"lines\":3"), "it has 2 records"),
            (whole.replace("\"version\":1", "\"version\":2"), "version 2"),
            (whole.replace("dlt-edge", "other"), "first line"),
            (EVENT.to_owned(), "first line"),
            (String::new(), "empty"),
        ] {
            assert!(records(changed.as_bytes()).unwrap_err().contains(told), "{changed}");
        }
    }

    #[test]
    fn a_record_has_the_columns_of_its_table_and_no_others() {
        for (from, to, told) in [
            (r#""event":"e""#, r#""event":7"#, "`event` has a value of another type"),
            (r#""message_id":"m""#, r#""message_id":"192.0.2.1""#, "`message_id`"),
            (r#""message_id":"m","#, "", "`message_id`"),
            (r#""event":"e","#, "", "`event` is missing"),
            (r#""event":"e""#, r#""event":"e","journal_seq":1"#, "no column"),
            (r#""event":"e""#, r#""event":"e","ip":"x""#, "no column"),
            (r#""event":"e""#, r#""event":"e","cpu":1.5"#, "`cpu`"),
            (r#""event":"e""#, r#""event":"e","project":"""#, "`project`"),
            (r#""event":"e""#, r#""event":"e","project":"default""#, "`project`"),
            (r#""timestamp":"2026-03-01T"#, r#""timestamp":"now"#, "`timestamp`"),
            (r#"{"event":{"#, r#"{"events":{"#, "no record"),
            ("}}", "}", "no record"),
        ] {
            let line = EVENT.replacen(from, to, 1);
            assert!(records(object(&[&line]).as_bytes()).unwrap_err().starts_with("line 2: "), "{line}");
            assert!(Record::parse(&line).unwrap_err().contains(told), "{line}: {:?}", Record::parse(&line));
        }
    }

    #[test]
    fn a_row_is_written_as_the_loader_reads_it() {
        let line = r#" {"event": {"event":"e", "pro\u006aect":"web","elapsed":0.30000000000000004,"message\u005fid":"a\u0022\u0062",
            "timestamp":"2026-03-01T12:00:00Z","received_at":"2026-03-01T12:00:00Z"}}"#;
        let record = Record::parse(line).unwrap();
        let expected = r#"{"message_id":"a\"b","project":"web","event":"e","elapsed":0.30000000000000004,"timestamp":"2026-03-01T12:00:00Z","received_at":"2026-03-01T12:00:00Z"}"#;
        assert_eq!(std::str::from_utf8(&record.row).unwrap(), expected);
        assert_eq!(Message::of_row(&record.row), Some(record.message));
    }
}
