//! Tells the crate which compiler builds it: the version is part of what is reported.

use std::process::Command;

fn main() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(compiler).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    // `rustc 1.95.0 (a1b2c3d 2026-04-14)`: the second word.
    let version = String::from_utf8_lossy(&said).split(' ').nth(1).unwrap_or("unknown").trim().to_owned();
    #[allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
    {
        println!("cargo::rustc-env=DLT_TELEMETRY_RUSTC={version}");
        println!("cargo::rerun-if-changed=build.rs");
    }
}
