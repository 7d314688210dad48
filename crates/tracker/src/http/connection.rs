//! Accepting connections, with bounds on their number, their idleness and the time of their end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::stream::Impatient;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at a time; more are told to come again.
    pub(crate) connections: usize,
    /// How long a connection may take to send the head of a request, the wait for it included.
    pub(crate) head_timeout: Duration,
    /// How long an answer may wait for the peer to take it.
    pub(crate) answer_timeout: Duration,
    /// How long requests under way may take when the tracker stops.
    pub(crate) drain: Duration,
}

/// The longest head of a request, and what is buffered for a connection in each direction. Heads of clients have a few
/// hundred bytes; browsers add cookies of the site, and proxies pass on 8 to 16 KiB.
const BUFFER_BYTES: usize = 32 << 10;

/// Connections that are being turned away at a time. More are closed without a word: each needs a file descriptor.
const TURNED_AWAY: usize = 48;

/// The answer to a connection too many, whatever it wants.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-type: application/json\r\n\
    content-length: 72\r\nconnection: close\r\n\r\n\
    {\"code\":\"overloaded\",\"message\":\"too many connections: come again later\"}";

/// Serves until `stop` is done, then lets requests under way finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let mut server = hyper::server::conn::http1::Builder::new();
    // No pipelining of answers: it would buffer them without a bound for a peer that asks on and does not read.
    server.timer(TokioTimer::new()).header_read_timeout(bounds.head_timeout).max_buf_size(BUFFER_BYTES);
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                wait_after(&error).await;
                continue;
            }
        };
        // The answers are small and complete; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            if let Ok(slot) = Arc::clone(&turned_away).try_acquire_owned() {
                tokio::spawn(async move {
                    turn_away(stream).await;
                    drop(slot);
                });
            }
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let stream = TokioIo::new(Impatient::new(stream, bounds.answer_timeout));
        let connection = graceful.watch(server.serve_connection(stream, service));
        tokio::spawn(async move {
            // Broken connections are the sender's; what was acknowledged is counted elsewhere.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when the tracker stopped; they were not acknowledged");
    }
}

async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        // To close what was not read to its end is to reset it, and the answer would be lost on the way.
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}

/// A failed accept is one connection's trouble, or there are no file handles: then waiting helps.
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
