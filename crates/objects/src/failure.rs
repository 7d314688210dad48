//! What can fail with a store, in the terms of the person who has to act on it.
//!
//! Messages of servers and clients may hold signed addresses and keys. Of them only the status, the code of the error (one word) and
//! the kind of network failure get into a message.

use dlt_engine::{Error, ErrorKind};
use std::fmt;

/// Result of everything in this crate.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The address or a setting beside it is wrong; nothing was reached.
    Config,
    /// There are no credentials, or the store does not know them, or they have expired.
    Credentials,
    /// The credentials are good, and have no right to do this.
    Denied,
    /// There is no such bucket, container or folder.
    NoBucket,
    /// There is no such object.
    NotFound,
    /// The store is there and does not answer as it should: too busy, failing, too slow. Trying again later helps.
    Unavailable,
    /// The store cannot be reached: no such host, nobody listens, no network, a certificate that is not trusted.
    Unreachable,
    /// An object ended before its end, over and over.
    Truncated,
    /// An object was written anew while it was read.
    Changed,
    /// The disk is full.
    Full,
    /// The store cannot do this, whoever asks.
    Unsupported,
    /// Anything else.
    Other,
}

/// A failure of a store. It holds no secret.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    hint: Option<String>,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// What to do about it, if there is something to say.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same as an error of the engine: [`ErrorKind::Config`] if a setting is wrong, else of the kind that is given
    /// ([`ErrorKind::Source`] where something is read, [`ErrorKind::Destination`] where data goes).
    pub fn into_engine(self, kind: ErrorKind) -> Error {
        let kind = if self.kind == StoreErrorKind::Config { ErrorKind::Config } else { kind };
        let error = Error::new(kind, self.message);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The same as an error of a stream of bytes, from which [`StoreError::of_io`] finds it again.
    pub fn into_io(self) -> std::io::Error {
        let kind = match self.kind {
            StoreErrorKind::NotFound | StoreErrorKind::NoBucket => std::io::ErrorKind::NotFound,
            StoreErrorKind::Denied | StoreErrorKind::Credentials => std::io::ErrorKind::PermissionDenied,
            StoreErrorKind::Full => std::io::ErrorKind::StorageFull,
            StoreErrorKind::Truncated => std::io::ErrorKind::UnexpectedEof,
            _ => std::io::ErrorKind::Other,
        };
        std::io::Error::new(kind, self)
    }

    /// The failure that an error of a [`crate::Reader`] or [`crate::Writer`] carries.
    pub fn of_io(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// A failure of the local file system; `doing` says what could not be done: `write`.
    pub(crate) fn local(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, why, hint) = match error.kind() {
            Io::NotFound => (StoreErrorKind::NotFound, "it is not there".to_owned(), None),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (
                StoreErrorKind::Denied,
                "permission denied".to_owned(),
                Some("make the folder and its files accessible to this user"),
            ),
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (
                StoreErrorKind::Full,
                "the disk is full".to_owned(),
                Some("free some space, then run the same command again"),
            ),
            Io::NotADirectory | Io::AlreadyExists => (
                StoreErrorKind::Config,
                "a part of the path is a file and no folder".to_owned(),
                Some("name another folder"),
            ),
            Io::InvalidFilename => {
                (StoreErrorKind::Config, "the name is too long, or no name of a file".to_owned(), None)
            }
            _ => (StoreErrorKind::Other, plain(error), None),
        };
        let error = Self::new(kind, format!("cannot {doing} {}: {why}", path.display()));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// What a store answered; `at` is the address of the object or store, without secrets.
    pub(crate) fn of_store(doing: &str, at: &str, error: &object_store::Error) -> Self {
        let text = chain(error);
        let code = tagged(&text, "Code").or_else(|| reason_of_google(&text)).unwrap_or_default();
        let status = status_of(&text).or(match error {
            object_store::Error::NotFound { .. } => Some(404),
            object_store::Error::PermissionDenied { .. } => Some(403),
            object_store::Error::Unauthenticated { .. } => Some(401),
            _ => None,
        });
        Self::of_answer(doing, at, status, &code, &text)
    }

    /// What a server answered, or why it did not; `text` is looked through for words and told nowhere.
    pub(crate) fn of_answer(doing: &str, at: &str, status: Option<u16>, code: &str, text: &str) -> Self {
        use StoreErrorKind as Kind;
        let answered = match (status, code) {
            (Some(status), "") => format!(" (it answered {status})"),
            (Some(status), code) => format!(" (it answered {status} {code})"),
            (None, "") => String::new(),
            (None, code) => format!(" ({code})"),
        };
        let new = |kind: Kind, why: &str| Self::new(kind, format!("cannot {doing} {at}: {why}{answered}"));
        let lower = text.to_lowercase();
        let network = status.is_none();
        match (status, code) {
            (_, "NoSuchBucket" | "ContainerNotFound") => new(Kind::NoBucket, "there is no such bucket")
                .hint("make it with the tools of the store, or correct the name; dlt makes no buckets"),
            (
                _,
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "AuthenticationFailed"
                | "InvalidToken"
                | "AuthorizationHeaderMalformed",
            )
            | (Some(401), _) => new(Kind::Credentials, "the store does not accept the credentials").hint(CREDENTIALS),
            (_, "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" | "ExpiredTokenException") => {
                new(Kind::Credentials, "the credentials have expired")
                    .hint("get new ones, then run the same command again")
            }
            (_, "RequestTimeTooSkewed") => new(Kind::Credentials, "the clock of this machine is wrong")
                .hint("set the clock, then run the same command again"),
            (Some(403), _) => new(Kind::Denied, "the credentials have no right to do this")
                .hint("grant them the right to list, read, write and delete objects there, or use others"),
            (Some(404), "NoSuchKey" | "BlobNotFound" | "") => new(Kind::NotFound, "it is not there"),
            (Some(404), _) => new(Kind::NotFound, "it is not there"),
            (Some(301 | 307 | 308), _) | (_, "PermanentRedirect" | "IllegalLocationConstraintException") => {
                new(Kind::Config, "the bucket is in another region")
                    .hint("set `region_name` beside the credentials to the bucket's")
            }
            (Some(412), _) => new(Kind::Changed, "it was written anew in between"),
            (Some(416), _) => new(Kind::Truncated, "it is shorter than it was"),
            (Some(429 | 500..=599), _) | (_, "SlowDown" | "InternalError") => {
                new(Kind::Unavailable, "the store is too busy or fails, also after several tries")
                    .hint("run the same command again later")
            }
            _ if network && (lower.contains("without location") || lower.contains("configured region")) => {
                new(Kind::Config, "the bucket is in another region")
                    .hint("set `region_name` beside the credentials to the bucket's")
            }
            _ if network && (lower.contains("body") || lower.contains("incomplete") || lower.contains("eof")) => {
                new(Kind::Truncated, "it ends before its end, also after several tries")
                    .hint("run the same command again later")
            }
            _ if network
                && (lower.contains("certificate") || lower.contains("unknownissuer") || lower.contains("tls")) =>
            {
                new(Kind::Unreachable, "its certificate is not trusted")
                    .hint("trust its issuer on this machine, or correct `endpoint_url`")
            }
            _ if network
                && (lower.contains("dns") || lower.contains("lookup address") || lower.contains("name or service")) =>
            {
                new(Kind::Unreachable, "there is no such host")
                    .hint("look at `endpoint_url`, `region_name` and the network")
            }
            _ if network && lower.contains("refused") => new(Kind::Unreachable, "nobody listens there")
                .hint("look at `endpoint_url`, and whether the server runs"),
            _ if network
                && (lower.contains("timed out") || lower.contains("timeout") || lower.contains("deadline")) =>
            {
                new(Kind::Unavailable, "no answer in time").hint("run the same command again later")
            }
            _ if network
                && (lower.contains("connect")
                    || lower.contains("unreachable")
                    || lower.contains("closed")
                    || lower.contains("reset")) =>
            {
                new(Kind::Unreachable, "the connection fails").hint("look at `endpoint_url` and the network")
            }
            _ if lower.contains("illegal character")
                || lower.contains("empty segment")
                || lower.contains("invalid path") =>
            {
                new(
                    Kind::Unsupported,
                    "there are objects whose names have empty parts (`//`), `.` or `..`, or control characters",
                )
                .hint("rename them, or name a folder that has none such")
            }
            _ => new(Kind::Other, "the store refused or failed"),
        }
    }
}

const CREDENTIALS: &str = "look at the credentials: they may be of another account, store or endpoint";

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

/// A message of the operating system without its number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// All that an error and its causes say.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(" / ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The word between `<tag>` and `</tag>`, if it is one.
fn tagged(text: &str, tag: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (word, _) = rest.split_once("</")?;
    is_word(word).then(|| word.to_owned())
}

/// `"reason": "forbidden"` of Google's answers, and `"error": "invalid_grant"`.
fn reason_of_google(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"reason\":").or_else(|| text.split_once("\"error\":"))?;
    let word = rest.trim_start().strip_prefix('"')?.split('"').next()?;
    is_word(word).then(|| word.to_owned())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 60 && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn status_of(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(text: &str) -> StoreError {
        let error = object_store::Error::Generic { store: "S3", source: text.to_owned().into() };
        StoreError::of_store("read", "s3://b/k", &error)
    }

    #[test]
    fn answers_become_kinds() {
        use StoreErrorKind as Kind;
        let xml = |status: &str, code: &str| {
            format!(
                "Server returned non-2xx status code: {status}: <Error><Code>{code}</Code><Key>AKIAsecret</Key></Error>"
            )
        };
        for (text, kind) in [
            (xml("404 Not Found", "NoSuchBucket"), Kind::NoBucket),
            (xml("404 Not Found", "NoSuchKey"), Kind::NotFound),
            (xml("403 Forbidden", "AccessDenied"), Kind::Denied),
            (xml("403 Forbidden", "InvalidAccessKeyId"), Kind::Credentials),
            (xml("403 Forbidden", "SignatureDoesNotMatch"), Kind::Credentials),
            (xml("400 Bad Request", "ExpiredToken"), Kind::Credentials),
            (xml("503 Service Unavailable", "SlowDown"), Kind::Unavailable),
            (xml("301 Moved", "PermanentRedirect"), Kind::Config),
            (
                "error sending request / tcp connect error / Connection refused (os error 111)".to_owned(),
                Kind::Unreachable,
            ),
            ("error sending request / dns error".to_owned(), Kind::Unreachable),
            ("operation timed out".to_owned(), Kind::Unavailable),
            ("invalid peer certificate: UnknownIssuer".to_owned(), Kind::Unreachable),
        ] {
            let error = of(&text);
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(!error.to_string().contains("AKIAsecret"), "{error}");
        }
        assert_eq!(
            of(&xml("403 Forbidden", "AccessDenied")).to_string(),
            "cannot read s3://b/k: the credentials have no right to do this (it answered 403 AccessDenied)"
        );
    }

    #[test]
    fn what_a_stream_says_is_found_again() {
        let error = of("operation timed out").into_io();
        assert_eq!(StoreError::of_io(&error).unwrap().kind(), StoreErrorKind::Unavailable);
    }
}
