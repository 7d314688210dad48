//! Reading a body with bounds on memory and time.

use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt;

use super::answer::Failure;
use super::memory::Reservation;
use crate::decode::Refusal;

/// A refused body is still read, and discarded, up to this length. Closing at once would reset the connection before the
/// sender sees the answer, and clients retry after a reset.
pub(crate) const DISCARDED_BYTES: usize = 4 << 20;

/// Reads a body of at most `limit` bytes; memory is taken as it arrives.
pub(super) async fn read<B>(
    body: B,
    limit: usize,
    timeout: Duration,
    memory: &mut Reservation<'_>,
) -> Result<Bytes, Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    match tokio::time::timeout(timeout, collect(body, limit, memory)).await {
        Ok(read) => read,
        Err(_) => Err(Failure::Incomplete),
    }
}

/// Reads a body that nobody wants, as far as [`DISCARDED_BYTES`].
pub(super) async fn discard<B>(mut body: B, timeout: Duration)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let read = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > DISCARDED_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(timeout, read).await;
}

async fn collect<B>(mut body: B, limit: usize, memory: &mut Reservation<'_>) -> Result<Bytes, Failure>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    let mut length = 0usize;
    let mut failure = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Failure::Incomplete) };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if failure.is_none() {
            let taken = if length > limit { Err(Refusal::TooLarge { limit }.into()) } else { memory.take(data.len()) };
            failure = taken.err();
        }
        if failure.is_some() {
            (first, whole) = (Bytes::new(), Vec::new());
            memory.shrink_to(0);
            if length > DISCARDED_BYTES {
                break;
            }
        } else if first.is_empty() {
            // Most bodies arrive as one frame, and are not copied.
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(if whole.is_empty() { first } else { Bytes::from(whole) }),
    }
}
