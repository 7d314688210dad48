//! A library that was copied by half. The loader would map it, and the process would be killed when it reads past the end.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The library that the loader is about to take from `LD_LIBRARY_PATH`, the program's folder or the `lib/dlt` beside that, if
/// its end is missing.
pub(super) fn cut_short(name: &OsStr) -> Option<PathBuf> {
    let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let program = env::current_exe().ok().and_then(|program| program.canonicalize().ok());
    let beside = program.as_deref().and_then(Path::parent).map(Path::to_owned);
    let beside = beside.into_iter().flat_map(|folder| [folder.join("../lib/dlt"), folder]).rev();
    let folders = env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty()).chain(beside);
    let library = folders.map(|folder| folder.join(name)).find(|file| file.is_file())?;
    is_cut_short(&library).is_ok_and(|is| is).then_some(library)
}

/// Whether the table of sections, which the linker writes last, lies past the end. Other kinds of file are not judged.
fn is_cut_short(library: &Path) -> io::Result<bool> {
    const ELF_OF_64_BITS: &[u8] = b"\x7fELF\x02\x01";
    let file = File::open(library)?;
    let bytes = file.metadata()?.len();
    let mut head = [0; 64];
    file.take(64).read_exact(&mut head)?;
    if !head.starts_with(ELF_OF_64_BITS) {
        return Ok(false);
    }
    let number =
        |at: usize, size: usize| head[at..at + size].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (table, size, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    Ok(table.saturating_add(size * count) > bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_library_without_its_end_is_told_from_a_whole_one() {
        let program = env::current_exe().unwrap();
        assert!(!is_cut_short(&program).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let half = folder.path().join("half");
        let content = fs::read(&program).unwrap();
        fs::write(&half, &content[..content.len() / 2]).unwrap();
        assert_eq!(is_cut_short(&half).unwrap(), cfg!(all(target_os = "linux", target_pointer_width = "64")));
        fs::write(&half, "a text".repeat(20)).unwrap();
        assert!(!is_cut_short(&half).unwrap());
        fs::write(&half, "short").unwrap();
        assert!(is_cut_short(&half).is_err());
    }
}
