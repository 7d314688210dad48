//! Accepting connections, with limits on their number, their idle time and their shutdown.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::direct::{Answers, Connection};
use super::front::Front;
use super::stream::{Rewound, WriteTimeout};
use super::tls::Tls;

/// Limits on connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at a time; more get 429.
    pub(crate) connections: usize,
    /// How long a connection may take to send the head of a request, including the idle time before it.
    pub(crate) head_timeout: Duration,
    /// How long the peer may take to read an answer.
    pub(crate) answer_timeout: Duration,
    /// How long requests in progress may take when the tracker stops.
    pub(crate) drain: Duration,
}

/// The longest head of a request, and the buffer of a connection in each direction. Heads of clients have a few hundred
/// bytes; browsers add the site's cookies, and proxies pass on 8 to 16 KiB.
const BUFFER_BYTES: usize = 32 << 10;

/// How long a handshake of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are rejected with an answer at a time. More are closed without one: each needs a file descriptor.
const MAX_REJECTED: usize = 48;

/// The answer to a connection beyond the limit, whatever it requests.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-type: application/json\r\n\
    content-length: 72\r\nconnection: close\r\n\r\n\
    {\"code\":\"overloaded\",\"message\":\"too many connections: come again later\"}";

/// Serves until `stop` completes, then lets requests in progress finish. With `tls`, nothing else is spoken.
pub(crate) async fn serve(
    listener: TcpListener,
    front: Front,
    bounds: Bounds,
    tls: Option<Arc<Tls>>,
    stop: impl Future<Output = ()>,
) {
    let mut server = hyper::server::conn::http1::Builder::new();
    // No pipelining: it would buffer answers without a limit for a peer that sends requests and does not read.
    server.timer(TokioTimer::new()).header_read_timeout(bounds.head_timeout).max_buf_size(BUFFER_BYTES);
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let rejected = Arc::new(Semaphore::new(MAX_REJECTED));
    let (end, ending) = watch::channel(false);
    let answers = Arc::new(Answers::new().await);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                wait_after(&error).await;
                continue;
            }
        };
        // Answers are small and complete: waiting to send more at once would only delay them.
        let _ = stream.set_nodelay(true);
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            // By TLS an answer would need a handshake first.
            if tls.is_none()
                && let Ok(slot) = Arc::clone(&rejected).try_acquire_owned()
            {
                tokio::spawn(async move {
                    reject(stream).await;
                    drop(slot);
                });
            }
            continue;
        };
        let talk = Talk {
            server: server.clone(),
            front: front.of(peer),
            answers: Arc::clone(&answers),
            ending: ending.clone(),
            bounds,
        };
        let acceptor = tls.as_ref().map(|tls| tls.acceptor());
        tokio::spawn(async move {
            match acceptor {
                None => talk.over(stream).await,
                Some(acceptor) => {
                    // Who speaks no TLS, or is slow, is let go without a word: there is no language for it.
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        talk.over(stream).await;
                    }
                }
            }
            drop(slot);
        });
    }
    drop((listener, ending));
    end.send_replace(true);
    // Each connection holds its receiver until it has ended.
    if tokio::time::timeout(bounds.drain, end.closed()).await.is_err() {
        tracing::warn!("requests were still under way when the tracker stopped; they were not acknowledged");
    }
}

/// The requests of one connection.
struct Talk {
    server: hyper::server::conn::http1::Builder,
    front: Front,
    answers: Arc<Answers>,
    /// Says when the tracker stops.
    ending: watch::Receiver<bool>,
    bounds: Bounds,
}

impl Talk {
    async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { server, front, answers, mut ending, bounds } = self;
        let stream = WriteTimeout::new(stream, bounds.answer_timeout);
        let mut direct =
            Connection { front: &front, answers: &answers, idle: bounds.head_timeout, ending: &mut ending };
        let Some((stream, read)) = direct.serve(stream).await else { return };
        let mut rest = pin!(server.serve_connection(TokioIo::new(Rewound::new(read, stream)), front));
        // A broken connection is the sender's fault; acknowledged events are counted elsewhere.
        tokio::select! {
            _ = rest.as_mut() => {}
            _ = ending.changed() => {
                rest.as_mut().graceful_shutdown();
                let _ = rest.await;
            }
        }
    }
}

async fn reject(mut stream: TcpStream) {
    let told = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        // Closing before the request is read resets the connection, and the answer is lost.
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}

/// An accept fails because of one connection, or because there are no file descriptors: then waiting helps.
async fn wait_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_made_answer_has_its_length_right() {
        let text = String::from_utf8_lossy(TOO_MANY);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
