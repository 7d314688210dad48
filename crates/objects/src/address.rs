//! What people write for a place: a scheme, a bucket, and a path in it.

use crate::failure::{Result, StoreError, StoreErrorKind};
use crate::percent;
use std::fmt;
use std::path::{Path, PathBuf};

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// A folder of this machine: `file://`, or a path.
    Local,
    /// S3 and what speaks like it: `s3://`, `s3a://`.
    S3,
    /// Google Cloud Storage: `gs://`, `gcs://`.
    Gcs,
    /// Azure Blob Storage and Data Lake: `az://`, `azure://`, `abfs://`, `abfss://`, `adl://`.
    Azure,
    /// A web server: `http://`, `https://`. It can be read, one object at a time.
    Http,
}

/// Where something is. It holds no secret, but for what somebody wrote into an `http` address; [`fmt::Display`] leaves that out.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    /// As it was written, without slashes at the end: it is shown so.
    written: String,
    /// The bucket or container; empty for a folder and a web server.
    bucket: String,
    /// Of an Azure address: `account.dfs.core.windows.net`, or nothing.
    host: String,
    /// Path in the bucket, without slashes at both ends; the folder itself; the whole address of a web server.
    path: String,
}

impl Address {
    /// Understands an address. A text without a scheme is a path; relative ones are meant from the current folder.
    ///
    /// # Errors
    /// [`StoreErrorKind::Config`] for a scheme that is not known, and where the bucket is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(
                wrong(text, "it names no place").hint("write a folder, or an address such as s3://bucket/prefix")
            );
        }
        let Some((scheme, rest)) = scheme_of(trimmed) else { return Ok(Self::folder(Path::new(trimmed))) };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "file" | "local" => return Self::of_file(trimmed, rest),
            "s3" | "s3a" => Scheme::S3,
            "gs" | "gcs" => Scheme::Gcs,
            "az" | "azure" | "abfs" | "abfss" | "adl" => Scheme::Azure,
            "http" | "https" => return Self::of_web(trimmed, rest),
            other => {
                let error = wrong(text, &format!("`{other}` is no kind of store that is known"));
                return Err(error.hint("known are s3, gs, az, abfss, file and https, and paths of folders"));
            }
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // abfss://container@account.dfs.core.windows.net/path
        let (bucket, host) = match authority.split_once('@') {
            Some((bucket, host)) if scheme == Scheme::Azure => (bucket, host),
            Some(_) => {
                return Err(wrong("", "it has credentials in it").hint("set them beside the address, in `credentials`"));
            }
            None => (authority, ""),
        };
        if bucket.is_empty() {
            return Err(wrong(text, "it names no bucket").hint(format!("write {}", example(scheme))));
        }
        if path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(wrong(text, "`.` and `..` mean nothing in a bucket").hint("write the path that is meant"));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        Ok(Self {
            scheme,
            written: trimmed.trim_end_matches('/').to_owned(),
            bucket: bucket.to_owned(),
            host: host.to_owned(),
            path: parts.join("/"),
        })
    }

    /// A folder of this machine.
    pub fn folder(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let text = path.to_string_lossy().into_owned();
        let text =
            if text.len() > 1 { text.trim_end_matches(['/', std::path::MAIN_SEPARATOR]).to_owned() } else { text };
        Self { scheme: Scheme::Local, written: text.clone(), bucket: String::new(), host: String::new(), path: text }
    }

    fn of_file(text: &str, rest: &str) -> Result<Self> {
        // file:///absolute, file://localhost/absolute, file://relative
        let path = rest.strip_prefix("localhost/").map(|path| format!("/{path}")).unwrap_or_else(|| rest.to_owned());
        let path = percent::decode(&path);
        // file:///C:/folder
        let path = match path.strip_prefix('/') {
            Some(drive) if cfg!(windows) && drive.get(1..2) == Some(":") => drive.to_owned(),
            _ => path,
        };
        if path.is_empty() {
            return Err(wrong(text, "it names no folder").hint("write file:///data/lake"));
        }
        Ok(Self::folder(Path::new(&path)))
    }

    fn of_web(text: &str, rest: &str) -> Result<Self> {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || host.ends_with('@') {
            return Err(wrong(text, "it names no host").hint("write https://example.org/data/file.csv"));
        }
        let written = text.to_owned();
        Ok(Self { scheme: Scheme::Http, path: written.clone(), written, bucket: String::new(), host: String::new() })
    }

    /// Whether a text begins with a scheme that means a store: `s3://…`, and not `C:\…` or a path.
    pub fn is_address(text: &str) -> bool {
        scheme_of(text).is_some()
    }

    /// The kind of store.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The bucket or container; empty for a folder and a web server.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The path in the bucket, without slashes at both ends; the absolute path of a folder; the address of a web server.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The host that an Azure address names.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The folder, if it is one of this machine.
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.scheme == Scheme::Local).then(|| PathBuf::from(&self.path))
    }

    /// The same store, further down: `key` has `/` between its parts.
    #[must_use]
    pub fn join(&self, key: &str) -> Self {
        let key = key.trim_matches('/');
        if key.is_empty() {
            return self.clone();
        }
        let below = |text: &str| match text {
            "" => key.to_owned(),
            text => format!("{}/{key}", text.trim_end_matches('/')),
        };
        Self { written: below(&self.written), path: below(&self.path), ..self.clone() }
    }

    /// Scheme and bucket, as they were written, without the path: `s3://bucket`. Empty for a folder.
    pub fn origin(&self) -> String {
        let Some((scheme, rest)) = self.written.split_once("://") else { return String::new() };
        format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme != Scheme::Http {
            return f.write_str(&self.written);
        }
        // A password before the host and what follows the `?` may be secrets.
        let (scheme, rest) = self.written.split_once("://").unwrap_or(("https", &self.written));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let host = host.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host}")?;
        path.map_or(Ok(()), |path| write!(f, "/{path}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The scheme of a text and what follows it. One letter is a drive of Windows.
fn scheme_of(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let mut letters = scheme.chars();
    let begins_well = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic());
    let is_scheme =
        begins_well && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'));
    (is_scheme && scheme.len() > 1).then_some((scheme, rest))
}

fn example(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::S3 => "s3://bucket/prefix",
        Scheme::Gcs => "gs://bucket/prefix",
        Scheme::Azure => "az://container/prefix",
        Scheme::Local | Scheme::Http => "a folder",
    }
}

fn wrong(text: &str, why: &str) -> StoreError {
    let what = if text.is_empty() { "the address".to_owned() } else { format!("`{text}`") };
    StoreError::new(StoreErrorKind::Config, format!("{what} is no address of a store: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, scheme, bucket, path) in [
            ("s3://b/p/q/", Scheme::S3, "b", "p/q"),
            ("s3a://b", Scheme::S3, "b", ""),
            ("S3://my.dotted.bucket//p//q", Scheme::S3, "my.dotted.bucket", "p/q"),
            ("gs://b/p", Scheme::Gcs, "b", "p"),
            ("gcs://b/p", Scheme::Gcs, "b", "p"),
            ("az://c/p x/ü", Scheme::Azure, "c", "p x/ü"),
            ("abfss://c@acct.dfs.core.windows.net/p", Scheme::Azure, "c", "p"),
            ("adl://c/p", Scheme::Azure, "c", "p"),
            ("file:///data/lake", Scheme::Local, "", "/data/lake"),
            ("file:///data/a%20b", Scheme::Local, "", "/data/a b"),
            ("file://localhost/data", Scheme::Local, "", "/data"),
            ("/data/100%25/", Scheme::Local, "", "/data/100%25"),
            ("https://h/x.csv?k=v", Scheme::Http, "", "https://h/x.csv?k=v"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.scheme(), address.bucket(), address.path()), (scheme, bucket, path), "{text}");
        }
        let relative = Address::parse("lake").unwrap();
        assert_eq!(relative.path(), std::env::current_dir().unwrap().join("lake").to_str().unwrap());
        assert_eq!(Address::parse("abfss://c@a.host/p").unwrap().host(), "a.host");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", "no place"),
            ("s3://", "no bucket"),
            ("s3:///p", "no bucket"),
            ("s3://b/../c", "mean nothing"),
            ("ftp://h/p", "`ftp` is no kind"),
            ("file://", "no folder"),
            ("https:///x", "no host"),
            ("s3://key:secret@b/p", "credentials in it"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Config, "{text}");
            assert!(error.to_string().contains(why), "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.advice().is_some(), "{text}");
        }
    }

    #[test]
    fn secrets_of_web_addresses_are_not_shown() {
        let address = Address::parse("https://user:pw@h:8080/a/b.csv?token=t").unwrap();
        assert_eq!(address.to_string(), "https://h:8080/a/b.csv");
        assert_eq!(format!("{address:?}"), "Address(https://h:8080/a/b.csv)");
    }

    #[test]
    fn further_down() {
        let below = |text: &str| Address::parse(text).unwrap().join("/t/x").to_string();
        assert_eq!(below("s3://b"), "s3://b/t/x");
        assert_eq!(below("s3://b/p/"), "s3://b/p/t/x");
        assert_eq!(below("/data"), "/data/t/x");
        assert_eq!(Address::parse("s3://b/p").unwrap().join("t").path(), "p/t");
        assert_eq!(Address::parse("s3://b/p").unwrap().origin(), "s3://b");
        assert_eq!(Address::parse("/data").unwrap().origin(), "");
    }
}
