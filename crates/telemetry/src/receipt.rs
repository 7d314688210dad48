//! What was sent and what came back, in a chain of hashes: `telemetry/receipts.jsonl`.
//!
//! **Layout.** One JSON object a line. Before a request goes out, an `attempt` with its exact body is appended; when
//! the answer is in, an `answer` with what became of the event. Each line ends with `"prev"`, the hash of the line
//! before it, and `"hash"`, SHAKE-128 with 32 bytes over the line up to that member. A line that was changed, removed
//! or moved breaks the chain; the removal of the last lines is not detected.
//!
//! **Recovery.** An attempt without an answer belongs to a sender that died. Its event may have arrived, so it is not
//! sent again but counted as interrupted. A line that was torn by a kill has no hash; the chain passes over it.
//!
//! **Limits.** Beyond [`Policy::max_receipt_bytes`](crate::Policy) the file becomes `receipts.1.jsonl`, replacing the
//! one before, and a new one goes on with the same chain.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::disk;
use crate::hash::{hex, shake128};

/// More than any policy lets a file grow to; a larger one was not written here.
const MAX_FILE: u64 = 64 << 20;

/// What became of an event that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Acknowledged.
    Sent,
    /// Not taken this time; it stays in the spool.
    Kept,
    /// Refused for good.
    Refused,
    /// Neither yes nor no.
    Unconfirmed,
    /// The sender died before the answer was in.
    Interrupted,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Sent, Self::Kept, Self::Refused, Self::Unconfirmed, Self::Interrupted];

    /// The name in the receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One line of the receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Its number, from 1.
    pub number: u64,
    /// When, as RFC 3339 in UTC.
    pub at: String,
    /// The event's `messageId`.
    pub message_id: String,
    /// An attempt or an answer.
    pub kind: ReceiptKind,
}

/// An attempt or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptKind {
    /// A request is about to go out.
    Attempt {
        /// The address.
        endpoint: String,
        /// The exact bytes.
        body: String,
    },
    /// The request has ended.
    Answer {
        /// What became of the event.
        outcome: Outcome,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What went wrong, if something did.
        note: String,
    },
}

/// The result of checking the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chain {
    /// Every line is as it was written.
    Whole {
        /// How many lines.
        receipts: u64,
        /// The number of the first; more than 1 once old files were dropped.
        first: u64,
        /// Lines that a kill cut short.
        torn: u64,
    },
    /// Something was changed.
    Broken {
        /// The file.
        file: PathBuf,
        /// The line in it, from 1.
        line: usize,
        /// What does not fit.
        why: String,
    },
}

/// The two files.
#[derive(Debug, Clone)]
pub(crate) struct Receipts {
    path: PathBuf,
    max_bytes: u64,
}

/// Where the chain ends.
#[derive(Debug, Clone, Default)]
struct Tail {
    number: u64,
    hash: String,
}

impl Receipts {
    pub(crate) fn new(folder: &Path, max_bytes: u64) -> Self {
        Self { path: folder.join("receipts.jsonl"), max_bytes }
    }

    fn older(&self) -> PathBuf {
        self.path.with_file_name("receipts.1.jsonl")
    }

    /// All receipts that are kept, oldest first; lines that cannot be understood are passed over.
    pub(crate) fn read(&self) -> io::Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for path in [self.older(), self.path.clone()] {
            receipts.extend(read_text(&path)?.lines().filter_map(parse));
        }
        Ok(receipts)
    }

    /// The latest outcome of each event; `None` where its last attempt has no answer yet.
    pub(crate) fn latest_outcomes(&self) -> io::Result<HashMap<String, Option<Outcome>>> {
        let mut outcomes = HashMap::new();
        for receipt in self.read()? {
            let word = match receipt.kind {
                ReceiptKind::Attempt { .. } => None,
                ReceiptKind::Answer { outcome, .. } => Some(outcome),
            };
            outcomes.insert(receipt.message_id, word);
        }
        Ok(outcomes)
    }

    pub(crate) fn attempt(&self, at: &str, message_id: &str, endpoint: &str, body: &str) -> io::Result<()> {
        self.append(&[
            ("at", at.into()),
            ("messageId", message_id.into()),
            ("kind", "attempt".into()),
            ("endpoint", endpoint.into()),
            ("body", body.into()),
        ])
    }

    pub(crate) fn answer(
        &self,
        at: &str,
        message_id: &str,
        outcome: Outcome,
        status: Option<u16>,
        note: &str,
    ) -> io::Result<()> {
        self.append(&[
            ("at", at.into()),
            ("messageId", message_id.into()),
            ("kind", "answer".into()),
            ("outcome", outcome.name().into()),
            ("status", json!(status)),
            ("note", note.into()),
        ])
    }

    /// The caller holds the sender's lock.
    fn append(&self, members: &[(&str, Json)]) -> io::Result<()> {
        let mut text = read_text(&self.path)?;
        let mut tail = tail(&text);
        if tail.is_none() {
            tail = self::tail(&read_text(&self.older())?);
        }
        let tail = tail.unwrap_or_default();
        if text.len() as u64 > self.max_bytes {
            fs::rename(&self.path, self.older())?;
            text.clear();
        }
        let line = line_after(&tail, &text, members);
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let length = file.metadata()?.len();
        match file.write(line.as_bytes()) {
            Ok(written) if written == line.len() => Ok(()),
            other => {
                let _ = file.set_len(length);
                Err(other.err().unwrap_or_else(|| io::ErrorKind::StorageFull.into()))
            }
        }
    }

    /// Checks every hash.
    pub(crate) fn verify(&self) -> io::Result<Chain> {
        let files = [self.older(), self.path.clone()];
        let texts = [read_text(&files[0])?, read_text(&files[1])?];
        Ok(check_chain(&[(&files[0], &texts[0]), (&files[1], &texts[1])]))
    }
}

/// Checks every hash of these files, which follow each other.
fn check_chain(files: &[(&Path, &str)]) -> Chain {
    let (mut receipts, mut torn) = (0, 0);
    let mut first = None;
    let mut last: Option<Tail> = None;
    for (path, text) in files {
        for (index, line) in text.lines().enumerate() {
            let broken = |why: &str| Chain::Broken { file: path.to_path_buf(), line: index + 1, why: why.to_owned() };
            let Some((hashed, hash_of_line)) = split(line) else {
                if line.trim_end().ends_with('}') {
                    return broken("it is not a receipt");
                }
                torn += 1;
                continue;
            };
            if hash(hashed) != hash_of_line {
                return broken("its text does not match its hash");
            }
            let Some((number, prev)) = link(line) else { return broken("it has no number") };
            if let Some(last) = &last {
                if prev != last.hash || number != last.number + 1 {
                    return broken(&format!("it does not follow receipt {}", last.number));
                }
            } else if number == 1 && !prev.is_empty() {
                return broken("the first receipt follows none");
            }
            first.get_or_insert(number);
            receipts += 1;
            last = Some(Tail { number, hash: hash_of_line.to_owned() });
        }
    }
    Chain::Whole { receipts, first: first.unwrap_or(1), torn }
}

/// The next line of the chain, to be written behind `text`.
fn line_after(tail: &Tail, text: &str, members: &[(&str, Json)]) -> String {
    let mut line = format!("{{\"n\":{}", tail.number + 1);
    for (name, value) in members {
        line.push_str(&format!(",\"{name}\":{value}"));
    }
    line.push_str(&format!(",\"prev\":\"{}\"", tail.hash));
    let hash = hash(&line);
    let torn = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{torn}{line},\"hash\":\"{hash}\"}}\n")
}

/// What holds for a file of receipts with any content: reading it never fails, and a chain that is whole stays so when
/// the next receipt is written.
pub(crate) fn check_invariants(text: &str) {
    let _ = text.lines().filter_map(parse).count();
    let file = Path::new("receipts.jsonl");
    let Chain::Whole { receipts, torn, .. } = check_chain(&[(file, text)]) else { return };
    let tail = tail(text).unwrap_or_default();
    let longer = format!("{text}{}", line_after(&tail, text, &[("kind", "answer".into())]));
    match check_chain(&[(file, &longer)]) {
        Chain::Whole { receipts: now, torn: still, .. } => assert_eq!((now, still), (receipts + 1, torn)),
        broken => panic!("one more receipt broke the chain: {broken:?}"),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    match disk::text_at_most(path, MAX_FILE) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn hash(text: &str) -> String {
    hex(&shake128::<32>(&[text.as_bytes()]))
}

/// The part that is hashed, and the hash; `None` for a line without one.
fn split(line: &str) -> Option<(&str, &str)> {
    let (hashed, rest) = line.rsplit_once(",\"hash\":\"")?;
    let hash = rest.strip_suffix("\"}")?;
    (hash.len() == 64).then_some((hashed, hash))
}

fn link(line: &str) -> Option<(u64, String)> {
    let parsed: Json = serde_json::from_str(line).ok()?;
    // There is always a next number.
    let number = parsed.get("n")?.as_u64().filter(|number| *number < u64::MAX)?;
    Some((number, parsed.get("prev")?.as_str()?.to_owned()))
}

fn tail(text: &str) -> Option<Tail> {
    text.lines().rev().find_map(|line| {
        let (_, hash) = split(line)?;
        let (number, _) = link(line)?;
        Some(Tail { number, hash: hash.to_owned() })
    })
}

fn parse(line: &str) -> Option<Receipt> {
    let parsed: Json = serde_json::from_str(line).ok()?;
    let text = |name: &str| parsed.get(name).and_then(Json::as_str).map(str::to_owned);
    let kind = match text("kind")?.as_str() {
        "attempt" => ReceiptKind::Attempt { endpoint: text("endpoint")?, body: text("body")? },
        "answer" => {
            let word = text("outcome")?;
            ReceiptKind::Answer {
                outcome: Outcome::ALL.into_iter().find(|outcome| outcome.name() == word)?,
                status: parsed.get("status").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok()),
                note: text("note")?,
            }
        }
        _ => return None,
    };
    Some(Receipt { number: parsed.get("n")?.as_u64()?, at: text("at")?, message_id: text("messageId")?, kind })
}

#[cfg(test)]
mod tests;
