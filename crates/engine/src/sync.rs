//! What a destination has of a pipeline: the schema and the state that a run begins with.

use crate::destination::{Connection, Stored};
use crate::digest::version_digest;
use crate::error::Result;
use crate::package::Package;
use crate::pipeline::{Pipeline, default_schema_name};
use crate::rules;
use crate::schema::Schema;
use crate::state::PipelineState;

/// What a destination has of a pipeline.
pub(crate) struct Restored {
    pub(crate) schema: Schema,
    pub(crate) state: PipelineState,
    /// Digest of both as they are stored.
    pub(crate) base: String,
    /// Whether the destination has no such schema.
    pub(crate) is_new: bool,
    /// Whether the destination has a state of the pipeline.
    pub(crate) has_state: bool,
}

/// Schema and state as the destination has them: it is the truth, for rows and schema are committed together. Without
/// a name, the schema is the pipeline's default one. Without a connection nothing was loaded yet.
pub(crate) fn restore(pipeline: &Pipeline, connection: Option<&mut dyn Connection>, schema: &str) -> Result<Restored> {
    let restored = read(pipeline, connection, schema)?;
    rules::check(&restored.schema)?;
    Ok(restored)
}

/// As [`restore`], for those who make no rows: the rules of the schema are not looked at.
pub(crate) fn read(pipeline: &Pipeline, mut connection: Option<&mut dyn Connection>, schema: &str) -> Result<Restored> {
    let mut stored_as = |schema: &str| match &mut connection {
        Some(connection) => connection.stored(&pipeline.name, schema),
        None => Ok(Stored::default()),
    };
    let own = default_schema_name(&pipeline.name);
    let mut name = if schema.is_empty() { own.as_str() } else { schema };
    let mut stored = stored_as(name)?;
    let state = match &stored.state {
        Some(text) => PipelineState::from_stored(text)?,
        None => PipelineState::new(&pipeline.name),
    };
    if let Some(default) = state.default_schema().filter(|default| schema.is_empty() && *default != name) {
        name = default;
        stored = stored_as(name)?;
    }
    let base = base_of(&stored);
    let (is_new, has_state) = (stored.schema.is_none(), stored.state.is_some());
    let schema = match stored.schema {
        Some(text) => Schema::from_stored(&text)?,
        None => Schema::new(name),
    };
    Ok(Restored { schema, state, base, is_new, has_state })
}

fn base_of(stored: &Stored) -> String {
    let parts = [&stored.schema, &stored.state].map(|part| part.as_deref().unwrap_or_default().as_bytes());
    version_digest([parts[0], b"\0", parts[1]])
}

/// Whether schema and state in the destination are still those that the package was normalized with.
pub(crate) fn is_current(connection: &mut dyn Connection, pipeline: &str, package: &Package) -> Result<bool> {
    let stored = connection.stored(pipeline, &package.manifest.schema_name)?;
    Ok(base_of(&stored) == package.manifest.base)
}
