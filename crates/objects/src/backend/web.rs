//! A web server: objects are read, by ranges where it knows them.

use super::{SILENCE, retries};
use crate::address::Address;
use crate::failure::{Result, StoreError, StoreErrorKind, chain};
use crate::listing::Object;
use crate::runtime;
use crate::stream::Opened;
use futures_core::Stream;
use reqwest::{Client, Method, Response, StatusCode, Url};
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug)]
pub(crate) struct Web {
    address: Address,
    client: Client,
}

impl Web {
    pub(crate) fn open(address: &Address) -> Result<Self> {
        // The client looks for the provider of encryption that the thread sets.
        let built = runtime::wait(async {
            let agent = concat!("dlt/", env!("CARGO_PKG_VERSION"));
            Client::builder().user_agent(agent).connect_timeout(Duration::from_secs(10)).read_timeout(SILENCE).build()
        });
        let client =
            built.map_err(|error| StoreError::of_answer("open", &address.to_string(), None, "", &chain(&error)))?;
        Ok(Self { address: address.clone(), client })
    }

    /// The address of an object: keys are put behind the path, before what follows a `?`.
    fn url(&self, key: &str) -> Result<Url> {
        let wrong = || StoreError::new(StoreErrorKind::Config, format!("{} is no address of the web", self.address));
        let mut url = Url::parse(self.address.path()).map_err(|_| wrong())?;
        if !key.is_empty() {
            let mut parts = url.path_segments_mut().map_err(|()| wrong())?;
            parts.pop_if_empty().extend(key.split('/'));
        }
        Ok(url)
    }

    pub(crate) fn at(&self, key: &str) -> String {
        match key {
            "" => self.address.to_string(),
            key => format!("{}/{key}", self.address.to_string().trim_end_matches('/')),
        }
    }

    pub(crate) fn head(&self, key: &str) -> Result<Option<Object>> {
        let response = self.ask(Method::HEAD, key, None)?;
        match response.status().as_u16() {
            404 | 410 => Ok(None),
            200..=299 => Ok(Some(self.object(key, &response))),
            // Some servers answer no HEAD: what they say of the first byte tells as much.
            403 | 405 | 501 => match self.ask(Method::GET, key, Some("bytes=0-0".to_owned()))? {
                response if response.status().is_success() => Ok(Some(self.object(key, &response))),
                response if matches!(response.status().as_u16(), 404 | 410) => Ok(None),
                response => Err(self.refused(key, response.status())),
            },
            _ => Err(self.refused(key, response.status())),
        }
    }

    pub(crate) fn read(&self, key: &str, from: u64, end: Option<u64>, etag: Option<&str>) -> Result<Opened> {
        let range = match (from, end) {
            (0, None) => None,
            (from, None) => Some(format!("bytes={from}-")),
            (from, Some(end)) => Some(format!("bytes={from}-{}", end.saturating_sub(1))),
        };
        let response = self.ask(Method::GET, key, range.clone())?;
        if !response.status().is_success() {
            return Err(self.refused(key, response.status()));
        }
        let object = self.object(key, &response);
        if let (Some(before), Some(now)) = (etag, &object.etag)
            && before != now
        {
            return Err(StoreError::of_answer("read", &self.at(key), Some(412), "", ""));
        }
        // A server that knows no ranges begins at the beginning.
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        let begins = if is_part { from } else { 0 };
        let end = response.content_length().filter(|_| !is_encoded(&response)).map(|length| begins + length);
        let stream = Box::pin(Body { response: Some(response), reading: None, at: self.at(key) });
        Ok(Opened { object, from: begins, end, stream })
    }

    /// Sends a request, again and again while the server is busy.
    fn ask(&self, method: Method, key: &str, range: Option<String>) -> Result<Response> {
        let (url, client) = (self.url(key)?, self.client.clone());
        let retries = retries();
        let answered = runtime::wait(async move {
            let mut pause = retries.backoff.init_backoff;
            let mut tries = 0;
            let began = tokio::time::Instant::now();
            loop {
                let mut request = client.request(method.clone(), url.clone());
                // Bytes are counted as they are stored.
                request = request.header("accept-encoding", "identity");
                if let Some(range) = &range {
                    request = request.header("range", range);
                }
                let answer = request.send().await;
                let again = match &answer {
                    Ok(response) => response.status().is_server_error() || response.status().as_u16() == 429,
                    Err(error) => !error.is_builder() && !error.is_redirect(),
                };
                if !again || tries >= retries.max_retries || began.elapsed() >= retries.retry_timeout {
                    return answer;
                }
                tries += 1;
                let asked = answer.as_ref().ok().and_then(retry_after);
                tokio::time::sleep(asked.unwrap_or(pause).min(retries.retry_timeout)).await;
                pause = (pause * 2).min(retries.backoff.max_backoff);
            }
        });
        answered.map_err(|error| StoreError::of_answer("read", &self.at(key), None, "", &chain(&error)))
    }

    fn refused(&self, key: &str, status: StatusCode) -> StoreError {
        StoreError::of_answer("read", &self.at(key), Some(status.as_u16()), "", "")
    }

    fn object(&self, key: &str, response: &Response) -> Object {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        // "bytes 5-9/100"
        let total = header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
        let length = header("content-length").and_then(|length| length.parse().ok());
        Object {
            key: key.to_owned(),
            size: total.or(length).unwrap_or(0),
            modified: header("last-modified").and_then(moment_of).unwrap_or(UNIX_EPOCH),
            // Of a weak one, only the meaning is the same, not the bytes.
            etag: header("etag").filter(|etag| !etag.starts_with("W/")).map(str::to_owned),
        }
    }
}

/// The moment that a date of HTTP means: `Wed, 21 Oct 2015 07:28:00 GMT`.
fn moment_of(date: &str) -> Option<SystemTime> {
    jiff::fmt::rfc2822::parse(date).ok().map(|moment| moment.timestamp().into())
}

fn is_encoded(response: &Response) -> bool {
    response.headers().get("content-encoding").is_some_and(|value| value != "identity")
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

type Reading = Pin<Box<dyn Future<Output = (Response, reqwest::Result<Option<bytes::Bytes>>)> + Send>>;

/// The body of a response as a stream.
struct Body {
    response: Option<Response>,
    reading: Option<Reading>,
    at: String,
}

impl Stream for Body {
    type Item = Result<bytes::Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        use std::task::Poll;
        if self.reading.is_none() {
            let Some(mut response) = self.response.take() else { return Poll::Ready(None) };
            self.reading = Some(Box::pin(async move {
                let chunk = response.chunk().await;
                (response, chunk)
            }));
        }
        let Some(reading) = self.reading.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready((response, chunk)) = reading.as_mut().poll(context) else { return Poll::Pending };
        self.reading = None;
        Poll::Ready(match chunk {
            Ok(Some(bytes)) => {
                self.response = Some(response);
                Some(Ok(bytes))
            }
            Ok(None) => None,
            Err(error) => Some(Err(StoreError::of_answer("read", &self.at, None, "", &chain(&error)))),
        })
    }
}
