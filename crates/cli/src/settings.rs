//! What the arguments mean here: folder, environment and files, read once.

use std::path::PathBuf;

use dlt::declaration::ConfigProviders;

use crate::args::Global;
use crate::printer::{Level, Printer};

/// Everything that a command may want to know beside its own arguments.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) printer: Printer,
    /// Environment variables and the data folder.
    pub(crate) providers: ConfigProviders,
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
            providers: ConfigProviders::capture(),
            folder: std::env::current_dir().unwrap_or_default(),
        };
        settings.printer.detail(&format!("data folder: {}", settings.providers.data_folder().display()));
        settings
    }
}
