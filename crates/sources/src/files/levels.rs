//! A pattern in an object store, level by level: only folders that it can mean are listed, and of each only what is directly in it.

use super::remote::store_error;
use dlt_engine::Result;
use dlt_objects::{Object, Store, StoreErrorKind};
use globset::GlobMatcher;
use std::sync::Mutex;

/// Folders that are listed at the same time. Each list is a question to the store, whose time is mostly the way there and back.
const AT_ONCE: usize = 16;

/// What may match a pattern below a folder; the pattern as a whole is yet to be asked.
///
/// # Errors
/// If the store fails, or a level is no pattern.
pub(super) fn candidates(store: &Store, base: &str, pattern: &str) -> Result<Vec<Object>, Failure> {
    let mut folders = vec![base.to_owned()];
    let (levels, rest) = levels(pattern);
    let last = levels.len().saturating_sub(usize::from(rest.is_none()));
    for level in &levels[..last] {
        if !is_pattern(level) {
            folders.iter_mut().for_each(|folder| *folder = join(folder, level));
            continue;
        }
        let matcher = matcher(level).map_err(Failure::Pattern)?;
        let below = of_each(&folders, |folder| {
            let found = store.level(folder).map_err(|error| store_error(error, false))?;
            let fitting = found.folders.into_iter().filter(|name| !name.starts_with('.') && matcher.is_match(name));
            Ok(fitting.map(|name| join(folder, &name)).collect())
        })?;
        folders = below;
    }
    match (rest, levels.last()) {
        (Some(_), _) | (None, None) => of_each(&folders, |folder| everything(store, folder)),
        (None, Some(name)) if !is_pattern(name) => of_each(&folders, |folder| named(store, &join(folder, name))),
        (None, Some(name)) => {
            let matcher = matcher(name).map_err(Failure::Pattern)?;
            of_each(&folders, |folder| {
                let found = store.level(folder).map_err(|error| store_error(error, false))?;
                // Some tools mark a folder by an empty object of its name.
                let is_mark =
                    |object: &Object, name: &str| object.size == 0 && found.folders.iter().any(|it| it == name);
                let fits = |object: &Object| {
                    let name = object.key.rsplit('/').next().unwrap_or_default();
                    object.key.len() > folder.len() && matcher.is_match(name) && !is_mark(object, name)
                };
                Ok(found.objects.into_iter().filter(fits).collect())
            })
        }
    }
}

/// Why there are no candidates.
pub(super) enum Failure {
    /// The pattern is none.
    Pattern(globset::Error),
    /// The store failed.
    Store(dlt_engine::Error),
}

/// The matcher of a pattern: `*` stays within a folder.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(globset::GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher())
}

/// The parts of a pattern that are one level each, and what follows them where levels no longer count: from `**` on, or from
/// alternatives with a `/` in them.
fn levels(pattern: &str) -> (Vec<&str>, Option<&str>) {
    let mut levels = Vec::new();
    let mut rest = pattern;
    loop {
        let (level, after) = match rest.split_once('/') {
            Some((level, after)) => (level, Some(after)),
            None => (rest, None),
        };
        let count = |sign| level.matches(sign).count();
        if level.contains("**") || count('{') != count('}') || count('[') != count(']') || level.contains('\\') {
            return (levels, Some(rest));
        }
        levels.push(level);
        match after {
            Some(after) => rest = after,
            None => return (levels, None),
        }
    }
}

fn is_pattern(level: &str) -> bool {
    level.contains(['*', '?', '[', '{'])
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn everything(store: &Store, folder: &str) -> Result<Vec<Object>> {
    let listed = store.list(folder).map_err(|error| store_error(error, false))?;
    listed.map(|object| object.map_err(|error| store_error(error, false))).collect()
}

fn named(store: &Store, key: &str) -> Result<Vec<Object>> {
    match store.head(key) {
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(Vec::new()),
        found => found.map(|object| object.into_iter().collect()).map_err(|error| store_error(error, false)),
    }
}

/// What is found for each folder, some at a time, in their order.
fn of_each<T: Send>(folders: &[String], find: impl Fn(&str) -> Result<Vec<T>> + Sync) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    for some in folders.chunks(AT_ONCE) {
        if let [one] = some {
            all.extend(find(one).map_err(Failure::Store)?);
            continue;
        }
        let found: Vec<Mutex<Result<Vec<T>>>> = some.iter().map(|_| Mutex::new(Ok(Vec::new()))).collect();
        std::thread::scope(|scope| {
            for (folder, slot) in some.iter().zip(&found) {
                let find = &find;
                scope.spawn(move || {
                    let result = find(folder);
                    if let Ok(mut slot) = slot.lock() {
                        *slot = result;
                    }
                });
            }
        });
        for slot in found {
            let result = slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            all.extend(result.map_err(Failure::Store)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fall_into_levels() {
        for (pattern, parts, rest) in [
            ("*.csv", &["*.csv"][..], None),
            ("year=*/orders/*.csv", &["year=*", "orders", "*.csv"], None),
            ("*/2024/**/x.csv", &["*", "2024"], Some("**/x.csv")),
            ("{a,b}/{c/d,e}/*.csv", &["{a,b}"], Some("{c/d,e}/*.csv")),
            ("**", &[], Some("**")),
        ] {
            assert_eq!(levels(pattern), (parts.to_vec(), rest), "{pattern}");
        }
    }
}
