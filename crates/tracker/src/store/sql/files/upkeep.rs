//! Fewer and larger files, and an end of those that no table has any more.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use dlt_destination_filesystem::together::DataFile;
use dlt_engine::Error;

use super::Shared;
use super::mirror::IDS;
use crate::store::schema::{EVENTS, LISTS};

/// So many files of about one size become one.
pub(super) const MANY: usize = 24;

/// Sizes that are about one, up to so many bytes each; what is larger stays as it is.
const SIZES: [u64; 3] = [1 << 20, 16 << 20, 128 << 20];

/// How long a file that is no part of the tables any more can still be read.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// How often such files are looked for.
const SWEEP: Duration = Duration::from_secs(30 * 60);

/// Does what is due.
pub(super) fn when_due(shared: &Shared) -> Result<(), Error> {
    let mut state = shared.current()?;
    let Some(mirror) = state.mirror.as_mut() else { return Ok(()) };
    if mirror.swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
        mirror.swept = Some(Instant::now());
        mirror.tables.sweep(GRACE)?;
        if mirror.in_files.contains_key(EVENTS) {
            let ids = format!(
                "SELECT (SELECT count(*) FROM {IDS}) - 2 * (SELECT count(*) FROM {EVENTS}) - 100000 AS too_many"
            );
            if mirror.database.number("count the events", &ids)? > 0 {
                mirror.know_ids()?;
            }
        }
    }
    let names: Vec<String> = mirror.in_files.keys().cloned().collect();
    drop(state);
    for name in names {
        while let Some(group) = group(shared, &name)? {
            let mut change = shared.change()?;
            let mirror = change.mirror()?;
            let Some(table) = mirror.in_files.get(&name).cloned() else { break };
            let rows = mirror.rows(&table, &group, None)?;
            // As they came, so that a range of numbers is in few places.
            let order = if name.starts_with(LISTS) { "_dlt_root_id, _dlt_list_idx" } else { "journal_seq" };
            let (adds, files) = change.write(&name, &format!("{rows} ORDER BY {order}"))?;
            let gone: HashSet<String> = group.into_iter().map(|file| file.path).collect();
            change.replace(&name, &gone, adds, files, true)?;
            change.commit()?;
        }
    }
    Ok(())
}

/// Files of a table that are to become one.
fn group(shared: &Shared, name: &str) -> Result<Option<Vec<DataFile>>, Error> {
    let state = shared.current()?;
    let files = state.mirror.as_ref().and_then(|mirror| mirror.in_files.get(name)).map(|table| &*table.files);
    let mut groups: BTreeMap<(&[Option<String>], usize), Vec<&DataFile>> = BTreeMap::new();
    for file in files.unwrap_or_default() {
        if let Some(size) = SIZES.iter().position(|most| file.size < *most) {
            groups.entry((&file.values, size)).or_default().push(file);
        }
    }
    Ok(groups.into_values().find(|files| files.len() >= MANY).map(|files| files.into_iter().cloned().collect()))
}
