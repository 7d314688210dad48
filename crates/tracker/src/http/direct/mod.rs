//! The direct way: requests with events in the usual form, one after the other on a connection, are read here.
//!
//! The HTTP library is made for everything that HTTP may be, and for one event that costs as much processor time as
//! reading, judging and keeping it. Here a request is read whose head arrived as one piece and says `POST`, a path for
//! events and one plain length; the library's own parser reads it. With the first request that is anything else, the
//! connection goes to the library, for good, with the bytes that were read: nothing of HTTP is refused here.
//!
//! Only how a request is read and how its answer is written differs. The bounds, the body's time, the memory and the
//! answers are those of [`collect`].

mod head;
mod input;
mod reply;

use std::io;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::answer;
use super::collect::{self, Form};
use super::front::Front;
use head::Head;
use input::{Body, Idle, Input};
use reply::{Date, Reply};

/// The usual answers, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    success: Reply,
    no_content: Reply,
}

impl Answers {
    pub(super) async fn new() -> Self {
        Self { success: Reply::of(answer::success()).await, no_content: Reply::of(answer::no_content()).await }
    }
}

/// How it ends that requests of a connection are answered here.
enum End {
    /// The connection is to be closed.
    Over,
    /// A request came that the library has to read.
    NotForHere,
}

/// What a connection is like.
pub(super) struct Connection<'a> {
    pub(super) front: &'a Front,
    pub(super) answers: &'a Answers,
    /// How long it may be idle.
    pub(super) idle: Duration,
    /// Says when the tracker stops.
    pub(super) ending: &'a mut watch::Receiver<bool>,
}

impl Connection<'_> {
    /// Answers requests until the connection ends, or one comes that is not for here: then returns the stream, and what
    /// was read of it.
    pub(super) async fn serve<S>(&mut self, stream: S) -> Option<(S, Bytes)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut input = Input::new(stream);
        match self.answer_all(&mut input).await {
            End::NotForHere => Some((input.stream, input.unread.freeze())),
            End::Over => {
                // By TLS this says that nothing was cut off. A connection that is broken can't be told so.
                drop(input.stream.shutdown().await);
                None
            }
        }
    }

    async fn answer_all<S>(&mut self, input: &mut Input<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let (mut idle, mut output, mut date) = (Idle::new(self.idle), Vec::new(), Date::default());
        loop {
            if input.unread.is_empty() {
                tokio::select! {
                    biased;
                    read = input.more() => if !matches!(read, Ok(1..)) { return End::Over },
                    _ = self.ending.changed() => return End::Over,
                    () = idle.over() => return End::Over,
                }
            }
            let Some(head) = Head::read(&input.unread, self.front.app.rates.forwarded()) else {
                return End::NotForHere;
            };
            output.clear();
            let is_last = self.answer(head, input, &mut output, &mut date).await;
            // A broken connection is the sender's fault; acknowledged events are counted elsewhere.
            if send(&mut input.stream, &output).await.is_err() || is_last {
                return End::Over;
            }
        }
    }

    /// Writes the answer to a request to `output`. Tells whether it is the last one of the connection.
    async fn answer<S>(&self, head: Head, input: &mut Input<S>, output: &mut Vec<u8>, date: &mut Date) -> bool
    where
        S: AsyncRead + Unpin,
    {
        drop(input.unread.split_to(head.bytes));
        input.body_left = head.body_bytes;
        let mut request = Request::new(Body(&mut *input));
        *request.headers_mut() = head.headers;
        if let Some(peer) = self.front.peer {
            request.extensions_mut().insert(peer);
        }
        let taken = collect::take(&self.front.app, request, head.form).await;
        // What of the body was not read would be taken for the next request.
        let is_last = input.body_left > 0 || *self.ending.borrow();
        let refused;
        let reply = match (taken, head.form) {
            (Ok(()), Form::Any) => &self.answers.no_content,
            (Ok(()), _) => &self.answers.success,
            (Err(failure), _) => {
                refused = Reply::of(answer::failure(&failure)).await;
                &refused
            }
        };
        reply.write(output, date, is_last);
        is_last
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, output: &[u8]) -> io::Result<()> {
    stream.write_all(output).await?;
    stream.flush().await
}
