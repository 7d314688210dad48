//! Schemas as files beside a pipeline: one that is imported before a run, one that is exported after it.
//!
//! The import file is the schema that people decide on; what the data adds is in the schema of the dataset, and in the
//! exported file. The schema of the dataset notes which import it came from, so that an import that did not change does
//! nothing, and one that changed takes the place of the schema.

use crate::error::{Error, ErrorKind, Result};
use crate::notice::Notice;
use crate::notices::Notices;
use crate::rules;
use crate::schema::Schema;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the schema notes which import it came from.
const IMPORTED_HASH: &str = "imported_version_hash";

/// Folders of schema files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) import: Option<PathBuf>,
    pub(crate) export: Option<PathBuf>,
}

impl Exchange {
    /// Brings a schema up to the import file, where there is one and it is another than the schema came from. `is_new` says
    /// that the dataset has no such schema yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file is no schema, or one of another name.
    pub(crate) fn import(&self, schema: &mut Schema, is_new: bool, notices: &Notices) -> Result<()> {
        let Some(folder) = &self.import else { return Ok(()) };
        let path = file_in(folder, &schema.name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // The first run writes it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreachable("read", &path, error)),
        };
        let input = path.display().to_string();
        let mut imported = Schema::from_yaml(&text, &input)?;
        if imported.name != schema.name {
            let what = format!("this is the schema `{}`, and `{}` belongs here", imported.name, schema.name);
            return Err(Error::new(ErrorKind::Config, what).at(input, None));
        }
        let hash = imported.version_hash.clone();
        let is_known = schema.rest.get(IMPORTED_HASH).and_then(|known| known.as_str()) == Some(&hash);
        // The second where one folder serves both: the file is what the last run exported.
        if is_known || schema.without_processing_hints().version_hash == hash {
            return Ok(());
        }
        if !is_new {
            let notice = Notice::new(format!("schema `{}` is taken anew from {input}, which has changed", schema.name));
            let present: Vec<&str> =
                schema.data_tables().filter(|table| table.has_seen_data()).map(|table| table.name.as_str()).collect();
            notices.say(match present.is_empty() {
                true => notice,
                false => notice.hint(format!(
                    "tables that are there stay as they are ({}); --refresh drop_resources makes them anew",
                    present.join(", ")
                )),
            });
            imported.follow(schema);
        }
        imported.rest.insert(IMPORTED_HASH.to_owned(), hash.into());
        rules::check(&imported)?;
        *schema = imported;
        Ok(())
    }

    /// Writes the import file where there is none: the schema as the source declares it, before data adds to it. The schema
    /// notes that it came from there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn begin_import(&self, schema: &mut Schema) -> Result<()> {
        let Some(folder) = &self.import else { return Ok(()) };
        let path = file_in(folder, &schema.name);
        if path.exists() {
            return Ok(());
        }
        let mut declared = schema.without_processing_hints();
        declared.rest.shift_remove(IMPORTED_HASH);
        write(&path, &declared)?;
        // As who reads the file will see it.
        let text = fs::read_to_string(&path).map_err(|error| unreachable("read", &path, error))?;
        let hash = Schema::from_yaml(&text, &path.display().to_string())?.version_hash;
        schema.rest.insert(IMPORTED_HASH.to_owned(), hash.into());
        Ok(())
    }

    /// Writes the exported file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn export(&self, schema: &Schema) -> Result<()> {
        let Some(folder) = &self.export else { return Ok(()) };
        let path = file_in(folder, &schema.name);
        match &self.import {
            // One folder for both: what is exported is imported by the next run, into whatever dataset that loads.
            Some(import) if import == folder => {
                let mut bare = schema.without_processing_hints();
                bare.rest.shift_remove(IMPORTED_HASH);
                write(&path, &bare)
            }
            _ => write(&path, schema),
        }
    }
}

fn file_in(folder: &Path, schema: &str) -> PathBuf {
    folder.join(format!("{schema}.schema.yaml"))
}

/// Writes beside the file and renames: nobody reads half of it.
fn write(path: &Path, schema: &Schema) -> Result<()> {
    let beside = path.with_extension("yaml.tmp");
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&beside, schema.to_yaml()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| unreachable("write", path, error))
}

fn unreachable(doing: &str, path: &Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("cannot {doing} the schema file {}", path.display()))
        .because(cause)
        .hint("import_schema_path and export_schema_path name folders")
}
