//! The release binary, made so that it runs by itself from any folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{duckdb, process};

/// The binary to show and to measure: the one that `DLT_BIN` names, as in the tests, else the release build.
pub(crate) fn chosen(workspace: &Workspace) -> Result<PathBuf> {
    let Some(named) = std::env::var_os("DLT_BIN") else { return build(workspace) };
    let path = PathBuf::from(&named);
    let path = path.canonicalize().with_context(|| format!("DLT_BIN names {}, which is not there", path.display()))?;
    runs_by_itself(&path)
}

/// Builds `dlt` against the prebuilt library and leaves both in `target/release/`; returns the binary's path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    duckdb::ensure(workspace)?;
    process::run(workspace.cargo().args(["build", "--release", "--locked", "--package", "dlt-cli", "--bin", "dlt"]))?;
    let place = workspace.release_folder();
    let built = workspace.target_folder()?.join("release/dlt");
    copy_if_changed(&workspace.duckdb_folder().join(duckdb::LIBRARY), &place.join(duckdb::LIBRARY))?;
    copy_if_changed(&built, &place.join("dlt"))?;
    runs_by_itself(&place.join("dlt"))
}

/// Builds `dlt` with DuckDB compiled into it from its C++ sources: one file, nothing beside it.
pub(crate) fn build_bundled(workspace: &Workspace) -> Result<PathBuf> {
    // In a folder of its own: the C++ objects outlive rebuilds of the ordinary release, and the other way round.
    let target = workspace.target_folder()?.join("bundled");
    let mut cargo = workspace.plain_cargo();
    cargo.env_remove("DUCKDB_LIB_DIR").env_remove("LD_LIBRARY_PATH");
    cargo.args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "--package",
        "dlt-cli",
        "--bin",
        "dlt",
        "--features",
        "bundled",
    ]);
    cargo.arg("--target-dir").arg(&target);
    process::run(&mut cargo)?;
    let place = workspace.path("target/dist");
    copy_if_changed(&target.join("dist/dlt"), &place.join("dlt"))?;
    runs_by_itself(&place.join("dlt"))
}

/// Starts the binary with an empty environment in the root folder: nothing outside its own folder may be needed.
fn runs_by_itself(binary: &Path) -> Result<PathBuf> {
    let version = process::output(Command::new(binary).arg("--version").env_clear().current_dir("/"))
        .with_context(|| format!("{} does not run by itself", binary.display()))?;
    if !version.starts_with("dlt ") {
        bail!("{} --version printed {version:?}", binary.display());
    }
    println!("{} is {}", version.trim_end(), binary.display());
    Ok(binary.to_path_buf())
}

/// Copies by way of a temporary name, so that a running program keeps its file; leaves equal files alone.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    if from.canonicalize().ok() == to.canonicalize().ok() && from.exists() {
        return Ok(());
    }
    let seen = |path: &Path| fs::metadata(path).ok().map(|found| (found.len(), found.modified().ok()));
    if let (Some((bytes, Some(made))), Some((there, Some(copied)))) = (seen(from), seen(to))
        && bytes == there
        && copied >= made
    {
        return Ok(());
    }
    let folder = to.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder)?;
    let temporary = to.with_extension(format!("new-{}", std::process::id()));
    fs::copy(from, &temporary)
        .with_context(|| format!("{} could not be copied to {}", from.display(), to.display()))?;
    fs::rename(&temporary, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_copied_when_it_is_newer_or_of_another_size() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from"), folder.join("place/to"));
        fs::write(&from, "one").unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "one");
        fs::write(&from, "longer").unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "longer");
        assert_eq!(fs::read_dir(folder.join("place")).unwrap().count(), 1, "no temporary file stays");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_program_that_does_not_say_its_name_is_not_taken_for_the_binary() {
        assert!(runs_by_itself(Path::new("/bin/true")).unwrap_err().to_string().contains("printed"));
        assert!(runs_by_itself(Path::new("/no/such/file")).is_err());
    }
}
