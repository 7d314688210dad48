//! Names of files, and places as the metadata writes them.

use dlt_engine::digest::shake128;
use dlt_objects::{Address, Scheme};

/// The folder of the metadata, in the folder of its table.
pub(super) const METADATA: &str = "metadata";

/// What metadata files end with.
const ENDING: &str = ".metadata.json";

/// The metadata of a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) number: u64,
    /// The name of its file.
    pub(super) name: String,
}

impl Version {
    /// Reads the name of a file: `00003-….metadata.json`, or `v3.metadata.json` of tables without a catalog. Either may be compressed.
    pub(super) fn of(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(ENDING).or_else(|| name.strip_suffix(&format!("{ENDING}.gz")))?;
        let stem = stem.strip_suffix(".gz").unwrap_or(stem);
        let number = match stem.strip_prefix('v') {
            Some(number) => number,
            None => stem.split_once('-')?.0,
        };
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        Some(Self { number: is_number.then(|| number.parse().ok())??, name: name.to_owned() })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.name.ends_with(".gz") || self.name.ends_with(&format!(".gz{ENDING}"))
    }

    /// The version that follows another one, or begins a table at `location`. Its name is made of that before: of several who write it,
    /// one is the first.
    pub(super) fn after(before: Option<&Self>, location: &str) -> Self {
        let number = before.map_or(0, |before| before.number + 1);
        if before.is_some_and(|before| before.name.starts_with('v')) {
            return Self { number, name: format!("v{number}{ENDING}") };
        }
        let id = uuid(&[b"after", before.map_or(location, |before| &before.name).as_bytes()]);
        Self { number, name: format!("{number:05}-{id}{ENDING}") }
    }

    /// What the file `version-hint.text` says of it.
    pub(super) fn hint(&self) -> String {
        match self.name.starts_with('v') {
            true => self.number.to_string(),
            false => self.name.strip_suffix(ENDING).unwrap_or(&self.name).to_owned(),
        }
    }

    pub(super) fn key(&self) -> String {
        format!("{METADATA}/{}", self.name)
    }
}

/// An id in the form of a random UUID, of what it is made for.
pub(super) fn uuid(parts: &[&[u8]]) -> String {
    let hex: String = shake128::<16>(parts).iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]];
    format!("{a}-{b}-4{c}-8{d}-{e}")
}

/// The place of a table, as the metadata writes it.
pub(super) fn location(address: &Address) -> String {
    match address.scheme() {
        // As it is: readers do not decode it.
        Scheme::Local => format!("file://{}", address.path()),
        _ => address.to_string(),
    }
}

/// The key of a file in the folder of a table at `location`; `None` if it is elsewhere.
pub(super) fn key(location: &str, path: &str) -> Option<String> {
    let plain = |place: &str| {
        let (scheme, rest) = place.split_once(":/").unwrap_or(("file", place));
        // Writers of files and of buckets have several names for them.
        let scheme = match scheme {
            "s3a" | "s3n" => "s3",
            "gcs" => "gs",
            "abfs" | "abfss" | "azure" => "az",
            other => other,
        };
        format!("{scheme}:/{}", rest.trim_start_matches('/'))
    };
    let (location, path) = (plain(location.trim_end_matches('/')), plain(path));
    let key = path.strip_prefix(&location)?.strip_prefix('/')?;
    let is_outside = key.split('/').any(|part| part == ".." || part.is_empty());
    (!is_outside).then(|| key.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metadata() {
        let first = Version::after(None, "file:///t");
        assert_eq!((first.number, first.name.len()), (0, "00000-".len() + 36 + ENDING.len()));
        assert_eq!(Version::of(&first.name), Some(first.clone()));
        let second = Version::after(Some(&first), "");
        assert_eq!(second, Version::after(Some(&first), ""));
        assert_eq!(second.number, 1);
        assert_eq!(second.hint(), second.name.trim_end_matches(ENDING));
        for (name, number) in [
            ("v12.metadata.json", Some(12)),
            ("v3.gz.metadata.json", Some(3)),
            ("00007-a.metadata.json.gz", Some(7)),
            ("x-a.metadata.json", None),
            ("snap-1-a.avro", None),
            ("-a.metadata.json", None),
        ] {
            assert_eq!(Version::of(name).map(|version| version.number), number, "{name}");
        }
        let plain = Version::of("v12.metadata.json").unwrap();
        assert_eq!(
            (Version::after(Some(&plain), "").name.as_str(), plain.hint().as_str()),
            ("v13.metadata.json", "12")
        );
        assert!(Version::of("v3.gz.metadata.json").unwrap().is_compressed());
    }

    #[test]
    fn files_are_found_below_their_table() {
        for (location, path, found) in [
            ("file:///a/t", "file:///a/t/data/x.parquet", Some("data/x.parquet")),
            ("file:/a/t/", "file:///a/t/data/x.parquet", Some("data/x.parquet")),
            ("/a/t", "file:///a/t/x", Some("x")),
            ("s3a://b/t", "s3://b/t/x=a%2Fb/y", Some("x=a%2Fb/y")),
            ("s3://b/t", "s3://b/t2/x", None),
            ("s3://b/t", "s3://c/t/x", None),
            ("file:///a/t", "file:///a/t/../x", None),
        ] {
            assert_eq!(key(location, path).as_deref(), found, "{path}");
        }
    }
}
