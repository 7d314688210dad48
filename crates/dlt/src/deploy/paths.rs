//! Where files stand, seen from one another.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..`, from the current folder on.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            other => whole.push(other),
        }
    }
    whole
}

/// How one gets to `path` from `folder`; both absolute. Parts are separated by `/`.
pub(super) fn from(folder: &Path, path: &Path) -> String {
    let (folder, path): (Vec<_>, Vec<_>) = (folder.components().collect(), path.components().collect());
    let common = folder.iter().zip(&path).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..".into(), folder.len() - common);
    let down = path[common..].iter().map(|part| part.as_os_str().to_string_lossy());
    up.chain(down).collect::<Vec<std::borrow::Cow<'_, str>>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_from_another() {
        for (folder, path, expected) in [
            ("/p/dags", "/p/x_pipeline.toml", "../x_pipeline.toml"),
            ("/p", "/p/x.toml", "x.toml"),
            ("/a/b", "/c/d/x", "../../c/d/x"),
            ("/p", "/p", ""),
        ] {
            assert_eq!(from(Path::new(folder), Path::new(path)), expected);
        }
        assert_eq!(absolute(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
