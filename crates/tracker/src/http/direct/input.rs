//! What arrives on a connection: heads of requests, and their bodies.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use bytes::BytesMut;
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, Sleep};

/// What is read at a time: usual requests are smaller.
const READ_BYTES: usize = 8 << 10;
/// The same of a body that is larger.
const BODY_READ_BYTES: usize = 32 << 10;

/// The receiving side of a connection.
#[derive(Debug)]
pub(super) struct Input<S> {
    pub(super) stream: S,
    /// What was read and not taken yet.
    pub(super) unread: BytesMut,
    /// Bytes of the body of this request that nobody has taken.
    pub(super) body_left: usize,
}

impl<S: AsyncRead + Unpin> Input<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, unread: BytesMut::new(), body_left: 0 }
    }

    /// Reads what is there, or comes next; 0 at the end.
    pub(super) async fn more(&mut self) -> io::Result<usize> {
        self.unread.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.unread).await
    }
}

/// The body of a request, of a known length.
#[derive(Debug)]
pub(super) struct Body<'a, S>(pub(super) &'a mut Input<S>);

impl<S: AsyncRead + Unpin> HttpBody for Body<'_, S> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Input { stream, unread, body_left } = &mut *self.0;
        if *body_left == 0 {
            return Poll::Ready(None);
        }
        if unread.is_empty() {
            unread.reserve(BODY_READ_BYTES.min(*body_left));
            let read = ready!(pin!(stream.read_buf(unread)).poll(context));
            match read {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let data = unread.split_to(unread.len().min(*body_left)).freeze();
        *body_left -= data.len();
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

/// The end of a wait that begins anew with each request.
///
/// Setting a timer takes a lock that all share, so it is set when it has run out, and not at each request.
#[derive(Debug)]
pub(super) struct Idle {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Idle {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, sleep: Box::pin(tokio::time::sleep(limit)) }
    }

    /// Completes when the limit has passed from the call on.
    pub(super) async fn over(&mut self) {
        let end = Instant::now() + self.limit;
        loop {
            self.sleep.as_mut().await;
            if Instant::now() >= end {
                return;
            }
            self.sleep.as_mut().reset(end);
        }
    }
}
