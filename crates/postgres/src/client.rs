//! A connection to a server.

use crate::address::Address;
use crate::failure::explain;
use crate::tls;
use dlt_engine::{Error, ErrorKind, Result};
use postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};
use postgres::types::{ToSql, Type};
use postgres::{Config, CopyInWriter, NoTls, Row};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// An open connection. It is closed when dropped.
pub struct Client {
    pub(crate) inner: postgres::Client,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Client")
    }
}

impl Client {
    /// Connects to a [completed](Address::completed) address.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a certificate cannot be read; [`ErrorKind::DestinationBusy`] if the server is not ready or has no
    /// room; [`ErrorKind::Destination`] if it cannot be reached or does not let the user in.
    pub fn connect(address: &Address) -> Result<Self> {
        Self::connect_with(address, &|name| std::env::var(name).ok())
    }

    fn connect_with(address: &Address, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mode = match address.get("sslmode") {
            // TLS is for networks.
            _ if address.is_local_socket() => "disable",
            Some(mode) => mode,
            None => "prefer",
        };
        let open = |mode: SslMode| -> Result<postgres::Client> {
            let mut config = config(address)?;
            config.ssl_mode(mode);
            let doing = format!("connect to Postgres at {}", address.place());
            let connector = match mode {
                SslMode::Disable => None,
                _ => Some(tls::connector(address, variable)?),
            };
            in_time(&doing, address, move || match connector {
                None => config.connect(NoTls),
                Some(connector) => config.connect(connector),
            })
        };
        let inner = match mode {
            "disable" => open(SslMode::Disable),
            "prefer" => open(SslMode::Prefer),
            // TLS only where the server wants it.
            "allow" => open(SslMode::Disable).or_else(|first| open(SslMode::Require).map_err(|_| first)),
            _ => open(SslMode::Require),
        }?;
        Ok(Self { inner })
    }

    /// Runs statements that give no rows.
    ///
    /// # Errors
    /// `cannot {doing}: …`, if the server fails.
    pub fn batch(&mut self, doing: &str, sql: &str) -> Result<()> {
        self.inner.batch_execute(sql).map_err(|error| explain(doing, &error))
    }

    /// Runs one statement, whose parameters have these types, and returns how many rows it changed.
    ///
    /// # Errors
    /// `cannot {doing}: …`, if the server fails.
    pub fn execute(&mut self, doing: &str, sql: &str, parameters: &[(&(dyn ToSql + Sync), Type)]) -> Result<u64> {
        self.inner.execute_typed(sql, parameters).map_err(|error| explain(doing, &error))
    }

    /// Runs a query, whose parameters have these types.
    ///
    /// # Errors
    /// `cannot {doing}: …`, if the server fails.
    pub fn query(&mut self, doing: &str, sql: &str, parameters: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>> {
        self.inner.query_typed(sql, parameters).map_err(|error| explain(doing, &error))
    }

    /// Begins `COPY … FROM STDIN`. What is written goes to the server; without [`CopyInWriter::finish`] nothing is kept.
    ///
    /// # Errors
    /// `cannot {doing}: …`, if the server fails.
    pub fn copy_in(&mut self, doing: &str, sql: &str) -> Result<CopyInWriter<'_>> {
        self.inner.copy_in(sql).map_err(|error| explain(doing, &error))
    }

    /// The connection itself, for errors that a caller explains.
    pub fn raw(&mut self) -> &mut postgres::Client {
        &mut self.inner
    }

    /// Whether the connection is lost.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

/// Connects within the time that a connection may take: what is there at the port may take the connection, and say nothing.
fn in_time(
    doing: &str,
    address: &Address,
    connect: impl FnOnce() -> std::result::Result<postgres::Client, postgres::Error> + Send + 'static,
) -> Result<postgres::Client> {
    let hosts = address.get("host").unwrap_or_default().split(',').count() as u64;
    let seconds = address.get("connect_timeout").and_then(|value| value.parse::<u64>().ok()).filter(|given| *given > 0);
    let (sender, receiver) = sync_channel(1);
    let connecting = move || drop(sender.send(connect()));
    thread::Builder::new()
        .name("dlt-postgres-connect".into())
        .spawn(connecting)
        .map_err(|cause| Error::new(ErrorKind::Internal, "cannot start a thread").because(cause))?;
    let connected = match seconds {
        None => receiver.recv().ok(),
        // Each host has the time, and a little more for what the server then has to do.
        Some(seconds) => {
            receiver.recv_timeout(Duration::from_secs(seconds.saturating_mul(hosts).saturating_add(1))).ok()
        }
    };
    match connected {
        Some(connected) => connected.map_err(|error| explain(doing, &error)),
        None => Err(Error::new(ErrorKind::Destination, format!("cannot {doing}: the server does not answer in time"))
            .hint("check that host and port are those of Postgres; raise connect_timeout for a slow network")),
    }
}

fn config(address: &Address) -> Result<Config> {
    let mut config = Config::new();
    let number = |name: &str| address.get(name).and_then(|value| value.parse::<u64>().ok());
    let seconds = |name: &str| number(name).filter(|seconds| *seconds > 0).map(Duration::from_secs);
    for host in address.get("host").unwrap_or_default().split(',').filter(|host| !host.is_empty()) {
        config.host(host);
    }
    if let Some(ip) = address.get("hostaddr").and_then(|ip| ip.parse().ok()) {
        config.hostaddr(ip);
    }
    for port in address.get("port").unwrap_or_default().split(',').filter_map(|port| port.parse().ok()) {
        config.port(port);
    }
    let named = |name: &str| {
        address.get(name).ok_or_else(|| Error::new(ErrorKind::Internal, format!("an address has no `{name}`")))
    };
    config.user(named("user")?).dbname(named("dbname")?);
    if let Some(password) = address.get("password") {
        config.password(password);
    }
    if let Some(name) = address.get("application_name") {
        config.application_name(name);
    }
    if let Some(options) = address.get("options") {
        config.options(options);
    }
    if let Some(timeout) = seconds("connect_timeout") {
        config.connect_timeout(timeout);
    }
    config.keepalives(address.get("keepalives") != Some("0"));
    if let Some(idle) = seconds("keepalives_idle") {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = seconds("keepalives_interval") {
        config.keepalives_interval(interval);
    }
    if let Some(count) = number("keepalives_count").and_then(|count| count.try_into().ok()) {
        config.keepalives_retries(count);
    }
    if let Some(millis) = number("tcp_user_timeout").filter(|millis| *millis > 0) {
        config.tcp_user_timeout(Duration::from_millis(millis));
    }
    config.channel_binding(match address.get("channel_binding") {
        Some("disable") => ChannelBinding::Disable,
        Some("require") => ChannelBinding::Require,
        _ => ChannelBinding::Prefer,
    });
    config.target_session_attrs(match address.get("target_session_attrs") {
        Some("read-write") => TargetSessionAttrs::ReadWrite,
        Some("read-only") => TargetSessionAttrs::ReadOnly,
        _ => TargetSessionAttrs::Any,
    });
    if address.get("sslnegotiation") == Some("direct") {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    Ok(config)
}
