//! What a manifest tells of the values of a file, so that readers can pass it over.

use super::kind::Kind;
use super::manifest::File;
use super::scalar::{Scalar, integer};
use super::shape::{Field, Shape};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

/// Letters of a text, or bytes, that are told.
const LETTERS: usize = 16;

/// Counts and bounds of a file that was written.
pub(super) fn of(metadata: &ParquetMetaData, shape: &Shape) -> File {
    let mut file = File { rows: metadata.file_metadata().num_rows(), ..File::default() };
    let (mut sizes, mut values, mut nulls, mut least, mut most) = (vec![], vec![], vec![], vec![], vec![]);
    for (at, column) in metadata.file_metadata().schema_descr().columns().iter().enumerate() {
        let Some(field) = shape.field(column.name()) else { continue };
        let groups = metadata.row_groups().iter().map(|group| group.column(at));
        sizes.push((field.id, groups.clone().map(|group| group.compressed_size()).sum()));
        values.push((field.id, groups.clone().map(|group| group.num_values()).sum()));
        let Some(groups) = groups.map(|group| group.statistics()).collect::<Option<Vec<_>>>() else { continue };
        let count: Option<u64> = groups.iter().map(|group| group.null_count_opt()).sum();
        nulls.extend(count.and_then(|count| Some((field.id, i64::try_from(count).ok()?))));
        if let Some((low, high)) = bounds(field, &groups) {
            least.push((field.id, low));
            most.extend(high.map(|high| (field.id, high)));
        }
    }
    file.sizes = Some(sizes);
    file.values = Some(values);
    file.nulls = Some(nulls);
    file.least = Some(least);
    file.most = Some(most);
    file.splits = metadata.row_groups().iter().map(|group| group.file_offset()).collect();
    file
}

/// The smallest and the largest value of a column; the latter only where it can be told.
fn bounds(field: &Field, groups: &[&Statistics]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut bounds: Option<(Scalar, Scalar)> = None;
    for group in groups.iter().filter(|group| group.min_bytes_opt().is_some()) {
        let (low, high) = of_group(&field.kind, group)?;
        bounds = Some(match bounds {
            None => (low, high),
            Some((least, most)) => (
                if low.order(&least).is_lt() { low } else { least },
                if high.order(&most).is_gt() { high } else { most },
            ),
        });
    }
    let (low, high) = bounds?;
    // What is cut is smaller than the whole: good for the smallest alone.
    Some(match (low, high) {
        (Scalar::Text(low), Scalar::Text(high)) => {
            let low: String = low.chars().take(LETTERS).collect();
            (low.into_bytes(), (high.chars().count() <= LETTERS).then(|| high.into_bytes()))
        }
        (Scalar::Bytes(low), Scalar::Bytes(high)) => {
            (low.into_iter().take(LETTERS).collect(), (high.len() <= LETTERS).then_some(high))
        }
        (low, high) => (low.bytes(), Some(high.bytes())),
    })
}

fn of_group(kind: &Kind, group: &Statistics) -> Option<(Scalar, Scalar)> {
    let is_decimal = matches!(kind, Kind::Decimal { .. });
    Some(match group {
        Statistics::Boolean(values) => (Scalar::Boolean(*values.min_opt()?), Scalar::Boolean(*values.max_opt()?)),
        Statistics::Int32(values) if is_decimal => {
            (Scalar::Decimal((*values.min_opt()?).into()), Scalar::Decimal((*values.max_opt()?).into()))
        }
        Statistics::Int64(values) if is_decimal => {
            (Scalar::Decimal((*values.min_opt()?).into()), Scalar::Decimal((*values.max_opt()?).into()))
        }
        Statistics::Int32(values) => (Scalar::Int(*values.min_opt()?), Scalar::Int(*values.max_opt()?)),
        Statistics::Int64(values) => (Scalar::Long(*values.min_opt()?), Scalar::Long(*values.max_opt()?)),
        Statistics::Float(values) => (Scalar::Float(*values.min_opt()?), Scalar::Float(*values.max_opt()?)),
        Statistics::Double(values) => (Scalar::Double(*values.min_opt()?), Scalar::Double(*values.max_opt()?)),
        _ => {
            let (low, high) = (group.min_bytes_opt()?, group.max_bytes_opt()?);
            match kind {
                Kind::Decimal { .. } => (Scalar::Decimal(integer(low)?), Scalar::Decimal(integer(high)?)),
                Kind::String => (
                    Scalar::Text(std::str::from_utf8(low).ok()?.to_owned()),
                    Scalar::Text(std::str::from_utf8(high).ok()?.to_owned()),
                ),
                Kind::Binary => (Scalar::Bytes(low.to_vec()), Scalar::Bytes(high.to_vec())),
                _ => return None,
            }
        }
    })
}
