//! The licences of the crates that are in the program: most ask that their notice goes along with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// How files begin that hold a licence or a notice.
const FILES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// All notices; a text that several crates have stands once, below their names.
pub(super) fn text(workspace: &Workspace) -> Result<String> {
    let metadata = workspace.metadata(true)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let mut by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for (name, version) in in_the_program(workspace)? {
        let package = packages.iter().find(|package| package["name"] == *name && package["version"] == *version);
        let package = package.with_context(|| format!("cargo metadata does not know {name} {version}"))?;
        if package["source"].is_null() {
            continue;
        }
        let crate_of = format!("{name} {version} ({})", package["license"].as_str().unwrap_or("see its file"));
        let texts = texts_of(package)?;
        if texts.is_empty() {
            if package["license"].is_null() {
                bail!("{crate_of} names no licence and holds none");
            }
            without.push(crate_of);
            continue;
        }
        for text in texts {
            by_text.entry(text).or_default().insert(crate_of.clone());
        }
    }
    let mut out = String::from("The program holds these crates, under their licences.\n");
    if !without.is_empty() {
        out.push_str(&format!(
            "\nWithout a file of their own, under the licence that they name:\n{}\n",
            without.join("\n")
        ));
    }
    for (text, crates) in by_text {
        let crates = Vec::from_iter(crates).join("\n");
        out.push_str(&format!("\n{}\n{crates}\n\n{}\n", "=".repeat(80), text.trim_end()));
    }
    Ok(out)
}

/// Name and version of each crate that is linked into the program, or runs while it is compiled.
fn in_the_program(workspace: &Workspace) -> Result<BTreeSet<(String, String)>> {
    let mut cargo = workspace.plain_cargo();
    cargo.args([
        "tree",
        "--locked",
        "--package",
        "dlt-cli",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let listed = process::output(&mut cargo)?;
    let crates = listed.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
    });
    Ok(crates.collect())
}

fn texts_of(package: &Value) -> Result<Vec<String>> {
    let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
    let folder = Path::new(manifest).parent().context("a manifest lies in a folder")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if FILES.iter().any(|begin| name.starts_with(begin)) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    files.iter().map(|file| Ok(String::from_utf8_lossy(&fs::read(file)?).replace("\r\n", "\n"))).collect()
}
