//! What a request carries so that the API knows who asks.

use super::config::{AuthConfig, KeyLocation};
use super::token::TokenSource;
use super::url::is_absolute;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Credentials of the client, or of one endpoint.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) tokens: Option<TokenSource>,
}

impl Credentials {
    pub(crate) fn new(auth: Option<&AuthConfig>) -> Self {
        let mut credentials = Self::default();
        match auth {
            None => {}
            Some(AuthConfig::Bearer { token }) => {
                credentials.headers.push(("Authorization".to_owned(), format!("Bearer {}", token.reveal())));
            }
            Some(AuthConfig::ApiKey { name, api_key, location }) => {
                let (name, key) = (name.clone(), api_key.reveal().to_owned());
                match location {
                    KeyLocation::Header => credentials.headers.push((name, key)),
                    KeyLocation::Query => credentials.query.push((name, key)),
                    KeyLocation::Cookie => credentials.headers.push(("Cookie".to_owned(), format!("{name}={key}"))),
                }
            }
            Some(AuthConfig::HttpBasic { username, password }) => {
                let pair = format!("{username}:{}", password.reveal());
                credentials.headers.push(("Authorization".to_owned(), format!("Basic {}", BASE64.encode(pair))));
            }
            Some(AuthConfig::Oauth2ClientCredentials {
                access_token_url,
                client_id,
                client_secret,
                access_token_request_data,
                default_token_expiration,
                access_token,
            }) => {
                credentials.tokens = Some(TokenSource::new(
                    access_token_url,
                    client_id,
                    client_secret,
                    access_token_request_data,
                    *default_token_expiration,
                    access_token.as_ref(),
                ));
            }
        }
        credentials
    }
}

/// Keys are secrets.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Checks what is declared; `key` is where.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(auth: &AuthConfig, key: &str) -> Result<(), String> {
    match auth {
        AuthConfig::Oauth2ClientCredentials { access_token_url, .. } if !is_absolute(access_token_url) => {
            Err(format!("{key}.access_token_url must begin with http:// or https://"))
        }
        AuthConfig::ApiKey { name, api_key, location: KeyLocation::Cookie } => {
            let is_plain = |text: &str, others: &str| {
                !text.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_graphic() && !others.contains(char::from(byte)))
            };
            if is_plain(name, "=;,\"\\") && is_plain(api_key.reveal(), ";,\"\\") {
                return Ok(());
            }
            Err(format!(
                "{key}: a cookie holds neither blanks nor `;`, `,`, quotes or letters beyond ASCII: encode the key first"
            ))
        }
        _ => Ok(()),
    }
}
