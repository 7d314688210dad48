//! Tells the built program where its DuckDB library is: beside itself, and in a checkout also in its `.duckdb` folder.
//!
//! The loader follows this run path when it opens what is linked, and as well when the program opens the library itself.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
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
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{beside}");
    let crate_folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    if let Some(checkout) = crate_folder.ancestors().nth(2) {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", checkout.join(".duckdb").display());
    }
}
