//! Errors of the tracker, for its operator.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An error of the tracker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data folder can't be used.
    #[error("can't {doing} {}", .path.display())]
    Folder {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another tracker runs on the folder.
    #[error("another process uses the data folder {}{}; stop it first, or give this tracker a folder of its own",
        .folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// Who it is, if that is known.
        pid: Option<u32>,
    },
    /// There is no data.
    #[error("there is no tracker data in {}: check the path, or start a tracker there first", .folder.display())]
    NoData {
        /// The folder.
        folder: PathBuf,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address as it was given.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The dashboard's token could be guessed.
    #[error("a token of the dashboard has {least} characters at least")]
    ShortToken {
        /// How many it must have.
        least: usize,
    },
    /// Hashes by the key for ids could be guessed.
    #[error("a key for ids has {least} characters at least")]
    ShortIdKey {
        /// How many it must have.
        least: usize,
    },
    /// What was given can't be an id.
    #[error("an id has between 1 and 100 characters")]
    NoId,
    /// What was given can't be the name of a project.
    #[error(
        "`{name}` can't be the name of a project: it has lower-case letters, digits, `-` and `_`, 64 at most, and is not `default`"
    )]
    ProjectName {
        /// What was given.
        name: String,
    },
    /// A file with keys and contracts can't be taken; nothing of it was.
    #[error("can't take keys and contracts of {}: {why}", .file.display())]
    Projects {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What was given can't be a write key.
    #[error("a write key has between 8 and 200 letters, digits and signs of ASCII, without spaces and `:`")]
    KeyForm,
    /// The write key is there already.
    #[error("this write key is there already, as {id} of the project {project}")]
    KeyTaken {
        /// Its id.
        id: String,
        /// Its project.
        project: String,
    },
    /// There is no such write key.
    #[error("there is no write key with this id, and none that is this text")]
    NoKey,
    /// A contract can't be read, or says what no contract says.
    #[error("the contract can't be used")]
    Contract(#[source] Box<dlt_engine::Error>),
    /// There is no such reason for which events are quarantined.
    #[error("there is no reason `{given}` for which events are quarantined")]
    NoReason {
        /// What was given.
        given: String,
    },
    /// No event of that number is quarantined.
    #[error("no event with the number {number} is in the quarantine")]
    NotQuarantined {
        /// What was given.
        number: u64,
    },
    /// There is no such project.
    #[error("there is no project `{name}`")]
    NoProject {
        /// What was given.
        name: String,
        /// The projects that there are.
        known: Vec<String>,
    },
    /// The process can't be set up: threads, signals.
    #[error("can't start the tracker")]
    Start(#[source] io::Error),
    /// The tables can't be read or written.
    #[error("can't use the tables in {location}")]
    Tables {
        /// The database file or its address.
        location: String,
        /// What the engine says.
        source: Box<dlt_engine::Error>,
    },
    /// The journal is empty or missing and the database can't be read, so the newest sequence number is unknown.
    #[error("the journal in {} is missing and the database can't be read, so it is unknown which events it held", .folder.display())]
    JournalGone {
        /// The journal's folder.
        folder: PathBuf,
        /// Why the database can't be read.
        source: Box<Error>,
    },
    /// The journal can't be used.
    #[error("can't use the journal at {location}")]
    Journal {
        /// Its address, without a password.
        location: String,
        /// Why not.
        source: io::Error,
    },
    /// Several trackers are to share what is on one machine.
    #[error(
        "a journal of several trackers needs tables that all of them reach, and a tracker that only receives or only loads needs both"
    )]
    NotShared,
    /// It is not said where the tables are to go.
    #[error("it is not said where the tables are to be moved")]
    NoTarget,
    /// The tracker stops, and its tables have not answered.
    #[error("the tracker is stopping")]
    Stopped,
    /// What is asked for is among events that are not loaded yet.
    #[error("events that were accepted before are not in the tables yet")]
    NotLoaded,
    /// The data folder belongs to other tables.
    #[error("the events of {} are loaded into {owner}, and not into {named}", .folder.display())]
    OtherTables {
        /// The data folder.
        folder: PathBuf,
        /// What has them.
        owner: String,
        /// What was named.
        named: String,
        /// What to do about it.
        advice: String,
    },
    /// The tables hold the events of another journal, or another tracker loads into them.
    #[error(
        "the tables in {named} are those of another journal: its numbers would be taken for the ones of this folder"
    )]
    TablesTaken {
        /// Where they are.
        named: String,
    },
    /// More than half of the rows would be deleted for their age.
    #[error(
        "{gone} of {all} rows are older than the settings allow, which is more than half: nothing was deleted without `--force`"
    )]
    WouldDeleteMost {
        /// Rows that would go.
        gone: u64,
        /// All rows.
        all: u64,
    },
    /// Another process is the one that loads.
    #[error("another process loads into these tables, and is the one that may delete")]
    NotLeading,
    /// No tracker runs on the folder.
    #[error("no tracker runs on {}", .folder.display())]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
    },
    /// Something is in a folder that is to be filled.
    #[error("there is something in {}: name a new or an empty folder", .folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no backup.
    #[error("there is no backup in {}", .folder.display())]
    NoBackup {
        /// The folder.
        folder: PathBuf,
    },
    /// A backup or its restoring was not finished.
    #[error("{} was not filled to the end, by a backup or from one: {} says so; remove the folder, and do it again",
        .folder.display(), .marker.display())]
    NotFinished {
        /// The folder.
        folder: PathBuf,
        /// The file that says so.
        marker: PathBuf,
    },
    /// The certificate or its key can't be used.
    #[error("can't speak TLS with {}: {why}", .file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// Objects of the edge can't be listed or read.
    #[error("can't take the objects of the edge")]
    Objects {
        /// Why not.
        source: Box<dlt_engine::Error>,
    },
    /// A question in SQL can't be answered.
    #[error("{message}")]
    Question {
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        advice: Option<String>,
        /// Whether the question itself is wrong, and not what it needs.
        is_wrong: bool,
    },
    /// The running tracker could not do what it was asked.
    #[error("the tracker at {address} (process {pid}) could not do it: {reason}")]
    Failed {
        /// Where it listens.
        address: String,
        /// Its process id.
        pid: u32,
        /// What it says.
        reason: String,
    },
    /// The running tracker does not answer.
    #[error("the tracker at {address} (process {pid}) gave no answer: {reason}")]
    NoAnswer {
        /// Where it listens.
        address: String,
        /// Its process id.
        pid: u32,
        /// What happened.
        reason: String,
    },
}

impl Error {
    pub(crate) fn tables(location: impl Into<String>, source: dlt_engine::Error) -> Self {
        Self::Tables { location: location.into(), source: Box::new(source) }
    }

    pub(crate) fn folder(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Folder { doing, path: path.into(), source }
    }
}

/// What crosses the socket of an error that the caller does something about: its code, and what it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
enum Told {
    NotEmpty { folder: PathBuf },
    WouldDeleteMost { gone: u64, all: u64 },
    NotLeading,
}

impl Error {
    /// As a running tracker tells it: `code` and `message`.
    pub(crate) fn to_json(&self) -> Value {
        let told = match self {
            Self::NotEmpty { folder } => Some(Told::NotEmpty { folder: folder.clone() }),
            Self::WouldDeleteMost { gone, all } => Some(Told::WouldDeleteMost { gone: *gone, all: *all }),
            Self::NotLeading => Some(Told::NotLeading),
            _ => None,
        };
        let told = told.and_then(|told| serde_json::to_value(told).ok());
        let mut told = told.unwrap_or_else(|| json!({"code": "unavailable"}));
        told["message"] = in_full(self).into();
        told
    }

    /// The error that a running tracker told; `None` for one that nothing more is known of than its message.
    pub(crate) fn of_json(told: &Value) -> Option<Self> {
        Some(match Told::deserialize(told).ok()? {
            Told::NotEmpty { folder } => Self::NotEmpty { folder },
            Told::WouldDeleteMost { gone, all } => Self::WouldDeleteMost { gone, all },
            Told::NotLeading => Self::NotLeading,
        })
    }
}

/// An error and its causes in one line.
pub(crate) fn in_full(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_running_tracker_says_is_the_same_error() {
        let folder = PathBuf::from("backup");
        for error in [Error::NotEmpty { folder }, Error::WouldDeleteMost { gone: 7, all: 9 }, Error::NotLeading] {
            let told = error.to_json();
            let again = Error::of_json(&told).map(|again| (std::mem::discriminant(&again), again.to_string()));
            assert_eq!(again, Some((std::mem::discriminant(&error), error.to_string())), "{told}");
        }
        let told = Error::NoTarget.to_json();
        assert_eq!((told["code"].as_str(), Error::of_json(&told).is_none()), (Some("unavailable"), true));
        assert_eq!(told["message"], Error::NoTarget.to_string());
    }
}
