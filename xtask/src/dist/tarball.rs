//! A folder of its own, for any Linux: `dlt-0.1.0-linux-x86_64.tar.gz`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::About;
use super::tree::Tree;
use crate::process;

pub(super) fn make(about: &About, tree: &Tree, work: &Path, out: &Path) -> Result<PathBuf> {
    let name = format!("dlt-{}-linux-{}", about.version, about.machine);
    tree.copy_to(&work.join(&name))?;
    let file = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--use-compress-program=gzip -9n",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    tar.arg(format!("--mtime=@{}", about.moment)).arg("--file").arg(&file).arg("--directory").arg(work).arg(&name);
    process::output(&mut tar)?;
    Ok(file)
}
