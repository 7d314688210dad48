//! Where things lie in this checkout, and cargo as it must be called in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The checkout that this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The folder above the one that holds this crate's manifest.
    pub(crate) fn locate() -> Workspace {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Workspace { root: manifest.parent().unwrap_or(manifest).to_path_buf() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where the finished binary lies, whatever folder cargo builds in.
    pub(crate) fn release_folder(&self) -> PathBuf {
        self.path("target/release")
    }

    /// The folder that holds the prebuilt DuckDB library.
    pub(crate) fn duckdb_folder(&self) -> PathBuf {
        self.path(".duckdb")
    }

    /// `cargo` with this workspace as its folder and the prebuilt library in reach of linker and loader, also where
    /// the caller's environment already names a library path (cargo's own `[env]` table would then be passed over).
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.plain_cargo();
        command.env("DUCKDB_LIB_DIR", self.duckdb_folder());
        let mut paths = vec![self.duckdb_folder()];
        if let Some(inherited) = std::env::var_os("LD_LIBRARY_PATH") {
            paths.extend(std::env::split_paths(&inherited).filter(|path| *path != self.duckdb_folder()));
        }
        // A path that holds the separator can't be written into the variable; cargo's own table then serves.
        if let Ok(joined) = std::env::join_paths(paths) {
            command.env("LD_LIBRARY_PATH", joined);
        }
        command
    }

    /// `cargo` as the caller has it, without what the outer cargo set for this very program.
    pub(crate) fn plain_cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let set_by_cargo_run = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST");
            if set_by_cargo_run {
                command.env_remove(name.as_ref());
            }
        }
        command
    }

    /// What cargo knows of the packages: with `resolve`, dependencies and the features chosen by default too.
    pub(crate) fn metadata(&self, resolve: bool) -> Result<Value> {
        let mut command = self.plain_cargo();
        command.args(["metadata", "--format-version", "1", "--locked"]);
        if resolve {
            command.args(["--filter-platform", &host_triple()?]);
        } else {
            command.arg("--no-deps");
        }
        let text = process::output(&mut command)?;
        serde_json::from_str(&text).context("cargo metadata printed something that is not JSON")
    }

    /// The folder that cargo builds in: `target` unless the environment or a configuration says otherwise.
    pub(crate) fn target_folder(&self) -> Result<PathBuf> {
        let metadata = self.metadata(false)?;
        let folder = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
        Ok(PathBuf::from(folder))
    }
}

fn host_triple() -> Result<String> {
    let text = process::output(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}
