//! An Iceberg table, as loads and queries see it.

use super::commit::{self, Plan};
use super::form::form;
use super::manifest::{Entry, Manifest};
use super::metadata::State;
use super::store::Metadata;
use super::transform::Transform;
use crate::kept::{Change, Done, Form, Kept, Listed};
use dlt_engine::Result;
use dlt_objects::Store;
use std::collections::{BTreeMap, HashSet};

/// An Iceberg table, or the place of one.
#[derive(Debug)]
pub(crate) struct Iceberg {
    metadata: Metadata,
    before: Option<State>,
}

impl Iceberg {
    /// The table in a folder; it is not looked at yet.
    pub(crate) fn new(store: Store, table: &str) -> Self {
        Self { metadata: Metadata::of(store, table), before: None }
    }

    fn plan(&self, change: &Change<'_>) -> Result<Plan> {
        Plan::new(&self.metadata.title(), change, self.before.as_ref())
    }
}

/// What a file is that dlt cannot read; `None` for one that it can.
fn unreadable(state: &State, manifest: &Manifest, entry: &Entry) -> Option<String> {
    let file = &entry.file;
    if manifest.is_of_deletes || file.content != 0 {
        return Some(if file.content == 2 { "equality deletes" } else { "position deletes" }.to_owned());
    }
    if !file.format.eq_ignore_ascii_case("parquet") {
        return Some(format!("the format {}", file.format.to_lowercase()));
    }
    if file.key.is_some() {
        return Some("encrypted data".to_owned());
    }
    let parts = state.specs.get(&manifest.spec).map_or(&[][..], |spec| &spec.parts);
    let is_there = |id: i64| {
        let sizes = file.sizes.as_ref().filter(|sizes| !sizes.is_empty());
        sizes.is_none_or(|sizes| sizes.iter().any(|(column, _)| *column == id))
    };
    // Readers are to take the value of the manifest then.
    let mut parts = parts.iter().zip(&file.parts);
    let lacks =
        parts.any(|(part, value)| part.transform == Transform::Identity && value.is_some() && !is_there(part.source));
    lacks.then(|| "rows without a column by which it is divided".to_owned())
}

impl Kept for Iceberg {
    fn store(&self) -> &Store {
        &self.metadata.store
    }

    fn title(&self) -> String {
        self.metadata.title()
    }

    fn version(&self) -> Option<u64> {
        self.before.as_ref().map(|before| before.version.number)
    }

    fn look_without(&mut self, pending: &HashSet<String>) -> Result<()> {
        self.before = self.metadata.state(pending)?;
        Ok(())
    }

    fn check(&self, change: &Change<'_>) -> Result<()> {
        self.plan(change)?;
        match &self.before {
            Some(before) => commit::check(&self.metadata, before),
            None => commit::properties(&self.metadata, change.table).map(drop),
        }
    }

    fn form(&self, change: &Change<'_>, columns: &[String]) -> Result<Form> {
        let plan = self.plan(change)?;
        form(self.title(), &plan.shape, &plan.spec, columns)
    }

    fn files(&self) -> Result<Vec<Listed>> {
        let Some(state) = &self.before else { return Ok(Vec::new()) };
        let (mut files, mut snapshots) = (Vec::new(), HashSet::new());
        for manifest in state.manifests.iter().filter(|manifest| manifest.is_live()) {
            for entry in self.metadata.entries(state, manifest)?.into_iter().filter(Entry::is_live) {
                if let Some(what) = unreadable(state, manifest, &entry) {
                    return Err(self.metadata.refused(&format!("has files of {what}, which dlt cannot read")));
                }
                let key = self.metadata.key(state, &entry.file.path)?;
                snapshots.insert(entry.snapshot);
                files.push(Listed { path: entry.file.path, key, partition: BTreeMap::new() });
            }
        }
        match state.other_column(&snapshots) {
            None => Ok(files),
            Some(column) => {
                let what = format!("has a column that was renamed or replaced (`{column}`), which dlt cannot read");
                Err(self.metadata.refused(&what))
            }
        }
    }

    fn done_by(&self, load_id: &str, _: Option<u64>) -> Result<Option<Done>> {
        Ok(self.metadata.state(&HashSet::new())?.and_then(|state| state.done_by(load_id)))
    }

    fn take_out(&self, load_id: &str, paths: Vec<String>) -> Result<bool> {
        self.before.as_ref().map_or(Ok(true), |before| commit::take_out(&self.metadata, before, load_id, paths))
    }

    fn commit(&self, change: &Change<'_>) -> Result<bool> {
        commit::write(&self.metadata, change, self.before.clone())
    }

    fn finish(&self) -> Result<()> {
        commit::write_hint(&self.metadata)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::manifest::{File, Status};
    use super::super::paths::Version;
    use super::super::scalar::Scalar;
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told() {
        let metadata = br#"{"format-version": 2, "location": "file:///t", "current-schema-id": 0,
            "schemas": [{"schema-id": 0, "fields": [{"id": 1, "name": "day", "type": "date", "required": false}]}],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": [
                {"source-id": 1, "field-id": 1000, "transform": "identity", "name": "day"}]}]}"#;
        let state = State::parse(Version::of("v1.metadata.json").unwrap(), metadata).unwrap();
        let plain = File {
            format: "PARQUET".into(),
            parts: vec![Some(Scalar::Int(1))],
            sizes: Some(vec![(1, 9)]),
            ..File::default()
        };
        let told = |file: File, is_of_deletes: bool| {
            let manifest = Manifest { is_of_deletes, ..Manifest::default() };
            let entry = Entry { status: Status::Added, snapshot: 1, sequence: None, file_sequence: None, file };
            unreadable(&state, &manifest, &entry)
        };
        assert_eq!(told(plain.clone(), false), None);
        assert_eq!(told(File { sizes: None, ..plain.clone() }, false), None, "who says nothing may have it");
        for (file, is_of_deletes, what) in [
            (File { content: 1, ..plain.clone() }, true, "position deletes"),
            (File { content: 2, ..plain.clone() }, true, "equality deletes"),
            (File { format: "ORC".into(), ..plain.clone() }, false, "the format orc"),
            (File { key: Some(vec![1]), ..plain.clone() }, false, "encrypted data"),
            (File { sizes: Some(vec![(2, 9)]), ..plain }, false, "rows without a column by which it is divided"),
        ] {
            assert_eq!(told(file, is_of_deletes).as_deref(), Some(what));
        }
    }
}
