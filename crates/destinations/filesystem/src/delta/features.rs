//! What a table asks of its readers and writers, and which of it this crate has.
//!
//! Who writes without keeping what a table asks for breaks it for all others. What is not known is refused by its name.

use super::action::{Metadata, Protocol};
use super::types::Field;
use dlt_engine::{Error, ErrorKind, Result};

/// The newest versions of the protocol that name features one by one.
const READER: u32 = 3;
const WRITER: u32 = 7;

/// Moments without a zone.
pub(super) const TIMESTAMP_NTZ: &str = "timestampNtz";

/// Features that a reader has, beyond the first versions.
const READS: &[&str] = &[TIMESTAMP_NTZ, "vacuumProtocolCheck"];

/// Features that a writer has. Some of them only mean something where the table uses them ([`uses`]).
const WRITES: &[&str] = &[
    "appendOnly",
    "invariants",
    "checkConstraints",
    "changeDataFeed",
    "generatedColumns",
    TIMESTAMP_NTZ,
    "vacuumProtocolCheck",
];

/// What writers of old versions had, feature by feature.
const WRITER_BEFORE: &[(u32, &str)] = &[
    (2, "appendOnly"),
    (2, "invariants"),
    (3, "checkConstraints"),
    (4, "changeDataFeed"),
    (4, "generatedColumns"),
    (5, "columnMapping"),
    (6, "identityColumns"),
];

/// Whether a table can be read.
///
/// # Errors
/// [`ErrorKind::Destination`] with the feature that is not known.
pub(super) fn check_reading(table: &str, protocol: &Protocol, metadata: &Metadata) -> Result<()> {
    if protocol.min_reader_version > READER {
        return Err(refused(table, "read", &format!("version {} of the protocol", protocol.min_reader_version)));
    }
    let features = protocol.reader_features.iter().flatten();
    if let Some(unknown) = features.clone().find(|feature| !READS.contains(&feature.as_str())) {
        return Err(refused(table, "read", &format!("the feature `{unknown}`")));
    }
    let mapping = metadata.configuration.get("delta.columnMapping.mode").map_or("none", String::as_str);
    if mapping != "none" {
        return Err(refused(table, "read", "the feature `columnMapping`"));
    }
    Ok(())
}

/// Whether a table can be written.
///
/// # Errors
/// [`ErrorKind::Destination`] with the feature that is not known, or would be broken.
pub(super) fn check_writing(table: &str, protocol: &Protocol, metadata: &Metadata, fields: &[Field]) -> Result<()> {
    check_reading(table, protocol, metadata)?;
    if protocol.min_writer_version > WRITER {
        return Err(refused(table, "write", &format!("version {} of the protocol", protocol.min_writer_version)));
    }
    let features = protocol.writer_features.iter().flatten();
    if let Some(unknown) = features.clone().find(|feature| !WRITES.contains(&feature.as_str())) {
        return Err(refused(table, "write", &format!("the feature `{unknown}`")));
    }
    match uses(metadata, fields) {
        Some(feature) => Err(refused(table, "write", &format!("the feature `{feature}`"))),
        None => Ok(()),
    }
}

/// A feature that the table uses and that a writer must keep.
fn uses(metadata: &Metadata, fields: &[Field]) -> Option<&'static str> {
    let configuration = &metadata.configuration;
    if configuration.keys().any(|key| key.starts_with("delta.constraints.")) {
        return Some("checkConstraints");
    }
    if is_set(metadata, "delta.enableChangeDataFeed") {
        return Some("changeDataFeed");
    }
    let marks = [
        ("delta.invariants", "invariants"),
        ("delta.generationExpression", "generatedColumns"),
        ("delta.identity.", "identityColumns"),
        ("CURRENT_DEFAULT", "allowColumnDefaults"),
    ];
    fields
        .iter()
        .flat_map(|field| field.metadata.keys())
        .find_map(|key| marks.iter().find(|(mark, _)| key.starts_with(mark)).map(|(_, feature)| *feature))
}

/// Whether rows may only be added.
pub(super) fn is_append_only(metadata: &Metadata) -> bool {
    is_set(metadata, "delta.appendOnly")
}

fn is_set(metadata: &Metadata, key: &str) -> bool {
    metadata.configuration.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The protocol of a table that begins, or that gets moments without a zone: `None` if nothing is to change.
pub(super) fn needed(protocol: Option<&Protocol>, has_timestamp_ntz: bool) -> Option<Protocol> {
    let Some(before) = protocol else {
        let first = Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() };
        let named = || Protocol {
            min_reader_version: READER,
            min_writer_version: WRITER,
            reader_features: Some(vec![TIMESTAMP_NTZ.to_owned()]),
            writer_features: Some(vec![TIMESTAMP_NTZ.to_owned()]),
        };
        return Some(if has_timestamp_ntz { named() } else { first });
    };
    let has = |features: &Option<Vec<String>>| features.iter().flatten().any(|feature| feature == TIMESTAMP_NTZ);
    if !has_timestamp_ntz || has(&before.reader_features) && has(&before.writer_features) {
        return None;
    }
    let old = WRITER_BEFORE
        .iter()
        .filter(|(since, _)| before.min_writer_version >= *since && before.min_writer_version < WRITER);
    let mut writer: Vec<String> = old.map(|(_, feature)| (*feature).to_owned()).collect();
    writer.extend(before.writer_features.clone().unwrap_or_default());
    let mut reader = before.reader_features.clone().unwrap_or_default();
    for features in [&mut writer, &mut reader] {
        if !features.iter().any(|feature| feature == TIMESTAMP_NTZ) {
            features.push(TIMESTAMP_NTZ.to_owned());
        }
    }
    Some(Protocol {
        min_reader_version: READER,
        min_writer_version: WRITER,
        reader_features: Some(reader),
        writer_features: Some(writer),
    })
}

fn refused(table: &str, what: &str, feature: &str) -> Error {
    let message = format!("the Delta table {table} asks for {feature}, which dlt cannot {what}");
    Error::new(ErrorKind::Destination, message)
        .hint("load into another table, or go on with the tool that made this one")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn protocol(reader: &[&str], writer: &[&str]) -> Protocol {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: names(reader),
            writer_features: names(writer),
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let metadata = Metadata::default();
        check_writing("t", &protocol(&["timestampNtz"], &["timestampNtz", "appendOnly"]), &metadata, &[]).unwrap();
        let error = check_reading("t", &protocol(&["deletionVectors"], &["deletionVectors"]), &metadata).unwrap_err();
        assert!(error.to_string().contains("`deletionVectors`, which dlt cannot read"), "{error}");
        let error = check_writing("t", &protocol(&[], &["rowTracking"]), &metadata, &[]).unwrap_err();
        assert!(error.to_string().contains("`rowTracking`, which dlt cannot write"), "{error}");
        let mut mapped = Metadata::default();
        mapped.configuration.insert("delta.columnMapping.mode".into(), "name".into());
        let first = Protocol { min_reader_version: 2, min_writer_version: 5, ..Protocol::default() };
        assert!(check_reading("t", &first, &mapped).unwrap_err().to_string().contains("columnMapping"));
        check_writing("t", &first, &metadata, &[]).unwrap();
        let mut fed = Metadata::default();
        fed.configuration.insert("delta.enableChangeDataFeed".into(), "true".into());
        assert!(check_writing("t", &first, &fed, &[]).unwrap_err().to_string().contains("changeDataFeed"));
    }

    #[test]
    fn moments_without_a_zone_need_a_newer_protocol() {
        let old = needed(None, false).unwrap();
        assert_eq!((old.min_reader_version, old.min_writer_version), (1, 2));
        assert_eq!(needed(Some(&old), false), None);
        let new = needed(Some(&old), true).unwrap();
        assert_eq!(new.writer_features.as_deref().unwrap(), ["appendOnly", "invariants", "timestampNtz"]);
        assert_eq!(needed(Some(&new), true), None);
    }
}
