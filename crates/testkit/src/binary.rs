//! Where the binary under test is.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The `dlt` binary under test: the path in the environment variable `DLT_BIN`, else `dlt` in the profile folder that
/// the running test was built into.
///
/// # Errors
/// When there is no such file. The message names the command that builds it; a test that needs the binary and does not
/// find it must fail, never pass by doing nothing.
pub fn dlt_binary() -> Result<PathBuf> {
    let path = match env::var_os("DLT_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = env::current_exe().context("the running test has no path")?;
            // target/PROFILE/deps/main-HASH → target/PROFILE/dlt
            let profile = test.parent().and_then(|deps| deps.parent());
            let profile =
                profile.with_context(|| format!("{} is not in a target folder; set DLT_BIN", test.display()))?;
            profile.join("dlt")
        }
    };
    if !path.is_file() {
        bail!(
            "the binary under test is missing: {} is not a file\n\nhint: build it with `cargo build -p dlt-cli`, or set DLT_BIN",
            path.display()
        );
    }
    Ok(path)
}
