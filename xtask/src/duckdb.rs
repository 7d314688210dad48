//! The prebuilt DuckDB library that development, tests and the demo use.
//!
//! The `duckdb` crate compiles DuckDB from C++ only with its feature `bundled` (25 minutes on two cores). Without it
//! `dlt` opens a ready `libduckdb`, which an npm package ships. The package's version and the crate's are two
//! names of one DuckDB version, and move together: a test holds them, and the version that is checked when the library
//! is opened, to each other.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// The npm package that ships the library, for the one platform it is tried on.
const PACKAGE: &str = "@duckdb/node-bindings-linux-x64";
/// DuckDB's version and the package's revision of it.
const VERSION: &str = "1.5.6-r.1";
/// What npm must find in the package's archive.
const INTEGRITY: &str =
    "sha512-IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==";
/// The size of the library in it: tells a half-copied file from a whole one.
const LIBRARY_BYTES: u64 = 70_546_800;

/// The library's file name.
pub(crate) const LIBRARY: &str = "libduckdb.so";

/// Puts the library and its licence into `.duckdb/`, unless the right version lies there already.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.duckdb_folder();
    if is_complete(&folder) {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!(
            "no prebuilt DuckDB library is known for this platform: put libduckdb {VERSION} and a package.json with \
             that version into .duckdb/, or build with `cargo xtask build --bundled`"
        );
    }
    fetch(&folder).with_context(|| format!("the DuckDB library could not be put into {}", folder.display()))
}

fn fetch(folder: &Path) -> Result<()> {
    let parent = folder.parent().context("the checkout has no folder")?;
    let work = parent.join(format!(".duckdb-new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let unpacked = unpack_into(&work);
    // A symbolic link to a folder is replaced as a whole, and so is what an earlier version left behind.
    let placed = unpacked.and_then(|()| {
        if folder.is_symlink() {
            fs::remove_file(folder)?;
        } else if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(work.join("package"), folder)?;
        Ok(())
    });
    let _ = fs::remove_dir_all(&work);
    placed?;
    if !is_complete(folder) {
        bail!("{PACKAGE}@{VERSION} does not hold the {LIBRARY} that is expected of it");
    }
    println!("DuckDB {VERSION} is in {}", folder.display());
    Ok(())
}

fn unpack_into(work: &Path) -> Result<()> {
    let wanted = format!("{PACKAGE}@{VERSION}");
    let mut npm = Command::new("npm");
    npm.args(["pack", &wanted, "--json", "--prefer-offline", "--pack-destination"]).arg(work);
    println!("$ {}", process::shown(&npm));
    let printed = process::output(&mut npm)?;
    let (file, integrity) = packed(&printed)?;
    if integrity != INTEGRITY {
        bail!("the archive of {wanted} is not the one that was reviewed: its integrity is {integrity}");
    }
    process::output(Command::new("tar").arg("xzf").arg(work.join(file)).arg("-C").arg(work))?;
    Ok(())
}

/// The archive's name and integrity, from what `npm pack --json` printed: a list of packages, or an object of them.
fn packed(printed: &str) -> Result<(String, String)> {
    let value: Value = serde_json::from_str(printed).context("npm pack printed something that is not JSON")?;
    let package = match &value {
        Value::Array(list) => list.first(),
        Value::Object(by_name) => by_name.values().next(),
        _ => None,
    };
    let package = package.context("npm pack named no package")?;
    let text = |key: &str| {
        package[key].as_str().map(str::to_owned).with_context(|| format!("npm pack printed no {key} for the package"))
    };
    Ok((text("filename")?, text("integrity")?))
}

fn is_complete(folder: &Path) -> bool {
    let whole = fs::metadata(folder.join(LIBRARY)).is_ok_and(|found| found.len() == LIBRARY_BYTES);
    let version = fs::read_to_string(folder.join("package.json"))
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .is_some_and(|package| package["version"] == VERSION);
    whole && version && folder.join("LICENSE").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1.10506.1` is the crate for DuckDB 1.5.6: major × 10000 + minor × 100 + patch.
    fn engine_of_crate(requirement: &str) -> Option<String> {
        let encoded: u32 = requirement.strip_prefix('=')?.split('.').nth(1)?.parse().ok()?;
        Some(format!("{}.{}.{}", encoded / 10_000, encoded / 100 % 100, encoded % 100))
    }

    #[test]
    fn the_crate_and_the_prebuilt_library_are_one_version_of_duckdb() {
        let manifest = fs::read_to_string(Workspace::locate().path("Cargo.toml")).unwrap();
        let line = manifest.lines().find(|line| line.starts_with("duckdb = ")).expect("Cargo.toml declares duckdb");
        let requirement = line.split('"').nth(1).expect("duckdb has a version");
        let engine = engine_of_crate(requirement).expect("the version is exact and encodes DuckDB's");
        assert_eq!(
            Some(engine.as_str()),
            VERSION.split('-').next(),
            "change xtask/src/duckdb.rs together with Cargo.toml"
        );
        let opened = "crates/destinations/duckdb/src/library/mod.rs";
        let checked = fs::read_to_string(Workspace::locate().path(opened)).unwrap();
        let line = checked
            .lines()
            .find(|line| line.starts_with("pub const VERSION: "))
            .expect("it says which DuckDB it opens");
        assert_eq!(
            line.split('"').nth(1),
            Some(format!("v{engine}").as_str()),
            "change {opened} together with Cargo.toml"
        );
    }

    #[test]
    fn the_version_is_read_out_of_the_crates_number() {
        assert_eq!(engine_of_crate("=1.10506.1").as_deref(), Some("1.5.6"));
        assert_eq!(engine_of_crate("=1.11212.0").as_deref(), Some("1.12.12"));
        assert_eq!(engine_of_crate("1.10506.1"), None, "a requirement that may float is refused");
    }

    #[test]
    fn both_forms_of_npm_packs_answer_are_read() {
        for printed in [
            r#"[{"filename":"a.tgz","integrity":"sha512-x"}]"#,
            r#"{"@duckdb/x":{"filename":"a.tgz","integrity":"sha512-x"}}"#,
        ] {
            assert_eq!(packed(printed).unwrap(), ("a.tgz".to_owned(), "sha512-x".to_owned()));
        }
        assert!(packed("[]").unwrap_err().to_string().contains("named no package"));
    }

    #[test]
    fn a_half_copied_library_is_not_taken_for_a_whole_one() {
        let folder = std::env::temp_dir().join(format!("xtask-duckdb-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("LICENSE"), "MIT").unwrap();
        fs::write(folder.join("package.json"), format!(r#"{{"version":"{VERSION}"}}"#)).unwrap();
        let library = fs::File::create(folder.join(LIBRARY)).unwrap();
        library.set_len(LIBRARY_BYTES - 1).unwrap();
        assert!(!is_complete(&folder));
        library.set_len(LIBRARY_BYTES).unwrap();
        assert!(is_complete(&folder));
        fs::write(folder.join("package.json"), r#"{"version":"1.5.5-r.1"}"#).unwrap();
        assert!(!is_complete(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
