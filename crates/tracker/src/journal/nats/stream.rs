//! The stream: how it is reached, made, looked at and emptied.

use std::io;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{ConnectOptions, Event, ServerAddr};

use crate::place::NatsAddress;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may take to be made, over all servers.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// How long the stream knows the ids of events.
const DUPLICATES_WITHIN: Duration = Duration::from_secs(120);
/// Acknowledgements that the client may wait for; what waits is bounded by the journal, in bytes.
const MAX_ACKS: usize = 1 << 17;

/// A stream that is there.
#[derive(Debug)]
pub(super) struct Stream {
    context: Context,
    handle: jetstream::stream::Stream,
    name: String,
    subject: String,
    location: String,
    max_bytes: u64,
}

/// Connects to one of the servers.
pub(super) async fn connect(address: &NatsAddress) -> io::Result<Context> {
    let mut options = ConnectOptions::new().name("dlt tracker").connection_timeout(ANSWER_WITHIN);
    if let (Some(user), Some(password)) = (&address.user, &address.password) {
        options = options.user_and_password(user.clone(), password.clone());
    } else if let Some(token) = &address.user {
        options = options.token(token.clone());
    }
    if let Some(file) = &address.credentials {
        let read = options.credentials_file(file).await;
        options = read.map_err(|error| because(error.kind(), format!("{}: {error}", file.display())))?;
    }
    if address.tls {
        options = options.require_tls(true);
    }
    if let Some(file) = &address.authority {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &address.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let location = address.shown();
    options = options.event_callback(move |event| {
        let location = location.clone();
        async move {
            match event {
                Event::Disconnected => tracing::warn!(location, "the connection to NATS is lost; it is made anew"),
                Event::ServerError(error) => tracing::warn!(location, %error, "a NATS server reports an error"),
                Event::ClientError(error) => tracing::warn!(location, %error, "the NATS client reports an error"),
                _ => {}
            }
        }
    });
    let servers: Result<Vec<ServerAddr>, _> = address.urls().iter().map(|url| url.parse()).collect();
    let connected = tokio::time::timeout(CONNECT_WITHIN, options.connect(servers?)).await;
    let refused = |reason: String| because(io::ErrorKind::NotConnected, reason);
    let client = match connected {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(refused(in_full(&error))),
        Err(_) => return Err(refused("no server answers in time".to_owned())),
    };
    let context = jetstream::context::ContextBuilder::new().timeout(ANSWER_WITHIN).ack_timeout(ANSWER_WITHIN);
    Ok(context.max_ack_inflight(MAX_ACKS).build(client))
}

/// The stream, if it is there.
pub(super) async fn find(context: &Context, address: &NatsAddress) -> io::Result<Option<jetstream::stream::Stream>> {
    use jetstream::context::GetStreamErrorKind;
    match context.get_stream(&address.stream).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(unusable(&in_full(&error))),
        },
    }
}

impl Stream {
    /// Finds the stream, or makes it.
    pub(super) async fn open(context: Context, address: &NatsAddress, max_bytes: u64, loaded: u64) -> io::Result<Self> {
        let subject = format!("{}.records", address.stream);
        let handle = match find(&context, address).await? {
            Some(stream) => stream,
            None => make(&context, address, &subject, max_bytes, loaded).await?,
        };
        let info = handle.cached_info();
        check(&info.config, address, &subject)?;
        if info.state.last_sequence < loaded {
            let reason = format!(
                "its newest number is {}, and the tables hold events up to {loaded}: this is not the stream that they came \
                 from, or it has lost some; name another stream, which is made with numbers that follow",
                info.state.last_sequence
            );
            return Err(because(io::ErrorKind::InvalidData, reason));
        }
        let max_bytes = u64::try_from(info.config.max_bytes).unwrap_or(u64::MAX);
        let (name, location) = (address.stream.clone(), address.shown());
        Ok(Self { context, handle, name, subject, location, max_bytes })
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn handle(&self) -> &jetstream::stream::Stream {
        &self.handle
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What records are sent to.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// The address without its password.
    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// How large it may become.
    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The newest number, and the bytes that it holds.
    pub(super) async fn newest(&self) -> io::Result<(u64, u64)> {
        let info = self.handle.get_info().await.map_err(|error| because(io::ErrorKind::Other, in_full(&error)))?;
        Ok((info.state.last_sequence, info.state.bytes))
    }

    /// Deletes the records up to a number.
    pub(super) async fn purge(&self, up_to: u64) -> io::Result<()> {
        let purged = self.handle.purge().sequence(up_to + 1).await;
        purged.map(drop).map_err(|error| because(io::ErrorKind::Other, in_full(&error)))
    }
}

async fn make(
    context: &Context,
    address: &NatsAddress,
    subject: &str,
    max_bytes: u64,
    loaded: u64,
) -> io::Result<jetstream::stream::Stream> {
    let config = Config {
        name: address.stream.clone(),
        subjects: vec![subject.to_owned()],
        description: Some("The journal of dlt's tracker: events that are not in its tables yet".to_owned()),
        max_bytes: i64::try_from(max_bytes).unwrap_or(i64::MAX),
        // Senders are told that it is full; nothing that was acknowledged is thrown away.
        discard: DiscardPolicy::New,
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: address.replicas,
        duplicate_window: DUPLICATES_WITHIN,
        allow_direct: false,
        first_sequence: (loaded > 0).then_some(loaded + 1),
        ..Config::default()
    };
    match context.create_stream(config).await {
        Ok(stream) => Ok(stream),
        // Another tracker was faster.
        Err(error) => match find(context, address).await? {
            Some(stream) => Ok(stream),
            None => Err(unusable(&in_full(&error))),
        },
    }
}

/// Whether a stream keeps what it acknowledges until it is purged.
fn check(config: &Config, address: &NatsAddress, subject: &str) -> io::Result<()> {
    let mut flaws = Vec::new();
    let mut expect = |is_so: bool, flaw: &str| {
        if !is_so {
            flaws.push(flaw.to_owned());
        }
    };
    expect(config.subjects.iter().any(|known| known == subject), &format!("it does not take the subject {subject}"));
    expect(config.retention == RetentionPolicy::Limits, "its retention is not `limits`");
    expect(config.storage == StorageType::File, "its storage is not `file`");
    expect(config.max_age.is_zero(), "it has a largest age (max_age)");
    expect(config.max_messages <= 0 && config.max_messages_per_subject <= 0, "it has a largest number of messages");
    expect(config.max_bytes <= 0 || config.discard == DiscardPolicy::New, "it discards old messages when it is full");
    expect(!config.deny_purge, "it can't be purged (deny_purge)");
    expect(!config.sealed, "it is sealed");
    if !flaws.is_empty() {
        let flaws = flaws.join("; ");
        let reason = format!("the stream {} would lose events, or takes none: {flaws}", address.stream);
        return Err(because(io::ErrorKind::InvalidInput, reason));
    }
    if config.num_replicas < address.replicas {
        let reason = format!(
            "the stream {} has {} replicas, and the settings say {}: change one of them (`nats stream edit`)",
            address.stream, config.num_replicas, address.replicas
        );
        return Err(because(io::ErrorKind::InvalidInput, reason));
    }
    Ok(())
}

/// What a server said, with what to do about it where that is known. `WouldBlock` where it may be another answer soon.
fn unusable(said: &str) -> io::Error {
    let is_early = ["no responders", "temporarily unavailable", "timed out"].iter().any(|word| said.contains(word));
    let advice = if is_early || said.contains("not enabled") {
        "; is JetStream enabled there (`jetstream` in the server's configuration), and has the cluster a leader?"
    } else if said.contains("insufficient") || said.contains("resource") {
        "; lower `journal.max_size`, or give the servers more room (max_file_store)"
    } else if said.contains("replicas") || said.contains("peers") {
        "; there are fewer servers with JetStream than `journal.replicas` says"
    } else {
        ""
    };
    let kind = if is_early { io::ErrorKind::WouldBlock } else { io::ErrorKind::Other };
    because(kind, format!("{said}{advice}"))
}

fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let more = this.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = this.source();
    }
    text
}

fn because(kind: io::ErrorKind, reason: String) -> io::Error {
    io::Error::new(kind, reason)
}
