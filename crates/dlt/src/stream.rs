//! Streams as iterators: the engine has threads of its own and no runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_core::Stream;

/// Waits for each item of a stream on the thread that asks for it.
pub struct Blocking<S>(Pin<Box<S>>);

impl<S: Stream> Blocking<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(Box::pin(stream))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<S: Stream> Iterator for Blocking<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match self.0.as_mut().poll_next(&mut context) {
                Poll::Ready(item) => return item,
                // Woken in between, it returns at once.
                Poll::Pending => thread::park(),
            }
        }
    }
}
