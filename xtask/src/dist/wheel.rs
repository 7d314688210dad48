//! A wheel, for `pip`, `pipx` and the like. It holds no Python: the program goes into the environment's `bin`, the library
//! into its `lib/dlt`.
//!
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::Tree;
use super::{About, SUMMARY, copy, files_below};
use crate::process;

/// Packs a folder into a wheel and lists each file with its hash in `RECORD`.
const PACKER: &str = "wheel==0.45.1";

pub(super) fn make(about: &About, tree: &Tree, work: &Path, out: &Path) -> Result<PathBuf> {
    let stem = format!("dlt_rs-{}", about.version);
    let stage = work.join("wheel");
    let (data, info) = (stage.join(format!("{stem}.data")), stage.join(format!("{stem}.dist-info")));
    for file in tree.files()? {
        let place = match file.strip_prefix("bin") {
            Ok(program) => Path::new("scripts").join(program),
            Err(_) => Path::new("data").join(&file),
        };
        copy(&tree.path(&file.to_string_lossy()), &data.join(place))?;
    }
    fs::create_dir_all(info.join("licenses"))?;
    for name in ["LICENSE", "LICENSE.duckdb", "THIRD-PARTY"] {
        copy(&tree.path("share/doc/dlt").join(name), &info.join("licenses").join(name))?;
    }
    let (major, minor) = about.glibc;
    let tag = format!("py3-none-manylinux_{major}_{minor}_{}", about.machine);
    fs::write(
        info.join("WHEEL"),
        format!("Wheel-Version: 1.0\nGenerator: dlt xtask\nRoot-Is-Purelib: false\nTag: {tag}\n"),
    )?;
    fs::write(
        info.join("METADATA"),
        format!(
            "Metadata-Version: 2.4\nName: dlt-rs\nVersion: {}\nSummary: {SUMMARY}\nLicense-Expression: Apache-2.0\n\
             License-File: LICENSE\nLicense-File: LICENSE.duckdb\nLicense-File: THIRD-PARTY\nRequires-Python: >=3.8\n\
             Classifier: Environment :: Console\nClassifier: Operating System :: POSIX :: Linux\n\
             Description-Content-Type: text/markdown\n\n{}",
            about.version,
            "The program `dlt`, with DuckDB. It holds no Python module. It is called as the command of the package `dlt` is: \
             install it into an environment of its own.\n"
        ),
    )?;
    let python = packer(work)?;
    let packed = work.join("packed");
    fs::create_dir_all(&packed)?;
    let mut pack = Command::new(python);
    pack.args(["-m", "wheel", "pack", "--dest-dir"]).arg(&packed).arg(&stage).env("SOURCE_DATE_EPOCH", &about.moment);
    process::output(&mut pack)?;
    let name = files_below(&packed)?.pop().context("the packer left no wheel")?;
    let file = out.join(&name);
    copy(&packed.join(&name), &file)?;
    Ok(file)
}

/// Python in an environment that holds the packer.
fn packer(work: &Path) -> Result<PathBuf> {
    let environment = work.join("packer");
    let python = environment.join("bin/python");
    process::output(Command::new("python3").args(["-m", "venv"]).arg(&environment))
        .context("Python 3 with venv is needed to make a wheel (on Debian: apt-get install python3-venv)")?;
    process::output(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKER,
    ]))?;
    Ok(python)
}
