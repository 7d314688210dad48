//! Tells the built program where its DuckDB library is, and of which commit it is.
//!
//! The library is beside the program, or in `../lib/dlt` as packages have it; development builds also look into the `.duckdb`
//! folder of their checkout. The loader follows this run path when it opens what is linked, and as well when the program opens
//! the library itself.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let checkout = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let checkout = checkout.ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    // Development builds would be linked anew at each commit.
    let is_release = std::env::var("PROFILE").as_deref() == Ok("release");
    println!("cargo::rerun-if-env-changed=DLT_COMMIT");
    let named = std::env::var("DLT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = named.or_else(|| if is_release { commit(&checkout) } else { None });
    println!("cargo::rustc-env=DLT_COMMIT={}", commit.unwrap_or_default());
    run_path(&checkout, is_release);
}

fn run_path(checkout: &Path, is_release: bool) {
    let is_on = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if is_on("BUNDLED") && is_on("DLOPEN") {
        println!(
            "cargo::error=DuckDB cannot be both inside and beside the program: `bundled` needs --no-default-features"
        );
        return;
    }
    if is_on("BUNDLED") || std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() != Ok("unix") {
        return;
    }
    let beside = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => "@loader_path",
        _ => "$ORIGIN",
    };
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{beside}:{beside}/../lib/dlt");
    if !is_release {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", checkout.join(".duckdb").display());
    }
}

/// The commit that is checked out, `-dirty` behind it where files differ from it; nothing where this is no repository.
fn commit(checkout: &Path) -> Option<String> {
    let git = |words: &[&str]| {
        let output = Command::new("git").arg("-C").arg(checkout).args(words).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    // HEAD names the branch, whose file changes with each commit; each line here is a file of that kind.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in std::iter::once("HEAD").chain(branch.as_deref()) {
        let file = git(&["rev-parse", "--path-format=absolute", "--git-path", name]).map(PathBuf::from);
        if let Some(file) = file.filter(|file| file.exists()) {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    git(&["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"])
}
