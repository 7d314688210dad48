//! The working folder made anew from what the destination has, and read where the destination cannot be.

use crate::destination::Access;
use crate::error::Result;
use crate::ids::now_micros;
use crate::local;
use crate::package::Folder;
use crate::pending::{PendingPackage, pending_packages};
use crate::pipeline::Pipeline;
use crate::schema::Schema;
use crate::sync::{Restored, read};
use serde_json::Value;
use std::path::Path;

/// What came of [`Pipeline::sync`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Synced {
    /// Schemas that the destination had; empty if it knows nothing of the pipeline.
    pub schemas: Vec<String>,
    /// Whether the destination had a state of the pipeline.
    pub has_state: bool,
    /// Load packages that waited, and are gone.
    pub dropped_packages: Vec<PendingPackage>,
}

/// What the working folder of a pipeline has of it: a copy that may be older than what the destination has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LocalCopy {
    /// The default schema.
    pub schema: Option<Schema>,
    /// The state.
    pub state: Option<Value>,
}

/// Reads the copies of schema and state that a working folder has. `schema` is the name of one.
///
/// # Errors
/// If they cannot be read.
pub fn local_copy(data_dir: &Path, pipeline: &str, schema: &str) -> Result<LocalCopy> {
    let folder = Folder::new(data_dir, pipeline);
    let schema = local::schema(&folder, schema)?;
    let state = folder.read("state.json")?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(LocalCopy { schema, state })
}

impl Pipeline {
    /// Empties the working folder, load packages that wait included, and writes it anew from what the destination has. The
    /// dataset is not touched. If the destination cannot be read, nothing is changed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`] while a run of the pipeline is under way; otherwise if the destination cannot be read or
    /// the folder not be written.
    pub fn sync(&self) -> Result<Synced> {
        // Before the folder is made: a destination that is not there makes none.
        let mut connection = self.destination.connect(&self.dataset, Access::Read)?;
        let folder = self.folder();
        let _lock = folder.lock()?;
        let Restored { schema, state, is_new, has_state, .. } = read(self, Some(connection.as_mut()), "")?;
        let default = schema.name.clone();
        let mut schemas = if is_new { Vec::new() } else { vec![schema] };
        for name in state.schema_names().into_iter().filter(|name| *name != default) {
            let Restored { schema, is_new, .. } = read(self, Some(connection.as_mut()), &name)?;
            schemas.extend((!is_new).then_some(schema));
        }
        drop(connection);
        let dropped_packages = pending_packages(folder.data_dir(), &self.name)?;
        local::forget(&folder)?;
        if has_state || !schemas.is_empty() {
            let all: Vec<&Schema> = schemas.iter().collect();
            local::remember(&folder, &self.whereabouts(), &default, &all, &state, now_micros())?;
        }
        let schemas = schemas.into_iter().map(|schema| schema.name).collect();
        Ok(Synced { schemas, has_state, dropped_packages })
    }

    /// A schema as the destination has it; `None` if it has none. Without a name it is the pipeline's default one.
    ///
    /// # Errors
    /// If the destination cannot be read.
    pub fn stored_schema(&self, name: Option<&str>) -> Result<Option<Schema>> {
        let mut connection = self.destination.connect(&self.dataset, Access::Read)?;
        let Restored { schema, is_new, .. } = read(self, Some(connection.as_mut()), name.unwrap_or_default())?;
        Ok((!is_new).then_some(schema))
    }

    /// The pipeline's state as the destination has it; `None` if it has none.
    ///
    /// # Errors
    /// If the destination cannot be read.
    pub fn stored_state(&self) -> Result<Option<Value>> {
        let mut connection = self.destination.connect(&self.dataset, Access::Read)?;
        let Restored { state, has_state, .. } = read(self, Some(connection.as_mut()), "")?;
        Ok(has_state.then(|| state.into_value()))
    }
}
