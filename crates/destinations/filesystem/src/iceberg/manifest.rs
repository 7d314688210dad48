//! Manifests: which data files a snapshot has, and the lists of them.

use super::avro::{self, Record, map_of, optional, record};
use super::kind::Kind;
use super::scalar::Scalar;
use super::spec::Spec;
use super::transform::Transform;
use apache_avro::types::Value;
use dlt_engine::Result;
use serde_json::json;

/// Values by the numbers of columns.
pub(super) type Counts = Option<Vec<(i64, i64)>>;
pub(super) type Bounds = Option<Vec<(i64, Vec<u8>)>>;

/// A manifest, as the list of a snapshot has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Manifest {
    pub(super) path: String,
    pub(super) length: i64,
    pub(super) spec: i64,
    /// Whether its files say which rows are deleted.
    pub(super) is_of_deletes: bool,
    pub(super) sequence: i64,
    pub(super) least_sequence: i64,
    pub(super) snapshot: i64,
    /// Files and rows that were added, existed, were deleted; not every tool tells.
    pub(super) added: Tally,
    pub(super) existing: Tally,
    pub(super) deleted: Tally,
    pub(super) parts: Option<Vec<Summary>>,
    pub(super) key: Option<Vec<u8>>,
}

/// Files and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) files: Option<i64>,
    pub(super) rows: Option<i64>,
}

/// The values of a part of the spec in all files of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    has_none: bool,
    has_nan: Option<bool>,
    least: Option<Vec<u8>>,
    most: Option<Vec<u8>>,
}

/// What a snapshot says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Existing = 0,
    Added = 1,
    Deleted = 2,
}

/// A file, as a manifest has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) status: Status,
    /// The snapshot that added or deleted it.
    pub(super) snapshot: i64,
    /// When its rows, and the file itself, came; `None` for the time of the manifest.
    pub(super) sequence: Option<i64>,
    pub(super) file_sequence: Option<i64>,
    pub(super) file: File,
}

/// A data file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) content: i64,
    pub(super) path: String,
    pub(super) format: String,
    /// By the parts of the spec.
    pub(super) parts: Vec<Option<Scalar>>,
    pub(super) rows: i64,
    pub(super) size: i64,
    pub(super) sizes: Counts,
    pub(super) values: Counts,
    pub(super) nulls: Counts,
    pub(super) nans: Counts,
    pub(super) least: Bounds,
    pub(super) most: Bounds,
    pub(super) key: Option<Vec<u8>>,
    pub(super) splits: Option<Vec<i64>>,
    pub(super) equality: Option<Vec<i64>>,
    pub(super) order: Option<i64>,
}

impl Manifest {
    /// Whether files of it are part of the table.
    pub(super) fn is_live(&self) -> bool {
        // Who tells nothing may have some.
        self.added.files != Some(0) || self.existing.files != Some(0)
    }

    fn parse(record: &Record) -> Option<Self> {
        // The names of old have `data` in them.
        let count = |name: &str, old: &str| record.integer(name).or_else(|| record.integer(old));
        Some(Self {
            path: record.text("manifest_path")?,
            length: record.integer("manifest_length")?,
            spec: record.integer("partition_spec_id")?,
            is_of_deletes: record.integer("content").unwrap_or(0) != 0,
            sequence: record.integer("sequence_number").unwrap_or(0),
            least_sequence: record.integer("min_sequence_number").unwrap_or(0),
            snapshot: record.integer("added_snapshot_id").unwrap_or(0),
            added: Tally {
                files: count("added_files_count", "added_data_files_count"),
                rows: record.integer("added_rows_count"),
            },
            existing: Tally {
                files: count("existing_files_count", "existing_data_files_count"),
                rows: record.integer("existing_rows_count"),
            },
            deleted: Tally {
                files: count("deleted_files_count", "deleted_data_files_count"),
                rows: record.integer("deleted_rows_count"),
            },
            parts: record.records("partitions").map(|parts| parts.iter().map(Summary::parse).collect()),
            key: record.bytes("key_metadata"),
        })
    }

    fn to_avro(&self) -> Value {
        let count = |files: Option<i64>| Value::Int(i32::try_from(files.unwrap_or(0)).unwrap_or(i32::MAX));
        let rows = |rows: Option<i64>| Value::Long(rows.unwrap_or(0));
        record(vec![
            ("manifest_path", Value::String(self.path.clone())),
            ("manifest_length", Value::Long(self.length)),
            ("partition_spec_id", int(self.spec)),
            ("content", Value::Int(self.is_of_deletes.into())),
            ("sequence_number", Value::Long(self.sequence)),
            ("min_sequence_number", Value::Long(self.least_sequence)),
            ("added_snapshot_id", Value::Long(self.snapshot)),
            ("added_files_count", count(self.added.files)),
            ("existing_files_count", count(self.existing.files)),
            ("deleted_files_count", count(self.deleted.files)),
            ("added_rows_count", rows(self.added.rows)),
            ("existing_rows_count", rows(self.existing.rows)),
            ("deleted_rows_count", rows(self.deleted.rows)),
            (
                "partitions",
                optional(self.parts.as_ref().map(|parts| Value::Array(parts.iter().map(Summary::to_avro).collect()))),
            ),
            ("key_metadata", optional(self.key.clone().map(Value::Bytes))),
        ])
    }
}

impl Summary {
    fn parse(record: &Record) -> Self {
        Self {
            has_none: record.flag("contains_null").unwrap_or(true),
            has_nan: record.flag("contains_nan"),
            least: record.bytes("lower_bound"),
            most: record.bytes("upper_bound"),
        }
    }

    /// Of the values that files have of one part.
    fn of<'a>(values: impl Iterator<Item = Option<&'a Scalar>>) -> Self {
        let (mut summary, mut bounds) = (Self { has_nan: Some(false), ..Self::default() }, None::<(&Scalar, &Scalar)>);
        for value in values {
            match value {
                None => summary.has_none = true,
                Some(value) if value.is_nan() => summary.has_nan = Some(true),
                Some(value) => {
                    let (least, most) = bounds.unwrap_or((value, value));
                    let least = if value.order(least).is_lt() { value } else { least };
                    bounds = Some((least, if value.order(most).is_gt() { value } else { most }));
                }
            }
        }
        summary.least = bounds.map(|(least, _)| least.bytes());
        summary.most = bounds.map(|(_, most)| most.bytes());
        summary
    }

    fn to_avro(&self) -> Value {
        record(vec![
            ("contains_null", Value::Boolean(self.has_none)),
            ("contains_nan", optional(self.has_nan.map(Value::Boolean))),
            ("lower_bound", optional(self.least.clone().map(Value::Bytes))),
            ("upper_bound", optional(self.most.clone().map(Value::Bytes))),
        ])
    }
}

impl Entry {
    /// Whether the file is part of the table.
    pub(super) fn is_live(&self) -> bool {
        self.status != Status::Deleted
    }

    fn parse(record: &Record, manifest: &Manifest, spec: &Spec) -> Option<Self> {
        let status = match record.integer("status")? {
            0 => Status::Existing,
            1 => Status::Added,
            2 => Status::Deleted,
            _ => return None,
        };
        // What a snapshot adds has the number of its manifest.
        let inherited = (status == Status::Added).then_some(manifest.sequence);
        Some(Self {
            status,
            snapshot: record.integer("snapshot_id").unwrap_or(manifest.snapshot),
            sequence: record.integer("sequence_number").or(inherited),
            file_sequence: record.integer("file_sequence_number").or(inherited),
            file: File::parse(&record.record("data_file")?, spec)?,
        })
    }

    fn to_avro(&self, spec: &Spec) -> Value {
        record(vec![
            ("status", Value::Int(self.status as i32)),
            ("snapshot_id", optional(Some(Value::Long(self.snapshot)))),
            ("sequence_number", optional(self.sequence.map(Value::Long))),
            ("file_sequence_number", optional(self.file_sequence.map(Value::Long))),
            ("data_file", self.file.to_avro(spec)),
        ])
    }
}

impl File {
    fn parse(record: &Record, spec: &Spec) -> Option<Self> {
        let counts = |name: &str| -> Counts {
            record.records(name)?.iter().map(|pair| Some((pair.integer("key")?, pair.integer("value")?))).collect()
        };
        let bounds = |name: &str| -> Bounds {
            record.records(name)?.iter().map(|pair| Some((pair.integer("key")?, pair.bytes("value")?))).collect()
        };
        let parts = record.record("partition")?;
        let value = |part: &super::spec::Part| match parts.get(&avro::name(&part.name)) {
            Some(value) if part.transform != Transform::Void => Scalar::of_avro(value, &part.kind).map(Some),
            _ => Some(None),
        };
        Some(Self {
            content: record.integer("content").unwrap_or(0),
            path: record.text("file_path")?,
            format: record.text("file_format")?,
            parts: spec.parts.iter().map(value).collect::<Option<_>>()?,
            rows: record.integer("record_count")?,
            size: record.integer("file_size_in_bytes")?,
            sizes: counts("column_sizes"),
            values: counts("value_counts"),
            nulls: counts("null_value_counts"),
            nans: counts("nan_value_counts"),
            least: bounds("lower_bounds"),
            most: bounds("upper_bounds"),
            key: record.bytes("key_metadata"),
            splits: record.integers("split_offsets"),
            equality: record.integers("equality_ids"),
            order: record.integer("sort_order_id"),
        })
    }

    fn to_avro(&self, spec: &Spec) -> Value {
        let pairs = |pairs: Vec<(i64, Value)>| {
            let pairs = pairs.into_iter().map(|(key, value)| record(vec![("key", int(key)), ("value", value)]));
            Value::Array(pairs.collect())
        };
        let counts = |counts: &Counts| {
            let counts = counts.as_ref();
            optional(counts.map(|counts| pairs(counts.iter().map(|(key, n)| (*key, Value::Long(*n))).collect())))
        };
        let bounds = |bounds: &Bounds| {
            let bounds = bounds.as_ref();
            let pair = |(key, bytes): &(i64, Vec<u8>)| (*key, Value::Bytes(bytes.clone()));
            optional(bounds.map(|bounds| pairs(bounds.iter().map(pair).collect())))
        };
        let longs = |longs: &Option<Vec<i64>>| {
            optional(longs.as_ref().map(|longs| Value::Array(longs.iter().map(|long| Value::Long(*long)).collect())))
        };
        let parts = spec.parts.iter().zip(&self.parts);
        let parts = parts.map(|(part, value)| {
            (avro::name(&part.name), optional(value.as_ref().map(|value| value.to_avro(&part.kind))))
        });
        record(vec![
            ("content", int(self.content)),
            ("file_path", Value::String(self.path.clone())),
            ("file_format", Value::String(self.format.clone())),
            ("partition", Value::Record(parts.collect())),
            ("record_count", Value::Long(self.rows)),
            ("file_size_in_bytes", Value::Long(self.size)),
            ("column_sizes", counts(&self.sizes)),
            ("value_counts", counts(&self.values)),
            ("null_value_counts", counts(&self.nulls)),
            ("nan_value_counts", counts(&self.nans)),
            ("lower_bounds", bounds(&self.least)),
            ("upper_bounds", bounds(&self.most)),
            ("key_metadata", optional(self.key.clone().map(Value::Bytes))),
            ("split_offsets", longs(&self.splits)),
            ("equality_ids", longs(&self.equality)),
            ("sort_order_id", optional(self.order.map(int))),
        ])
    }
}

fn int(value: i64) -> Value {
    Value::Int(i32::try_from(value).unwrap_or(i32::MAX))
}

/// Reads the list of a snapshot.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_list(bytes: &[u8]) -> Result<Vec<Manifest>, String> {
    let records = avro::read(bytes)?;
    let manifests =
        records.iter().map(|record| Manifest::parse(record).ok_or_else(|| "an entry of another form".into()));
    manifests.collect()
}

/// Reads a manifest.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_manifest(bytes: &[u8], manifest: &Manifest, spec: &Spec) -> Result<Vec<Entry>, String> {
    let records = avro::read(bytes)?;
    let entry = |record: &Record| Entry::parse(record, manifest, spec).ok_or_else(|| "a file of another form".into());
    records.iter().map(entry).collect()
}

/// What a snapshot is, for the files that it writes.
pub(super) struct Snapshot<'a> {
    pub(super) id: i64,
    pub(super) parent: Option<i64>,
    pub(super) sequence: i64,
    /// The schema, as the metadata has it.
    pub(super) schema: &'a serde_json::Value,
}

/// A manifest of entries, with its bytes; `path` is where these will be.
///
/// # Errors
/// As [`avro::write`].
pub(super) fn manifest(
    snapshot: &Snapshot<'_>,
    spec: &Spec,
    entries: &[Entry],
    path: String,
) -> Result<(Manifest, Vec<u8>)> {
    let said = [
        ("schema", snapshot.schema.to_string()),
        ("partition-spec", spec.fields().to_string()),
        ("partition-spec-id", spec.id.to_string()),
        ("format-version", "2".to_owned()),
        ("content", "data".to_owned()),
    ];
    let bytes = avro::write(&entry_schema(spec), &said, entries.iter().map(|entry| entry.to_avro(spec)).collect())?;
    let tally = |status: Status| {
        let rows = entries.iter().filter(|entry| entry.status == status).map(|entry| entry.file.rows);
        Tally { files: i64::try_from(rows.clone().count()).ok(), rows: Some(rows.sum()) }
    };
    let live = entries.iter().filter(|entry| entry.is_live());
    let parts = (0..spec.parts.len())
        .map(|at| Summary::of(entries.iter().map(|entry| entry.file.parts.get(at).and_then(Option::as_ref))));
    let manifest = Manifest {
        path,
        length: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        spec: spec.id,
        is_of_deletes: false,
        sequence: snapshot.sequence,
        least_sequence: live.filter_map(|entry| entry.sequence).min().unwrap_or(snapshot.sequence),
        snapshot: snapshot.id,
        added: tally(Status::Added),
        existing: tally(Status::Existing),
        deleted: tally(Status::Deleted),
        parts: Some(parts.collect()),
        key: None,
    };
    Ok((manifest, bytes))
}

/// The list of a snapshot.
///
/// # Errors
/// As [`avro::write`].
pub(super) fn list(snapshot: &Snapshot<'_>, manifests: &[Manifest]) -> Result<Vec<u8>> {
    let said = [
        ("snapshot-id", snapshot.id.to_string()),
        ("parent-snapshot-id", snapshot.parent.map_or_else(|| "null".to_owned(), |id| id.to_string())),
        ("sequence-number", snapshot.sequence.to_string()),
        ("format-version", "2".to_owned()),
    ];
    avro::write(&list_schema(), &said, manifests.iter().map(Manifest::to_avro).collect())
}

fn field(id: u32, name: &str, kind: serde_json::Value) -> serde_json::Value {
    json!({"name": name, "type": kind, "field-id": id})
}

fn maybe(id: u32, name: &str, kind: serde_json::Value) -> serde_json::Value {
    json!({"name": name, "type": ["null", kind], "default": null, "field-id": id})
}

fn list_schema() -> serde_json::Value {
    let summary = json!({"type": "record", "name": "r508", "fields": [
        field(509, "contains_null", "boolean".into()),
        maybe(518, "contains_nan", "boolean".into()),
        maybe(510, "lower_bound", "bytes".into()),
        maybe(511, "upper_bound", "bytes".into()),
    ]});
    json!({"type": "record", "name": "manifest_file", "fields": [
        field(500, "manifest_path", "string".into()),
        field(501, "manifest_length", "long".into()),
        field(502, "partition_spec_id", "int".into()),
        field(517, "content", "int".into()),
        field(515, "sequence_number", "long".into()),
        field(516, "min_sequence_number", "long".into()),
        field(503, "added_snapshot_id", "long".into()),
        field(504, "added_files_count", "int".into()),
        field(505, "existing_files_count", "int".into()),
        field(506, "deleted_files_count", "int".into()),
        field(512, "added_rows_count", "long".into()),
        field(513, "existing_rows_count", "long".into()),
        field(514, "deleted_rows_count", "long".into()),
        maybe(507, "partitions", json!({"type": "array", "items": summary, "element-id": 508})),
        maybe(519, "key_metadata", "bytes".into()),
    ]})
}

fn entry_schema(spec: &Spec) -> serde_json::Value {
    let mut parts = Vec::new();
    for part in &spec.parts {
        let name = avro::name(&part.name);
        let mut field = json!({
            "name": name, "type": ["null", value_schema(&part.kind)], "default": null, "field-id": part.id,
        });
        if name != part.name {
            field["iceberg-field-name"] = part.name.as_str().into();
        }
        parts.push(field);
    }
    let longs = |id: u32| json!({"type": "array", "items": "long", "element-id": id});
    let file = json!({"type": "record", "name": "r2", "fields": [
        field(134, "content", "int".into()),
        field(100, "file_path", "string".into()),
        field(101, "file_format", "string".into()),
        field(102, "partition", json!({"type": "record", "name": "r102", "fields": parts})),
        field(103, "record_count", "long".into()),
        field(104, "file_size_in_bytes", "long".into()),
        maybe(108, "column_sizes", map_of(117, 118, "long")),
        maybe(109, "value_counts", map_of(119, 120, "long")),
        maybe(110, "null_value_counts", map_of(121, 122, "long")),
        maybe(137, "nan_value_counts", map_of(138, 139, "long")),
        maybe(125, "lower_bounds", map_of(126, 127, "bytes")),
        maybe(128, "upper_bounds", map_of(129, 130, "bytes")),
        maybe(131, "key_metadata", "bytes".into()),
        maybe(132, "split_offsets", longs(133)),
        maybe(135, "equality_ids", longs(136)),
        maybe(140, "sort_order_id", "int".into()),
    ]});
    json!({"type": "record", "name": "manifest_entry", "fields": [
        field(0, "status", "int".into()),
        maybe(1, "snapshot_id", "long".into()),
        maybe(3, "sequence_number", "long".into()),
        maybe(4, "file_sequence_number", "long".into()),
        field(2, "data_file", file),
    ]})
}

/// How a value of a part is written.
fn value_schema(kind: &Kind) -> serde_json::Value {
    let logical = |kind: &str, logical: &str| json!({"type": kind, "logicalType": logical});
    match kind {
        Kind::Boolean => "boolean".into(),
        Kind::Int => "int".into(),
        Kind::Long => "long".into(),
        Kind::Float => "float".into(),
        Kind::Double => "double".into(),
        Kind::Date => logical("int", "date"),
        Kind::Time => logical("long", "time-micros"),
        Kind::Timestamp | Kind::Timestamptz => logical("long", "timestamp-micros"),
        Kind::String | Kind::Other(_) => "string".into(),
        Kind::Binary => "bytes".into(),
        Kind::Uuid => json!({"type": "fixed", "name": "uuid_fixed", "size": 16}),
        Kind::Fixed(length) => json!({"type": "fixed", "name": format!("fixed_{length}"), "size": length}),
        Kind::Decimal { digits, decimals } => json!({
            "type": "fixed", "name": format!("decimal_{digits}_{decimals}"), "size": decimal_bytes(*digits),
            "logicalType": "decimal", "precision": digits, "scale": decimals,
        }),
    }
}

/// Bytes that hold so many digits and a sign.
fn decimal_bytes(digits: u8) -> usize {
    let most = 10_i128.checked_pow(digits.into()).map_or(i128::MAX, |over| over - 1);
    (1..=16).find(|bytes| most <= i128::MAX >> (128 - 8 * bytes)).unwrap_or(16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::spec::Part;
    use super::*;

    #[test]
    fn decimals_take_the_bytes_that_others_take() {
        assert_eq!([1, 2, 9, 10, 18, 19, 38].map(decimal_bytes), [1, 1, 4, 5, 8, 9, 16]);
    }

    #[test]
    fn manifests_are_read_as_they_were_written() {
        let part = |at: i64, name: &str, kind: Kind| Part {
            source: at,
            id: 999 + at,
            name: name.into(),
            transform: Transform::Identity,
            kind,
        };
        let decimal = Kind::Decimal { digits: 9, decimals: 2 };
        let spec = Spec { id: 3, parts: vec![part(1, "day-x", Kind::Date), part(2, "d", decimal)] };
        let file = File {
            path: "file:///t/data/a.parquet".into(),
            format: "PARQUET".into(),
            parts: vec![Some(Scalar::Int(5)), Some(Scalar::Decimal(-1234))],
            rows: 7,
            size: 99,
            values: Some(vec![(1, 7)]),
            least: Some(vec![(1, vec![5, 0, 0, 0])]),
            splits: Some(vec![4]),
            ..File::default()
        };
        let none = File { parts: vec![None, None], ..file.clone() };
        let entry = |status, file: &File, sequence| Entry {
            status,
            snapshot: 11,
            sequence,
            file_sequence: sequence,
            file: file.clone(),
        };
        let schema = json!({});
        let snapshot = Snapshot { id: 11, parent: None, sequence: 2, schema: &schema };
        let entries = [entry(Status::Added, &file, None), entry(Status::Existing, &none, Some(1))];
        let (made, bytes) = manifest(&snapshot, &spec, &entries, "m".into()).unwrap();
        assert_eq!((made.added.files, made.existing.rows, made.deleted.files), (Some(1), Some(7), Some(0)));
        assert_eq!(made.least_sequence, 1);
        let least = made.parts.as_ref().unwrap()[1].clone();
        assert_eq!((least.has_none, least.least.unwrap()), (true, vec![0xfb, 0x2e]));
        let read = read_manifest(&bytes, &made, &spec).unwrap();
        assert_eq!((read[0].sequence, read[1].sequence), (Some(2), Some(1)));
        assert_eq!((&read[0].file.parts, &read[1].file.parts), (&file.parts, &none.parts));
        assert_eq!((&read[0].file.values, &read[0].file.least), (&file.values, &file.least));
        let listed = read_list(&list(&snapshot, std::slice::from_ref(&made)).unwrap()).unwrap();
        assert_eq!(listed, [made]);
    }
}
