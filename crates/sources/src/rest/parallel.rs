//! Work that is done by several threads, and whose results come in the order in which it was begun.

use dlt_engine::{Error, ErrorKind, Result};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Pieces of work under way. Each is at most one result ahead of what was taken.
pub(crate) struct InOrder<T> {
    at_once: usize,
    coming: VecDeque<Receiver<Result<T>>>,
}

/// Where a piece of work puts its results.
pub(crate) struct Results<T>(SyncSender<Result<T>>);

impl<T> Results<T> {
    /// Hands over a result, when there is room; false if nobody wants more.
    pub(crate) fn give(&self, result: T) -> bool {
        self.0.send(Ok(result)).is_ok()
    }
}

impl<T: Send + 'static> InOrder<T> {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, coming: VecDeque::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.coming.len() >= self.at_once
    }

    /// Begins a piece of work.
    ///
    /// # Errors
    /// If the machine gives no thread.
    pub(crate) fn begin(&mut self, work: impl FnOnce(&Results<T>) -> Result<()> + Send + 'static) -> Result<()> {
        let (give, take) = sync_channel(1);
        let spawned = std::thread::Builder::new().name("rest".to_owned()).spawn(move || {
            let results = Results(give);
            if let Err(error) = work(&results) {
                // Nobody waits where the run has ended already.
                let _ = results.0.send(Err(error));
            }
        });
        spawned.map_err(|cause| Error::new(ErrorKind::Source, "cannot start a thread for requests").because(cause))?;
        self.coming.push_back(take);
        Ok(())
    }

    /// The next result of the oldest piece of work that has one; `None` if nothing is under way, or the oldest has just ended.
    pub(crate) fn next(&mut self) -> Option<Result<T>> {
        let first = self.coming.front()?;
        match first.recv() {
            Ok(result) => Some(result),
            Err(_) => {
                self.coming.pop_front();
                None
            }
        }
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.coming.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_faster() {
        let mut work = InOrder::new(3);
        let (go, wait) = sync_channel::<()>(0);
        work.begin(move |results| {
            wait.recv().unwrap();
            results.give(1);
            results.give(2);
            Ok(())
        })
        .unwrap();
        work.begin(|results| {
            results.give(3);
            Err(Error::new(ErrorKind::Data, "4"))
        })
        .unwrap();
        assert!(!work.is_full());
        go.send(()).unwrap();
        let mut seen = Vec::new();
        while !work.is_idle() {
            if let Some(result) = work.next() {
                seen.push(result.map_err(|error| error.to_string()));
            }
        }
        assert_eq!(seen, [Ok(1), Ok(2), Ok(3), Err("4".to_owned())]);
    }
}
