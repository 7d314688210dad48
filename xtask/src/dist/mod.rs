//! `make dist`: what a person installs `dlt` from. All kinds hold the same tree of files ([`tree`]).

mod deb;
mod notices;
mod tarball;
mod tree;
mod wheel;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{binary, process};
use tree::Tree;

/// What all kinds say of the program.
struct About {
    /// `0.1.0`
    version: String,
    /// The machine as Rust names it: `x86_64`
    machine: &'static str,
    /// The newest version of glibc that a file asks for: `(2, 34)`.
    glibc: (u32, u32),
    /// The moment of the commit, in seconds since 1970: the same commit gives the same bytes.
    moment: String,
}

const SUMMARY: &str = "Load data anywhere: from files, APIs and databases, nested or flat, into databases and lakes";

/// Makes the wheel, the tarball, the Debian package and the folder for a container image, in `dist/`.
pub(crate) fn make(workspace: &Workspace) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!(
            "packages are made for Linux only; `cargo xtask build` leaves a binary for this system in target/release"
        );
    }
    let built = binary::chosen(workspace)?;
    let out = workspace.path("dist");
    // Of an earlier version, under another name.
    let _ = fs::remove_dir_all(&out);
    let work = workspace.target_folder()?.join("packages");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&out)?;
    fs::create_dir_all(&work)?;

    let tree = Tree::make(workspace, &built, &work.join("tree"))?;
    let about = About {
        version: version(workspace)?,
        machine: std::env::consts::ARCH,
        glibc: tree.needs_glibc()?,
        moment: process::output(Command::new("git").current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]))?
            .trim()
            .to_owned(),
    };
    let made = [
        tarball::make(&about, &tree, &work, &out)?,
        wheel::make(&about, &tree, &work, &out)?,
        deb::make(&about, &tree, &work, &out)?,
    ];
    container(workspace, &tree, &out)?;
    sums(&out, &made)?;
    for file in &made {
        println!("{} ({} MB)", file.display(), fs::metadata(file)?.len().div_ceil(1_000_000));
    }
    println!("{} (docker build --tag dlt {0})", out.join("docker").display());
    Ok(())
}

/// The folder that an image is built from.
fn container(workspace: &Workspace, tree: &Tree, out: &Path) -> Result<()> {
    let folder = out.join("docker");
    tree.copy_to(&folder)?;
    copy(&workspace.path("deploy/Dockerfile.dlt"), &folder.join("Dockerfile"))
}

/// `SHA256SUMS`, as `sha256sum --check` reads it.
fn sums(out: &Path, files: &[PathBuf]) -> Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = process::output(Command::new("sha256sum").current_dir(out).args(names))?;
    fs::write(out.join("SHA256SUMS"), sums)?;
    Ok(())
}

fn version(workspace: &Workspace) -> Result<String> {
    let metadata = workspace.metadata(false)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let cli = packages.iter().find(|package| package["name"] == "dlt-cli");
    Ok(cli.and_then(|cli| cli["version"].as_str()).context("there is no package dlt-cli")?.to_owned())
}

/// Copies a file, makes the folders above it, and lets everybody read it, or run it if its owner may.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
    let is_program = fs::metadata(from).is_ok_and(|found| found.permissions().mode() & 0o100 != 0);
    process::output(Command::new("install").args(["-m", if is_program { "755" } else { "644" }]).args([from, to]))
        .map(drop)
        .with_context(|| format!("{} could not be copied to {}", from.display(), to.display()))
}

/// All files below a folder, by their paths in it, sorted.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
