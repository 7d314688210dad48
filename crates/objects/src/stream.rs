//! Bytes of an object as they come.

use crate::failure::Result;
use crate::listing::Object;
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::Pin;

/// Bytes of an object, piece by piece.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = Result<bytes::Bytes>> + Send>>;

/// An object that was opened: from where, and how far it goes, if the store tells.
pub(crate) struct Opened {
    pub(crate) object: Object,
    pub(crate) from: u64,
    pub(crate) end: Option<u64>,
    pub(crate) stream: ByteStream,
}

/// The next item of a stream.
pub(crate) async fn next<S: Stream + Unpin + ?Sized>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}
