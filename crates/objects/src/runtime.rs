//! The one thread on which everything waits for sockets.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc;
use tokio::runtime::{Builder, Handle};

/// Runs a future on the thread of this crate and waits for it. Any thread may call it, also one of an async runtime.
pub(crate) fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    start(future).take()
}

/// Begins a future on the thread of this crate.
pub(crate) fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Pending<T> {
    let (answer, waiting) = mpsc::sync_channel(1);
    handle().spawn(async move {
        // Nobody waits where a reader or writer was dropped.
        let _ = answer.send(future.await);
    });
    Pending { waiting }
}

/// What a future will give.
pub(crate) struct Pending<T> {
    waiting: mpsc::Receiver<T>,
}

impl<T> Pending<T> {
    pub(crate) fn take(self) -> T {
        // The sender is gone without an answer only if the future panicked: a bug, which goes on here.
        self.waiting
            .recv()
            .unwrap_or_else(|_| panic!("the thread of object stores ended while something was waited for"))
    }
}

/// Makes what clients need before they are built: the provider of encryption, and the thread.
pub(crate) fn make_ready() {
    handle();
}

fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // Process-wide, and set at most once: somebody else's choice is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tell, told) = mpsc::sync_channel(1);
        let spawned = std::thread::Builder::new().name("object-stores".to_owned()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            match runtime {
                Err(error) => drop(tell.send(Err(error))),
                Ok(runtime) => {
                    let _ = tell.send(Ok(runtime.handle().clone()));
                    runtime.block_on(std::future::pending::<()>());
                }
            }
        });
        let handle = spawned.and_then(|_| told.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into())));
        // A machine that refuses one thread or a file descriptor for polling runs no pipeline.
        handle.unwrap_or_else(|error| panic!("cannot start the thread of object stores: {error}"))
    })
}
