//! Whether the loader waits for tables that do not answer: a tracker that is to stop leaves it alone then.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// What the loader and who stops it agree on.
#[derive(Debug, Default)]
pub(crate) struct Contact(Mutex<State>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The loader asks nothing, or has got its answer: what it then does is waited for.
    #[default]
    Works,
    /// It waits for the tables to answer at all, since then.
    Asks(Instant),
    /// Nobody waits for it any more, and it does nothing more.
    Left,
}

impl Contact {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the tables for what shows that they are there.
    ///
    /// # Errors
    /// Those of the question; [`Error::Stopped`] where nobody waits for the answer any more.
    pub(super) fn ask<T>(&self, question: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.becomes(State::Asks(Instant::now()))?;
        let answer = question();
        self.becomes(State::Works)?;
        answer
    }

    fn becomes(&self, next: State) -> Result<(), Error> {
        match &mut *self.state() {
            State::Left => Err(Error::Stopped),
            state => {
                *state = next;
                Ok(())
            }
        }
    }

    /// Leaves a loader alone that has waited so long for the tables; false where it has not.
    pub(super) fn leave(&self, patience: Duration) -> bool {
        let mut state = self.state();
        match *state {
            State::Asks(since) if since.elapsed() >= patience => {
                *state = State::Left;
                true
            }
            other => other == State::Left,
        }
    }

    /// Whether it was left alone.
    pub(super) fn is_left(&self) -> bool {
        *self.state() == State::Left
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn who_was_left_alone_does_nothing_with_the_answer_and_asks_no_more() {
        let contact = Contact::default();
        assert_eq!(contact.ask(|| Ok(1)).unwrap(), 1);
        assert!(!contact.leave(Duration::ZERO) && !contact.is_left(), "it asks nothing");
        let left = contact.ask(|| {
            assert!(!contact.leave(Duration::from_secs(3600)), "it has only begun to ask");
            assert!(contact.leave(Duration::ZERO));
            Ok(2)
        });
        assert!(matches!(left, Err(Error::Stopped)) && contact.is_left());
        assert!(matches!(contact.ask(|| -> Result<(), Error> { unreachable!() }), Err(Error::Stopped)));
    }

    #[test]
    fn a_question_that_failed_can_be_asked_again() {
        let contact = Contact::default();
        assert!(matches!(contact.ask(|| Err::<(), _>(Error::NotLoaded)), Err(Error::NotLoaded)));
        contact.ask(|| Ok(())).unwrap();
    }
}
