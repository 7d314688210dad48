//! Requests: who asks, how often it is asked again, and which answers are failures.

use super::body::{MAX_BODY_BYTES, unpacked};
use super::config::{Action, ClientConfig, ResponseAction};
use super::credentials::Credentials;
pub(crate) use super::message::{Data, Request, Response};
use super::url::{join, origin, public, with_query};
use dlt_engine::{Error, ErrorKind, Result};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests that are made for one page, failures counted.
const ATTEMPTS: u32 = 5;
/// Longest wait between two attempts, whatever a server asks for.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// Longest pause in seconds that a rate can ask for.
const MAX_PAUSE: f64 = 86_400.0;
/// Redirects that are followed.
const MAX_REDIRECTS: u32 = 10;

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Wait before the second attempt; doubled before each further one.
    pub(crate) backoff: Duration,
    /// For connecting, and for a response to begin; the body may take ten times as long.
    pub(crate) timeout: Duration,
}

/// Makes requests to one API.
pub(crate) struct Client {
    agent: ureq::Agent,
    base_url: String,
    headers: Vec<(String, String)>,
    credentials: Credentials,
    patience: Patience,
    /// Between the beginnings of two requests.
    pause: Option<Duration>,
    /// When the next request may begin.
    next: Mutex<Option<Instant>>,
}

/// An answer, how long the server asks to wait, and the token that was used.
type Followed = (Response, Option<Duration>, Option<String>);

/// What an endpoint has in place of what the client has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access<'a> {
    pub(crate) credentials: Option<&'a Credentials>,
    /// The origin that is meant besides that of the base URL.
    pub(crate) home: Option<&'a str>,
}

/// Which answers are given back instead of being failures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Accepts<'a> {
    /// Those that these actions are about, unless they say to ask again.
    Actions(&'a [ResponseAction]),
    /// All but a request to wait: it is only tried whether there is an answer.
    All,
}

impl Accepts<'_> {
    /// Whether to ask again after this answer.
    fn asks_again(self, response: &Response) -> bool {
        match self {
            Self::Actions(actions) => match action_for(actions, response) {
                Some(action) => action == Action::Retry,
                None => is_passing(response.status),
            },
            Self::All => response.status == 429,
        }
    }
}

/// What is to be done with an answer, if one of the actions is about it.
pub(crate) fn action_for(actions: &[ResponseAction], response: &Response) -> Option<Action> {
    let fits = |action: &&ResponseAction| {
        let holds = |text: &String| memchr::memmem::find(&response.body, text.as_bytes()).is_some();
        action.status_code.is_none_or(|status| status == response.status) && action.content.as_ref().is_none_or(holds)
    };
    actions.iter().find(fits).map(|action| action.action)
}

impl Client {
    pub(crate) fn new(config: &ClientConfig, patience: Patience) -> Self {
        let headers = config.headers.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect();
        let credentials = Credentials::new(config.auth.as_ref());
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(patience.timeout))
            .timeout_recv_response(Some(patience.timeout))
            .timeout_recv_body(Some(patience.timeout * 10))
            .user_agent(concat!("dlt/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let pause = config.max_requests_per_second.map(|rate| Duration::from_secs_f64((1.0 / rate).min(MAX_PAUSE)));
        let base_url = config.base_url.clone();
        Self { agent, base_url, headers, credentials, patience, pause, next: Mutex::default() }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks until there is an answer that is no passing failure, or one with a status in `accepted`.
    ///
    /// # Errors
    /// If no attempt got through. An answer of 400 and above that will not change is given back as it is.
    pub(crate) fn get(&self, request: &Request, accepted: Accepts<'_>, access: Access<'_>) -> Result<Response> {
        let mut wait = self.patience.backoff;
        for attempt in 1.. {
            let token = self.token_for(request, access)?;
            self.keep_pace();
            let (failure, asked) = match self.follow(request, token, access) {
                // A token may end before its time.
                Ok((response, _, Some(token)))
                    if response.status == 401 && attempt == 1 && self.forget(access, &token) =>
                {
                    continue;
                }
                Ok((response, ..)) if !accepted.asks_again(&response) => return Ok(response),
                Ok((response, asked, _)) => (Error::new(ErrorKind::Source, failed(&response, attempt)), asked),
                Err(cause) => (unreachable(&public(&request.url), attempt, cause)?, None),
            };
            if attempt == ATTEMPTS {
                return Err(failure.hint("the API is busy or out of order: run the same command again later"));
            }
            std::thread::sleep(asked.unwrap_or(wait).min(MAX_WAIT));
            wait = (wait * 2).min(MAX_WAIT);
        }
        Err(Error::new(ErrorKind::Internal, "no attempt was made"))
    }

    /// One attempt, with the redirects that it leads to; beside the answer how long the server asks to wait.
    fn follow(&self, request: &Request, token: Option<String>, access: Access<'_>) -> Result<Followed, ureq::Error> {
        let mut url = with_query(&request.url, &request.params);
        for _ in 0..=MAX_REDIRECTS {
            let is_at = |place: &str| origin(&url).eq_ignore_ascii_case(origin(place));
            let is_ours = !request.is_for_token && (is_at(&self.base_url) || access.home.is_some_and(is_at));
            // Credentials are for the API alone: a link or redirect to elsewhere goes without.
            let credentials = self.credentials_for(access);
            let asked = if is_ours { with_query(&url, &missing_query(&credentials.query, &url)) } else { url.clone() };
            let own = request.headers.iter();
            let known = |name: &str| has_header(&request.headers, name);
            let is_common =
                |(name, _): &&(String, String)| is_at(&self.base_url) && !has_header(&credentials.headers, name);
            let common = self.headers.iter().filter(is_common);
            let common = common.chain(&credentials.headers).filter(|(name, _)| !known(name));
            let bearer = token.as_ref().map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
            let headers = common.chain(own).chain(&bearer).filter(|_| is_ours);
            let response = self.call(request, &asked, headers)?;
            let status = response.status().as_u16();
            let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
            if matches!(status, 301 | 302 | 303 | 307 | 308)
                && let Some(location) = header("location")
            {
                url = join(&url, &location);
                continue;
            }
            let wait = header("retry-after").and_then(|text| retry_after(&text));
            let headers = response.headers().iter();
            let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), text_of(value)?)));
            let headers = headers.collect();
            let body = response.into_body().into_with_config().limit(MAX_BODY_BYTES).read_to_vec()?;
            let body = unpacked(body).map_err(ureq::Error::Io)?;
            return Ok((Response { status, headers, body, url }, wait, token));
        }
        Err(ureq::Error::TooManyRedirects)
    }

    /// The token that the request needs.
    fn token_for(&self, request: &Request, access: Access<'_>) -> Result<Option<String>> {
        let tokens = self.credentials_for(access).tokens.as_ref().filter(|_| !request.is_for_token);
        tokens
            .map(|tokens| tokens.token(|request| self.get(request, Accepts::Actions(&[]), Access::default())))
            .transpose()
    }

    fn forget(&self, access: Access<'_>, token: &str) -> bool {
        self.credentials_for(access).tokens.as_ref().is_some_and(|tokens| tokens.forget(token))
    }

    fn credentials_for<'a>(&'a self, access: Access<'a>) -> &'a Credentials {
        access.credentials.unwrap_or(&self.credentials)
    }

    /// Waits until the next request may be made.
    fn keep_pace(&self) {
        let Some(pause) = self.pause else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let begin = next.map_or(now, |next| next.max(now));
        *next = Some(begin + pause);
        drop(next);
        std::thread::sleep(begin - now);
    }

    fn call<'a>(
        &self,
        request: &Request,
        url: &str,
        headers: impl Iterator<Item = &'a (String, String)>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut call = ureq::http::Request::builder().uri(url).method(if request.is_post { "POST" } else { "GET" });
        let (mut accepts_encoding, mut has_type) = (false, false);
        for (name, value) in headers {
            accepts_encoding |= name.eq_ignore_ascii_case("accept-encoding");
            has_type |= name.eq_ignore_ascii_case("content-type");
            call = call.header(name, value);
        }
        if !accepts_encoding {
            call = call.header("accept-encoding", "gzip");
        }
        let typed = |call: ureq::http::request::Builder, name: &str| {
            if has_type { call } else { call.header("content-type", name) }
        };
        match (&request.data, &request.json) {
            (Some(Data::Form(form)), _) => {
                let form = with_query("", form).trim_start_matches('?').to_owned();
                return self.agent.run(typed(call, "application/x-www-form-urlencoded").body(form)?);
            }
            (Some(Data::Text(text)), _) => return self.agent.run(call.body(text.clone())?),
            _ => {}
        }
        match &request.json {
            Some(json) => self.agent.run(typed(call, "application/json").body(json.to_string())?),
            None if request.is_post => self.agent.run(call.body(String::new())?),
            None => self.agent.run(call.body(())?),
        }
    }
}

/// The query parameters of the credentials that a link does not carry already.
fn missing_query(given: &[(String, String)], url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    given.iter().filter(|(name, _)| !has(name)).cloned().collect()
}

/// The text of a header; bytes that are no text are those of Latin 1.
fn text_of(value: &ureq::http::HeaderValue) -> Option<String> {
    match value.to_str() {
        Ok(text) => Some(text.to_owned()),
        Err(_) => Some(value.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

fn has_header(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Whether asking again may help.
fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

fn failed(response: &Response, attempts: u32) -> String {
    let times = if attempts == 1 { String::new() } else { format!(", {attempts} times") };
    format!("{} answered with status {}{times}", public(&response.url), response.status)
}

/// The error of an answer that says no for good.
pub(crate) fn refused(response: &Response) -> Error {
    let error = Error::new(ErrorKind::Source, failed(response, 1));
    match response.status {
        401 | 403 => error.hint("check the credentials in `client.auth`, and what they allow"),
        404 | 410 => {
            error.hint("check `base_url` and the path; where a missing thing is no error, say so in `response_actions`")
        }
        _ => error.hint("check the path and the parameters"),
    }
}

/// The failure of an attempt without an answer; at once an error, if another attempt cannot help.
fn unreachable(url: &str, attempts: u32, cause: ureq::Error) -> Result<Error> {
    use ureq::Error as E;
    let lasting = match &cause {
        E::Http(_) | E::BadUri(_) => Some("the URL or a header is not valid"),
        E::InvalidProxyUrl => Some("the proxy in the environment is not valid"),
        E::TooManyRedirects => Some("the API redirects in a circle"),
        E::BodyExceedsLimit(_) => Some("the response is longer than 1 GiB"),
        E::Tls(_) | E::Rustls(_) => Some("the server's certificate is not trusted"),
        _ => None,
    };
    let times = if attempts == 1 { String::new() } else { format!(" after {attempts} attempts") };
    match lasting {
        // The cause of a bad URL would show the query, and with it a key.
        Some(why @ "the URL or a header is not valid") => {
            Err(Error::new(ErrorKind::Config, format!("{url} cannot be asked: {why}")))
        }
        Some(why) => Err(Error::new(ErrorKind::Source, format!("{url} cannot be read: {why}")).because(cause)),
        None => Ok(Error::new(ErrorKind::Source, format!("{url} gave no answer{times}")).because(cause)),
    }
}

/// The time that a server asks to wait: seconds, or a moment.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Duration::try_from(moment.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn servers_say_how_long_to_wait() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Wed, 21 Oct 2099 07:28:00 GMT").unwrap() > Duration::from_secs(1_000_000));
        assert_eq!(retry_after("soon"), None);
    }
}
