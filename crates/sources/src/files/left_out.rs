//! What was found in folders, and what is said of that which is not read.

use super::format::Format;
use super::open::Place;
use dlt_engine::Notice;
use std::path::PathBuf;

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    pub(crate) place: Place,
    /// `None` for a stream that has to be looked at.
    pub(crate) format: Option<Format>,
    /// Name of the table, if none is given.
    pub(crate) stem: String,
}

/// What was found behind the paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<DataFile>,
    /// What is in the folders and is not read, hidden files aside.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A file in a folder that is not read.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    pub(crate) path: PathBuf,
    /// `.txt`, `pipe or device`
    pub(crate) kind: String,
}

impl Found {
    /// Says what was left out: how many of each kind.
    pub(crate) fn left_out_notice(&self) -> Option<Notice> {
        if self.left_out.is_empty() {
            return None;
        }
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for LeftOut { kind, .. } in &self.left_out {
            match kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest: usize = kinds.iter().skip(MAX_KINDS).map(|(_, count)| count).sum();
        let mut parts: Vec<String> =
            kinds.iter().take(MAX_KINDS).map(|(kind, count)| format!("{count} of {kind}")).collect();
        if rest > 0 {
            parts.push(format!("{rest} of other kinds"));
        }
        let count = self.left_out.len();
        let files = if count == 1 { "1 file was" } else { &format!("{count} files were") };
        let notice = Notice::new(format!("{files} left out: {}", parts.join(", ")));
        let hint = "name a file, or a pattern such as `folder/*.jsonl.*`, to load it; with `--format` a folder gives every file; `-v` lists them";
        Some(notice.hint(hint).details(self.left_out.iter().map(|left| left.path.display().to_string())))
    }
}

/// So many kinds of files that were left out are told apart.
const MAX_KINDS: usize = 6;
