//! Reading an object from beginning to end, also where the connection does not hold that long.

use crate::backend::remote::Remote;
use crate::backend::web::Web;
use crate::failure::{Result, StoreError, StoreErrorKind};
use crate::listing::Object;
use crate::runtime;
use crate::stream::{ByteStream, Opened, next};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// How often a read is taken up again without having got a single byte further.
const TRIES: u32 = 3;

/// Bytes that are fetched ahead.
const AHEAD: usize = 1 << 20;

/// The bytes of an object. A connection that is cut is taken up at the byte that was reached; what cannot be had to the end is an
/// error ([`StoreError::of_io`]) and never a short read.
pub struct Reader {
    object: Object,
    from: From,
}

enum From {
    File(std::io::Take<File>, std::path::PathBuf),
    Stream(Box<Resuming>),
}

impl Reader {
    pub(crate) fn of_file(object: Object, file: File, length: u64, path: std::path::PathBuf) -> Self {
        Self { object, from: From::File(file.take(length), path) }
    }

    pub(crate) fn of_store(place: Place, key: &str, from: u64, end: Option<u64>) -> Result<Self> {
        let opened = place.open(key, from, end, None)?;
        let object = opened.object.clone();
        let mut resuming = Resuming {
            place,
            key: key.to_owned(),
            etag: object.etag.clone(),
            reached: from,
            end: match (end, opened.end) {
                (Some(asked), Some(has)) => Some(asked.min(has)),
                (asked, has) => asked.or(has),
            },
            skip: 0,
            stream: None,
            ready: VecDeque::new(),
            tries: 0,
        };
        resuming.begin(opened);
        Ok(Self { object, from: From::Stream(Box::new(resuming)) })
    }

    /// What is read.
    pub fn object(&self) -> &Object {
        &self.object
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({})", self.object.key)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.from {
            From::File(file, path) => file.read(buffer).map_err(|error| match error.kind() {
                std::io::ErrorKind::Interrupted => error,
                _ => StoreError::local("read", path, &error).into_io(),
            }),
            From::Stream(stream) => stream.read(buffer).map_err(StoreError::into_io),
        }
    }
}

/// Where bytes come from over a network.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Remote(Remote),
    Web(Web),
}

impl Place {
    fn open(&self, key: &str, from: u64, end: Option<u64>, etag: Option<String>) -> Result<Opened> {
        match self {
            Self::Remote(remote) => remote.open(key, from, end, etag),
            Self::Web(web) => web.read(key, from, end, etag.as_deref()),
        }
    }
}

struct Resuming {
    place: Place,
    key: String,
    etag: Option<String>,
    /// Where the next byte is that was not handed out or made ready.
    reached: u64,
    end: Option<u64>,
    /// Bytes that come again, of a server that knows no ranges.
    skip: u64,
    stream: Option<ByteStream>,
    ready: VecDeque<Bytes>,
    tries: u32,
}

impl Resuming {
    fn begin(&mut self, opened: Opened) {
        self.skip = self.reached.saturating_sub(opened.from);
        self.stream = Some(opened.stream);
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(first) = self.ready.front_mut() {
                let count = first.len().min(buffer.len());
                first.copy_to_slice(&mut buffer[..count]);
                if first.is_empty() {
                    self.ready.pop_front();
                }
                return Ok(count);
            }
            if self.end.is_some_and(|end| self.reached >= end) {
                return Ok(0);
            }
            if self.fetch()? {
                return Ok(0);
            }
        }
    }

    /// Fetches some bytes; true at the end.
    fn fetch(&mut self) -> Result<bool> {
        let Some(mut stream) = self.stream.take() else { return self.again(None).map(|()| false) };
        let (stream, chunks, failure) = runtime::wait(async move {
            let (mut chunks, mut size) = (Vec::new(), 0);
            while size < AHEAD {
                match next(&mut stream).await {
                    None => return (None, chunks, None),
                    Some(Err(error)) => return (None, chunks, Some(error)),
                    Some(Ok(bytes)) => {
                        size += bytes.len();
                        chunks.push(bytes);
                    }
                }
            }
            (Some(stream), chunks, None)
        });
        let is_over = stream.is_none();
        self.stream = stream;
        for mut bytes in chunks {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes.advance(skipped);
            self.skip -= skipped as u64;
            if let Some(end) = self.end {
                bytes.truncate(usize::try_from(end.saturating_sub(self.reached)).unwrap_or(usize::MAX));
            }
            if !bytes.is_empty() {
                self.tries = 0;
                self.reached += bytes.len() as u64;
                self.ready.push_back(bytes);
            }
        }
        match failure {
            Some(error) => self.again(Some(error)).map(|()| false),
            None if !is_over => Ok(false),
            None => match self.end {
                // It ended where it should, or nobody knows where that is.
                Some(end) if self.reached < end => self.again(None).map(|()| false),
                _ => Ok(self.ready.is_empty()),
            },
        }
    }

    /// Goes on at the byte that was reached.
    fn again(&mut self, mut failure: Option<StoreError>) -> Result<()> {
        while self.end.is_none_or(|end| self.reached < end) {
            let lasting = failure.as_ref().is_some_and(|error| !may_pass(error.kind()));
            if lasting || self.tries >= TRIES {
                let at = match &self.place {
                    Place::Remote(remote) => remote.at(&self.key),
                    Place::Web(web) => web.at(&self.key),
                };
                return Err(failure.unwrap_or_else(|| {
                    StoreError::new(
                        StoreErrorKind::Truncated,
                        format!(
                            "cannot read {at}: it ends at byte {} and not where it should, also after several tries",
                            self.reached
                        ),
                    )
                    .hint("run the same command again later")
                }));
            }
            if self.tries > 0 {
                std::thread::sleep(Duration::from_millis(100 << self.tries.min(5)));
            }
            self.tries += 1;
            match self.place.open(&self.key, self.reached, self.end, self.etag.clone()) {
                Ok(opened) => {
                    self.begin(opened);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        Ok(())
    }
}

/// Whether trying again can help.
fn may_pass(kind: StoreErrorKind) -> bool {
    use StoreErrorKind as Kind;
    matches!(kind, Kind::Unavailable | Kind::Unreachable | Kind::Truncated | Kind::Other)
}
