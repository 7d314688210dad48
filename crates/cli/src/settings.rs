//! What the arguments mean here: folder, environment and files, read once.

use std::path::PathBuf;

use dlt::declaration::Surroundings;

use crate::args::Global;
use crate::printer::{Level, Printer};

/// Everything that a command may want to know beside its own arguments.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) printer: Printer,
    /// Environment variables and the data folder.
    pub(crate) surroundings: Surroundings,
    /// The folder that the command was called in.
    pub(crate) folder: PathBuf,
}

impl Settings {
    pub(crate) fn read(global: &Global) -> Self {
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Quiet,
            (_, true) => Level::Verbose,
            _ => Level::Normal,
        };
        let settings = Self {
            printer: Printer { level },
            surroundings: Surroundings::capture(),
            folder: std::env::current_dir().unwrap_or_default(),
        };
        settings.printer.detail(&format!("data folder: {}", settings.surroundings.data_folder().display()));
        settings
    }
}
