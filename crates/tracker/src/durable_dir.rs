//! Folders whose names survive a crash.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a folder that only its owner may use, and its parents with the usual permissions; the names of the new ones
/// are synced to the disk. An existing folder stays as it is.
///
/// # Errors
///
/// When a folder can't be made or synced, or a file stands there.
pub(crate) fn create(dir: &Path) -> io::Result<()> {
    let made: Vec<&Path> = dir.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // Recursive, because then an existing folder is no error.
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    for path in made {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync(parent)?;
    }
    Ok(())
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// When the folder can't be opened or synced.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_and_one_that_exists_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        let (made, parent) = (dir.path().join("a/b"), dir.path().join("a"));
        create(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o750)).unwrap();
        create(&parent).unwrap();
        assert_eq!(mode(&parent), 0o750);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(create(&dir.path().join("file")).is_err());
    }
}
