//! The release binary, made so that it runs by itself from any folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{duckdb, process};

/// Symbols that the loader may look up before `main`. They are some 280; linking DuckDB's library makes them 27,000.
const MAX_SYMBOLS_AT_START: u64 = 1_000;

/// The binary to show and to measure: the one that `DLT_BIN` names, as in the tests, else the release build.
pub(crate) fn chosen(workspace: &Workspace) -> Result<PathBuf> {
    let Some(named) = std::env::var_os("DLT_BIN") else { return build(workspace) };
    let path = PathBuf::from(&named);
    let path = path.canonicalize().with_context(|| format!("DLT_BIN names {}, which is not there", path.display()))?;
    runs_by_itself(&path)
}

/// The release build beside other work: it takes what that leaves of the processor, so that whoever needs the binary later finds most of it
/// done.
pub(crate) struct Ahead {
    cargo: Child,
    /// What it says, which nobody needs where it ends well.
    log: PathBuf,
}

impl Ahead {
    /// Begins it.
    pub(crate) fn begin(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target_folder()?;
        fs::create_dir_all(&folder)?;
        let log = folder.join("release-build.log");
        let output = fs::File::create(&log)?;
        let build = release(workspace);
        // Last in line for the processor, where the system has a line.
        let nice = process::succeeds(Command::new("nice").args(["-n", "19", "true"]));
        let mut command = if nice { Command::new("nice") } else { Command::new(build.get_program()) };
        if nice {
            command.args(["-n", "19"]).arg(build.get_program());
        }
        command.args(build.get_args()).current_dir(workspace.root());
        for (name, value) in build.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        println!("$ {} (beside the tests)", process::shown(&build));
        let cargo = command.spawn().context("the release build could not be started")?;
        Ok(Self { cargo, log })
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.cargo.wait()?.success() {
            return Ok(());
        }
        bail!("the release build failed\n{}", fs::read_to_string(&self.log).unwrap_or_default());
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // One that has ended can't be ended again, and nothing else is to be done about it.
        let _ = self.cargo.kill();
        let _ = self.cargo.wait();
    }
}

fn release(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--package", "dlt-cli", "--bin", "dlt"]);
    cargo
}

/// Builds `dlt` against the prebuilt library and leaves both in `target/release/`; returns the binary's path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    duckdb::ensure(workspace)?;
    process::run(&mut release(workspace))?;
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
    // Inside too: 1,600 symbols less to look up at each start, and one library less that must be on the machine.
    if cfg!(target_os = "linux") {
        cargo.env("CXXSTDLIB", "static:-bundle=stdc++");
    }
    cargo.args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "--package",
        "dlt-cli",
        "--bin",
        "dlt",
        "--no-default-features",
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
    if let Some(count) = symbols_at_start(binary)?
        && count > MAX_SYMBOLS_AT_START
    {
        bail!(
            "{} has the loader look up {count} symbols at each start: at most {MAX_SYMBOLS_AT_START}",
            binary.display()
        );
    }
    println!("{} is {}", version.trim_end(), binary.display());
    Ok(binary.to_path_buf())
}

/// How many symbols the loader looks up before `main`, where it tells (glibc does).
fn symbols_at_start(binary: &Path) -> Result<Option<u64>> {
    let mut command = Command::new(binary);
    command.arg("--version").env_clear().env("LD_DEBUG", "statistics").current_dir("/");
    let output = command.output().with_context(|| format!("{} cannot be started", binary.display()))?;
    Ok(number_of_relocations(&String::from_utf8_lossy(&output.stderr)))
}

fn number_of_relocations(statistics: &str) -> Option<u64> {
    statistics.split_once("number of relocations:")?.1.split_whitespace().next()?.parse().ok()
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
    fn the_loaders_count_is_read() {
        let said = "  7:\t  number of relocations: 26912\n  7:\t number of relocations from cache: 18314\n";
        assert_eq!(number_of_relocations(said), Some(26912));
        assert_eq!(number_of_relocations("dlt 0.1.0\n"), None);
    }

    #[test]
    fn a_program_that_does_not_say_its_name_is_not_taken_for_the_binary() {
        assert!(runs_by_itself(Path::new("/bin/true")).unwrap_err().to_string().contains("printed"));
        assert!(runs_by_itself(Path::new("/no/such/file")).is_err());
    }
}
