//! The transport that comes with the crate: one POST over HTTP or HTTPS, through the proxy that the environment names.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy};

use crate::environment::Environment;
use crate::transport::{Answer, Request, Transport, TransportError};

/// An answer is `{"success":true}`; a longer one is read this far and no further.
const MAX_ANSWER: u64 = 64 * 1024;

/// Posts by HTTP. Trusts the system's certificate store (which `SSL_CERT_FILE` and `SSL_CERT_DIR` can replace) and a
/// private authority where one is set.
pub(crate) struct Http {
    ca_file: Option<PathBuf>,
    proxies: Proxies,
    /// One for `http` and one for `https`, so that the requests of one draining share a connection.
    agents: [OnceLock<Agent>; 2],
}

/// What the environment says of proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Proxies {
    http: Option<String>,
    https: Option<String>,
    exceptions: Option<String>,
}

impl Http {
    pub(crate) fn new(environment: &Environment, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, proxies: Proxies::of(environment), agents: [const { OnceLock::new() }; 2] }
    }

    fn roots(&self) -> Result<RootCerts, TransportError> {
        let mut certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        if let Some(path) = &self.ca_file {
            let unusable =
                |why: String| TransportError(format!("the authority's certificate {} {why}", path.display()));
            let pem = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
            let before = certificates.len();
            certificates.extend(parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            }));
            if certificates.len() == before {
                return Err(unusable("holds no certificate in PEM".to_owned()));
            }
        }
        Ok(RootCerts::Specific(Arc::new(certificates)))
    }

    fn agent(&self, url: &str) -> Result<&Agent, TransportError> {
        let is_secure = url.starts_with("https:");
        let place = &self.agents[usize::from(is_secure)];
        if let Some(agent) = place.get() {
            return Ok(agent);
        }
        let mut tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        if is_secure {
            tls = tls.root_certs(self.roots()?);
        }
        let proxy = match self.proxies.of_url(url) {
            Some(address) => Some(proxy(address, self.proxies.exceptions.as_deref())?),
            None => None,
        };
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .proxy(proxy)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Ok(place.get_or_init(|| config.new_agent()))
    }
}

impl Transport for Http {
    fn post(&self, request: &Request<'_>) -> Result<Answer, TransportError> {
        let failed = |error: ureq::Error| TransportError(error.to_string());
        let mut post = self
            .agent(request.url)?
            .post(request.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, request.user_agent)
            .config()
            .timeout_global(Some(request.timeout))
            .build();
        if let Some(authorization) = request.authorization {
            post = post.header(AUTHORIZATION, authorization);
        }
        let response = post.send(request.body).map_err(failed)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        // The status alone decides most cases: a body that breaks off takes nothing away from it.
        let _ = response.into_body().into_reader().take(MAX_ANSWER).read_to_end(&mut body);
        Ok(Answer { status, retry_after, body })
    }
}

fn proxy(address: &str, exceptions: Option<&str>) -> Result<Proxy, TransportError> {
    let unusable = |error: ureq::Error| TransportError(format!("the proxy of the environment cannot be used: {error}"));
    let plain = Proxy::new(address).map_err(unusable)?;
    let Some(exceptions) = exceptions else { return Ok(plain) };
    let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(name) = plain.username() {
        builder = builder.username(name);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    for exception in exceptions.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        builder = builder.no_proxy(exception);
    }
    builder.build().map_err(unusable)
}

impl Proxies {
    /// Lower case comes first, as everywhere; `HTTP_PROXY` in capitals is not read in a server that sets variables
    /// from request headers.
    fn of(environment: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
        let cgi = environment.is_set("REQUEST_METHOD");
        Self {
            http: first(if cgi {
                &["http_proxy", "all_proxy"]
            } else {
                &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
            }),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exceptions: first(&["no_proxy", "NO_PROXY"]),
        }
    }

    fn of_url(&self, url: &str) -> Option<&str> {
        if url.starts_with("https:") { self.https.as_deref() } else { self.http.as_deref() }
    }
}
