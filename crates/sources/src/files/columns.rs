//! The columns of files that name them: what they are called in the dataset.

use dlt_engine::naming::Naming;
use std::collections::HashMap;

/// The names of columns in the form of the dataset, in which they must be apart: of two columns of one name only the
/// values of the last would be left.
///
/// # Errors
/// The two columns that meet.
pub(crate) fn columns<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let naming = Naming::new(usize::MAX);
    let mut seen: HashMap<String, (usize, &str)> = HashMap::new();
    let mut columns = Vec::new();
    for (name, number) in names.into_iter().zip(1..) {
        let column = naming.normalize_key(name);
        if let Some((first, other)) = seen.insert(column.clone(), (number, name)) {
            return Err(format!("columns {first} (`{other}`) and {number} (`{name}`) would both be named `{column}`"));
        }
        columns.push(column);
    }
    Ok(columns)
}
