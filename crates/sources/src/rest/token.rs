//! Tokens of OAuth 2.0's client credentials: asked for when one is needed, kept until shortly before they expire.

use super::config::Secret;
use super::message::{Data, Request, Response};
use super::url::public;
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token is asked for anew when it expires within this time.
const MARGIN: Duration = Duration::from_secs(60);

/// Where tokens come from.
pub(crate) struct TokenSource {
    url: String,
    form: Vec<(String, String)>,
    default_life: Duration,
    current: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    /// When it is no longer used; never, if it stands in the declaration.
    ends: Option<Instant>,
}

#[derive(serde::Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<serde_json::Value>,
}

impl TokenSource {
    pub(crate) fn new(
        url: &str,
        client_id: &str,
        client_secret: &Secret,
        data: &BTreeMap<String, Secret>,
        default_life: u64,
        given: Option<&Secret>,
    ) -> Self {
        let mut form = BTreeMap::from([
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_id".to_owned(), client_id.to_owned()),
            ("client_secret".to_owned(), client_secret.reveal().to_owned()),
        ]);
        form.extend(data.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())));
        let given = given.map(|token| Token { text: token.reveal().to_owned(), ends: None });
        Self {
            url: url.to_owned(),
            form: form.into_iter().collect(),
            default_life: Duration::from_secs(default_life),
            current: Mutex::new(given),
        }
    }

    /// A token that is valid for a while; `send` asks for one, if there is none.
    pub(crate) fn token(&self, send: impl FnOnce(&Request) -> Result<Response>) -> Result<String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = |token: &&Token| token.ends.is_none_or(|ends| Instant::now() < ends);
        if let Some(token) = current.as_ref().filter(is_valid) {
            return Ok(token.text.clone());
        }
        let token = self.ask(send)?;
        let text = token.text.clone();
        *current = Some(token);
        Ok(text)
    }

    /// Forgets a token that the API refused; whether there was one, and it was not another already.
    pub(crate) fn forget(&self, refused: &str) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = current.as_ref().is_some_and(|token| token.text == refused);
        if is_it {
            *current = None;
        }
        is_it
    }

    fn ask(&self, send: impl FnOnce(&Request) -> Result<Response>) -> Result<Token> {
        let request = Request {
            url: self.url.clone(),
            is_post: true,
            data: Some(Data::Form(self.form.clone())),
            is_for_token: true,
            ..Request::default()
        };
        let response = send(&request)?;
        let place = public(&response.url);
        if !(200..300).contains(&response.status) {
            let message = format!("{place} gave no access token: status {}", response.status);
            return Err(Error::new(ErrorKind::Source, message)
                .hint("check `client_id`, `client_secret`, and what `access_token_request_data` (scope, audience) the API needs"));
        }
        // The cause could quote the token.
        let answer: Answer = serde_json::from_slice(&response.body).map_err(|_| {
            Error::new(ErrorKind::Data, format!("the answer of {place} has no `access_token`"))
                .hint("check `access_token_url`")
        })?;
        let seconds = answer.expires_in.as_ref().and_then(|life| match life {
            serde_json::Value::String(text) => text.parse().ok(),
            life => life.as_u64().or_else(|| life.as_f64().map(|life| life as u64)),
        });
        let life = seconds.map_or(self.default_life, Duration::from_secs);
        let ends = Instant::now() + life.saturating_sub(MARGIN).max(life / 2);
        Ok(Token { text: answer.access_token, ends: Some(ends) })
    }
}
