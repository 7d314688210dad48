//! Normalize: chunks in, job files out, on all cores, with the result of a single one.
//!
//! A coordinator hands chunks to workers, each with the schema as it is known by then, and takes the results back *in the
//! order of the chunks*. A chunk that found nothing new is taken as it is. One that found a new column or table is taken
//! only if no chunk before it changed the schema in the meantime; else it is normalized again with the schema of its turn.
//! So types are decided by the first value in the input, whatever the timing, and almost nothing is done twice, because
//! schemas settle within the first chunk, which goes alone.
//!
//! Memory is bounded by the number of chunks under way and by the rows that wait to fill a job file.

mod arrow;
mod breach;
mod chunk;
mod column;
mod contract;
mod digests;
mod fast_path;
mod files;
mod ids;
mod layout;
mod names;
mod rejected;
mod rows;
mod slow_path;
#[cfg(test)]
mod tests;

use crate::choice::ColumnChoice;
use crate::discarded::Discarded;
use crate::error::{Error, ErrorKind, Result};
use crate::json::Surrogates;
use crate::naming::Naming;
use crate::package::JobFile;
use crate::schema::{Schema, Table};
use crate::source::{Chunk, Reader, TableHints};
use chunk::NormalizedChunk;
pub(crate) use chunk::RepeatedKeys;
use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use files::{PendingRows, RowGroup};
use layout::Layout;
pub(crate) use layout::Renamed;
use rejected::Rejected;
pub(crate) use rejected::declare as declare_rejected;
use rows::Rows;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// Chunks that the reader may be ahead.
const CHUNKS_AHEAD: usize = 2;
/// What a chunk under way takes: its text, and what it becomes.
const CHUNK_MEMORY: usize = 16 << 20;
/// Nested data is walked by recursion: a thousand levels have to fit.
pub(crate) const WORKER_STACK_BYTES: usize = 16 << 20;

/// What normalizing needs to know beside the data.
pub(crate) struct Settings<'a> {
    pub(crate) load_id: &'a str,
    pub(crate) naming: Naming,
    pub(crate) workers: usize,
    /// Bytes that the rows under way may take.
    pub(crate) memory: usize,
    pub(crate) surrogates: Surrogates,
    /// The table that takes the rows which contracts leave out, if one does.
    pub(crate) rejected: Option<String>,
    /// Folder of the job files.
    pub(crate) folder: PathBuf,
    /// Called after each chunk with its rows of the root table and its bytes.
    pub(crate) on_progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// Bytes for rows under way, where at most `limit` may be taken. More than this would not make it faster.
pub(crate) fn memory(workers: usize, limit: Option<u64>) -> usize {
    let useful = (14 + workers) * CHUNK_MEMORY;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    useful.min(limit).max(CHUNK_MEMORY)
}

/// The table that is filled, and what of the data fills it.
struct Root {
    name: String,
    /// The keys of the data that were named as the primary or merge key, as they were spelled.
    key: Arc<[String]>,
    choice: Option<Arc<ColumnChoice>>,
}

enum Job {
    Normalize { number: u64, chunk: Chunk, schema: Arc<Schema>, version: u64, root: Arc<Root> },
    Write(RowGroup),
}

enum Done {
    Normalized { number: u64, chunk: Chunk, version: u64, result: Result<NormalizedChunk> },
    Written(Result<JobFile>),
}

/// Normalizes resources one after the other into one set of job files.
pub(crate) struct Normalizer<'a> {
    settings: &'a Settings<'a>,
    schema: Arc<Schema>,
    /// Grows with every change of `schema`, across resources.
    version: u64,
    /// The version with which a key was last named apart. Rows that were read before know nothing of it.
    renamed_at: u64,
    renamed: Renamed,
    repeated: Option<RepeatedKeys>,
    /// Variant columns that got values, each with its table.
    variants: BTreeSet<(String, String)>,
    /// What contracts left out.
    discarded: Vec<Discarded>,
    rejected: Option<Rejected>,
    pending: PendingRows,
    files: Vec<JobFile>,
}

impl<'a> Normalizer<'a> {
    pub(crate) fn new(settings: &'a Settings<'a>, schema: Schema) -> Self {
        let pending = PendingRows::new(settings.folder.clone(), settings.memory);
        Self {
            settings,
            schema: Arc::new(schema),
            version: 0,
            renamed_at: 0,
            renamed: Renamed::new(),
            repeated: None,
            variants: BTreeSet::new(),
            discarded: Vec::new(),
            rejected: settings.rejected.clone().map(Rejected::new),
            pending,
            files: Vec::new(),
        }
    }

    /// Normalizes everything that `reader` gives into the root table `root` and its nested tables. Where other keys could be
    /// taken for the primary or merge key that `hints` name, the name is theirs.
    ///
    /// # Errors
    /// The first error in the order of the input; what was written is then of no use.
    pub(crate) fn normalize(&mut self, root: &str, hints: &TableHints, reader: &mut dyn Reader) -> Result<()> {
        let key = [&hints.primary_key[..], &hints.merge_key].concat().into();
        let choice = (!hints.choice.is_everything()).then(|| Arc::new(hints.choice.clone()));
        let root = Arc::new(Root { name: root.to_owned(), key, choice });
        std::thread::scope(|scope| {
            let (chunk_tx, chunk_rx) = bounded(CHUNKS_AHEAD);
            // Without bounds of their own: the coordinator has at most a few jobs under way, and never waits for a place.
            let (job_tx, job_rx) = unbounded();
            let (done_tx, done_rx) = unbounded();
            spawn(scope, "dlt-extract", move || read_all(reader, &chunk_tx))?;
            for _ in 0..self.settings.workers {
                let (jobs, done) = (job_rx.clone(), done_tx.clone());
                let settings = self.settings;
                spawn(scope, "dlt-normalize", move || work(&jobs, &done, settings))?;
            }
            drop((job_rx, done_tx));
            self.coordinate(&root, &chunk_rx, &job_tx, &done_rx)
        })
    }

    fn coordinate(
        &mut self,
        root: &Arc<Root>,
        chunks: &Receiver<Result<Chunk>>,
        jobs: &Sender<Job>,
        done: &Receiver<Done>,
    ) -> Result<()> {
        let at_most = (self.settings.workers + 1).min(self.settings.memory / CHUNK_MEMORY).max(1);
        let (mut next_number, mut next_in_turn) = (0_u64, 0_u64);
        let mut finished: BTreeMap<u64, (Chunk, u64, Result<NormalizedChunk>)> = BTreeMap::new();
        let mut writing = 0_usize;
        let mut input_error: Option<Error> = None;
        let mut input_ended = false;
        loop {
            let under_way = (next_number - next_in_turn) as usize;
            // The first chunk goes alone: it settles the schema for the others.
            let has_room = if next_in_turn == 0 { under_way == 0 } else { under_way < at_most };
            let may_read = !input_ended && has_room && writing < at_most;
            if !may_read && under_way == 0 && writing == 0 {
                break;
            }
            let event = if may_read {
                select! {
                    recv(chunks) -> chunk => match chunk {
                        Ok(Ok(chunk)) => {
                            let _ = jobs.send(self.normalize_job(next_number, chunk, root));
                            next_number += 1;
                            None
                        }
                        Ok(Err(error)) => {
                            input_error = Some(error);
                            input_ended = true;
                            None
                        }
                        Err(_) => {
                            input_ended = true;
                            None
                        }
                    },
                    recv(done) -> event => Some(event),
                }
            } else {
                Some(done.recv())
            };
            match event {
                None => {}
                Some(Err(_)) => return Err(Error::new(ErrorKind::Internal, "a worker stopped early")),
                Some(Ok(Done::Written(file))) => {
                    writing -= 1;
                    self.files.push(file?);
                }
                Some(Ok(Done::Normalized { number, chunk, version, result })) => {
                    finished.insert(number, (chunk, version, result));
                }
            }
            while let Some((chunk, version, result)) = finished.remove(&next_in_turn) {
                // A chunk that failed or found news with an older schema gets its say with the one of its turn.
                let is_stale = version != self.version;
                let is_wrong = |normalized: &NormalizedChunk| {
                    normalized.has_news || !normalized.discarded.is_empty() || version < self.renamed_at
                };
                if is_stale && result.as_ref().map_or(true, is_wrong) {
                    let _ = jobs.send(self.normalize_job(next_in_turn, chunk, root));
                    break;
                }
                next_in_turn += 1;
                let bytes = chunk_bytes(&chunk);
                let normalized = result?;
                self.keep_rejected(&chunk, &normalized)?;
                let rows = self.take(&root.name, normalized)?;
                (self.settings.on_progress)(rows, bytes);
            }
            for group in self.pending.full_groups() {
                let _ = jobs.send(Job::Write(group));
                writing += 1;
            }
        }
        match input_error {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn normalize_job(&self, number: u64, chunk: Chunk, root: &Arc<Root>) -> Job {
        Job::Normalize { number, chunk, schema: self.schema.clone(), version: self.version, root: root.clone() }
    }

    /// Takes a chunk in its turn; returns its rows of the root table.
    fn take(&mut self, root: &str, normalized: NormalizedChunk) -> Result<u64> {
        let mut root_rows = 0;
        if normalized.has_news {
            self.version += 1;
        }
        self.renamed.extend(normalized.renamed);
        match (&mut self.repeated, normalized.repeated) {
            (Some(known), Some(more)) => known.count += more.count,
            (known, more) => *known = known.take().or(more),
        }
        self.count_discarded(normalized.discarded);
        for found in normalized.tables {
            let is_known = self.schema.tables.contains_key(&found.table);
            if !(found.new_columns.is_empty() && found.new_owners.is_empty() && is_known) {
                let schema = Arc::make_mut(&mut self.schema);
                let parent = found.parent.as_deref().unwrap_or_default();
                if let Some(known) = schema.tables.get(&found.table)
                    && known.parent.as_deref() != found.parent.as_deref()
                {
                    return Err(two_makers(&found.table, known, parent));
                }
                let table =
                    schema.tables.entry(found.table.clone()).or_insert_with(|| Table::nested(&found.table, parent));
                for column in found.new_columns {
                    // A column that was only hinted moves to where its type was found.
                    table.columns.shift_remove(&column.name);
                    table.add(column);
                }
                for (name, keys) in found.new_owners {
                    self.renamed_at = self.version;
                    table.claim(&name, &keys);
                }
            }
            if found.table == root {
                root_rows = found.rows.count as u64;
            }
            self.note_variants(&found.table, &found.rows);
            // A table may have got columns and no rows.
            if found.rows.count > 0 {
                self.pending.push(found.table, found.rows);
            }
        }
        Ok(root_rows)
    }

    fn note_variants(&mut self, name: &str, rows: &Rows) {
        let Some(table) = self.schema.tables.get(name) else { return };
        for (field, _) in &rows.columns {
            if table.columns.get(field.name()).is_some_and(|column| column.is("variant")) {
                self.variants.insert((name.to_owned(), field.name().clone()));
            }
        }
    }

    /// Variant columns that got values so far, each with its table.
    pub(crate) fn take_variants(&mut self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.variants)
    }

    /// The keys that objects had twice so far.
    pub(crate) fn take_repeated(&mut self) -> Option<RepeatedKeys> {
        self.repeated.take()
    }

    /// The keys that were named apart so far.
    pub(crate) fn take_renamed(&mut self) -> Renamed {
        std::mem::take(&mut self.renamed)
    }

    /// Writes what is left and returns the schema and all job files.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn finish(mut self) -> Result<(Schema, Vec<JobFile>)> {
        self.finish_rejected()?;
        let groups = self.pending.all_groups();
        std::thread::scope(|scope| {
            let (group_tx, group_rx) = unbounded::<RowGroup>();
            let (file_tx, file_rx) = unbounded();
            for _ in 0..self.settings.workers.min(groups.len()) {
                let (groups, files) = (group_rx.clone(), file_tx.clone());
                spawn(scope, "dlt-write", move || groups.iter().for_each(|group| drop(files.send(write(group)))))?;
            }
            drop((group_rx, file_tx));
            for group in groups {
                let _ = group_tx.send(group);
            }
            drop(group_tx);
            for file in file_rx {
                self.files.push(file?);
            }
            Ok(())
        })?;
        let mut schema = Arc::unwrap_or_clone(self.schema);
        schema.tables.retain(|_, table| !table.is_barred);
        for file in &self.files {
            if let Some(table) = schema.tables.get_mut(&file.table) {
                table.mark_seen();
            }
        }
        self.files.sort_by(|a, b| (&a.table, &a.name).cmp(&(&b.table, &b.name)));
        Ok((schema, self.files))
    }
}

/// A list would fill a table that belongs elsewhere.
fn two_makers(table: &str, known: &Table, parent: &str) -> Error {
    let other = match &known.parent {
        Some(other) => format!("a list of `{other}`"),
        None => "another resource".to_owned(),
    };
    Error::new(ErrorKind::Data, format!("a list of `{parent}` would fill table `{table}`, which {other} fills already"))
        .hint("give one of the two root tables another name")
}

fn spawn<'scope, F>(scope: &'scope std::thread::Scope<'scope, '_>, name: &str, body: F) -> Result<()>
where
    F: FnOnce() + Send + 'scope,
{
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(WORKER_STACK_BYTES);
    match builder.spawn_scoped(scope, body) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(ErrorKind::Storage, "the system gives no further thread").because(error)),
    }
}

fn read_all(reader: &mut dyn Reader, chunks: &Sender<Result<Chunk>>) {
    while let Some(chunk) = reader.next_chunk().transpose() {
        let failed = chunk.is_err();
        // The receiver is gone when the run has failed elsewhere.
        if chunks.send(chunk).is_err() || failed {
            return;
        }
    }
}

fn work(jobs: &Receiver<Job>, done: &Sender<Done>, settings: &Settings<'_>) {
    let mut kept: Option<(Arc<Root>, u64, Layout)> = None;
    for job in jobs {
        let outcome = match job {
            Job::Write(group) => Done::Written(write(group)),
            Job::Normalize { number, chunk, schema, version, root } => {
                let fresh = |_| {
                    let mut layout = Layout::new(&schema, &root.name, settings.naming)?;
                    layout.spelled_key = root.key.clone();
                    layout.choice = root.choice.clone();
                    layout.surrogates = settings.surrogates;
                    layout.left_out.keeps_rows = settings.rejected.is_some();
                    Ok((root.clone(), version, layout))
                };
                let layout = kept
                    .take()
                    .filter(|kept| Arc::ptr_eq(&kept.0, &root) && kept.1 == version)
                    .ok_or(())
                    .or_else(fresh);
                let result = layout.and_then(|(root, version, mut layout)| {
                    let normalized =
                        catch_unwind(AssertUnwindSafe(|| chunk::normalize(&chunk, &mut layout, settings.load_id)));
                    // A worker that is gone would leave the others waiting.
                    let result = normalized.unwrap_or_else(|_| Err(panicked()))?;
                    if !result.has_news && !layout.is_crowded() {
                        kept = Some((root, version, layout));
                    }
                    Ok(result)
                });
                Done::Normalized { number, chunk, version, result }
            }
        };
        if done.send(outcome).is_err() {
            return;
        }
    }
}

fn write(group: RowGroup) -> Result<JobFile> {
    catch_unwind(AssertUnwindSafe(|| group.write())).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a worker met a case that was not foreseen")
        .hint("this is a bug of dlt: please report it, with the lines above")
}

fn chunk_bytes(chunk: &Chunk) -> u64 {
    match chunk {
        Chunk::Json(chunk) => chunk.bytes.len() as u64,
        Chunk::Arrow(chunk) => chunk.batch.get_array_memory_size() as u64,
    }
}
