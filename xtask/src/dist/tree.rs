//! The files that every kind of package holds, as they lie below `/usr` or in a folder of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{copy, files_below, notices};
use crate::workspace::Workspace;
use crate::{duckdb, process};

/// Each shell, and where it looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/dlt"),
    ("zsh", "share/zsh/site-functions/_dlt"),
    ("fish", "share/fish/vendor_completions.d/dlt.fish"),
];

pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Makes the tree below `root`, which is empty. `built` is the release binary.
    pub(super) fn make(workspace: &Workspace, built: &Path, root: &Path) -> Result<Self> {
        let program = root.join("bin/dlt");
        copy(built, &program)?;
        // Not beside the program: a folder such as /usr/bin is for programs.
        let library = root.join("lib/dlt").join(duckdb::LIBRARY);
        copy(&workspace.duckdb_folder().join(duckdb::LIBRARY), &library)?;
        process::output(Command::new("strip").arg("--strip-unneeded").args([&program, &library]))?;

        let dlt = || {
            let mut dlt = Command::new(&program);
            dlt.env_clear().env("HOME", root).env("DO_NOT_TRACK", "1").current_dir("/");
            dlt
        };
        for (shell, place) in COMPLETIONS {
            write(&root.join(place), &process::output(dlt().args(["completions", shell]))?)?;
        }
        process::output(dlt().args(["completions", "--man-pages"]).arg(root.join("share/man/man1")))?;

        let doc = root.join("share/doc/dlt");
        for name in ["LICENSE", "CHANGELOG.md"] {
            copy(&workspace.path(name), &doc.join(name))?;
        }
        copy(&workspace.duckdb_folder().join("LICENSE"), &doc.join("LICENSE.duckdb"))?;
        write(&doc.join("THIRD-PARTY"), &notices::text(workspace)?)?;
        Ok(Self { root: root.to_owned() })
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The paths of all files, relative to the root.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        files_below(&self.root)
    }

    pub(super) fn copy_to(&self, folder: &Path) -> Result<()> {
        self.files()?.iter().try_for_each(|file| copy(&self.root.join(file), &folder.join(file)))
    }

    /// The newest version of glibc whose symbols the program or the library asks for.
    pub(super) fn needs_glibc(&self) -> Result<(u32, u32)> {
        let files = [self.path("bin/dlt"), self.path("lib/dlt").join(duckdb::LIBRARY)];
        let symbols = process::output(Command::new("objdump").arg("-T").args(&files))?;
        newest_glibc(&symbols).context("objdump names no version of glibc")
    }
}

fn newest_glibc(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    });
    versions.max()
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
    fs::write(file, text).with_context(|| format!("{} could not be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_glibc_are_compared_as_numbers() {
        let symbols = "0000 DF *UND* 0 (GLIBC_2.9) read\n0000 DF *UND* 0 (GLIBC_2.34) stat\n0000 (GLIBC_2.2.5) free\n";
        assert_eq!(newest_glibc(symbols), Some((2, 34)));
        assert_eq!(newest_glibc("(GLIBCXX_3.4.21) (GLIBC_PRIVATE)"), None);
    }
}
