//! Tells the built program where its DuckDB library is: beside itself, and in a checkout also in its `.duckdb` folder.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let links_library = std::env::var_os("CARGO_FEATURE_BUNDLED").is_none();
    if !links_library || std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() != Ok("unix") {
        return;
    }
    let beside = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => "@loader_path",
        _ => "$ORIGIN",
    };
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{beside}");
    let crate_folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    if let Some(checkout) = crate_folder.ancestors().nth(2) {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", checkout.join(".duckdb").display());
    }
}
