//! The loader's thread: loads, and answers questions that need the database.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dlt_engine::ErrorKind;
use tokio::sync::oneshot;

use super::polite::Polite;
use super::{Loader, LoaderState};
use crate::backup::Backup;
use crate::check::Check;
use crate::deletion::{Claim, Forgotten};
use crate::edge::{EdgeObject, EdgeRecords, Group};
use crate::error::{Error, in_full};
use crate::retention::{Retain, Retained};

/// The longest pause after failures. The pause doubles by hand: a question may end it early, so no retry crate fits.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// With more events than these in the journal, loads stand back no more: it has a limit.
const TOO_MANY_WAIT: u64 = 2_000_000;

/// So many events that wait are no trickle, and nobody waits for them.
pub(crate) const CROWD: u64 = 5_000;

/// So many events that wait fill a load of their own.
pub(super) const FULL_LOAD: u64 = 10_000;

/// So many end a long pause.
const MANY_WAIT: u64 = 5 * FULL_LOAD;

/// How long a tracker that stops waits for tables that do not answer. With what requests in progress may take, less than the 10 s
/// after which containers are killed.
const STOP_WAITS: Duration = Duration::from_secs(3);

/// How often it is looked for them.
const LOOKS: Duration = Duration::from_secs(2);

/// How often who stops the loader looks whether it waits for the tables.
const STOP_LOOKS: Duration = Duration::from_millis(50);

/// A question to the loader's thread.
pub(crate) enum Question {
    /// Load what waits, and tell when that was tried.
    Load(oneshot::Sender<()>),
    /// Load, then recount.
    Check(oneshot::Sender<Result<Check, Error>>),
    /// Load, then look for the events that a deletion request names.
    Proof(Claim, oneshot::Sender<Result<bool, Error>>),
    /// Load, then tell what the deletion request with that number deleted.
    Forgotten(u64, oneshot::Sender<Result<Forgotten, Error>>),
    /// Load, then make a backup.
    Backup(PathBuf, oneshot::Sender<Result<Backup, Error>>),
    /// Load, then delete what is too old.
    Retain(Retain, oneshot::Sender<Result<Retained, Error>>),
    /// Which of these objects of the edge were taken before.
    TakenBefore(Vec<EdgeObject>, oneshot::Sender<Result<Vec<bool>, Error>>),
    /// Load, then take objects of the edge.
    Take(Group, oneshot::Sender<Result<EdgeRecords, Error>>),
    /// Load one last time, and end.
    Stop,
}

/// The loader's thread.
#[derive(Debug)]
pub(crate) struct LoaderThread {
    questions: mpsc::SyncSender<Question>,
    /// Ends with the thread.
    ended: Mutex<mpsc::Receiver<()>>,
    state: Arc<LoaderState>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LoaderThread {
    pub(crate) fn start(loader: Loader, interval: Duration) -> std::io::Result<Self> {
        let (questions, inbox) = mpsc::sync_channel(16);
        let (lives, ended) = mpsc::channel();
        let state = Arc::clone(&loader.state);
        let thread = std::thread::Builder::new().name("tracker-loader".to_owned()).spawn(move || {
            // Dropped with the thread, also where that ends with a panic.
            let _lives = lives;
            run(loader, &inbox, interval);
        })?;
        Ok(Self { questions, ended: Mutex::new(ended), state, thread: Mutex::new(Some(thread)) })
    }

    /// Sends a question; false if too many wait already, or the loader has ended.
    pub(crate) fn ask(&self, question: Question) -> bool {
        self.send(question).is_ok()
    }

    fn send(&self, question: Question) -> Result<(), mpsc::TrySendError<Question>> {
        // Before it is there: who hears it takes it back.
        self.state.note_asked();
        self.questions.try_send(question).inspect_err(|_| self.state.note_heard())
    }

    /// Whether the thread runs. If not, events accumulate in the journal.
    pub(crate) fn is_running(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(|thread| !thread.is_finished())
    }

    /// Loads everything that is durable, then ends the thread. Tables that do not answer are not waited for, and what could not be loaded
    /// stays in the journal.
    pub(crate) fn stop(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_told = false;
        loop {
            // A thread that has ended needs no message; one that is asked too much finds it later.
            is_told = is_told || !matches!(self.send(Question::Stop), Err(mpsc::TrySendError::Full(_)));
            match ended.recv_timeout(STOP_LOOKS) {
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if self.state.contact.leave(STOP_WAITS) {
                tracing::warn!("the tables do not answer: what is not loaded waits in the journal for the next start");
                return;
            }
        }
        if thread.join().is_err() {
            tracing::error!("the loader ended with a panic");
        }
    }
}

fn run(mut loader: Loader, inbox: &mpsc::Receiver<Question>, interval: Duration) {
    let mut polite = Polite::start(|loader| attempt(loader, false));
    let mut pause = Duration::ZERO;
    loop {
        let mut asked = None;
        let question = wait(&loader, inbox, pause).inspect(|_| loader.state.note_heard());
        match question {
            Ok(Question::Load(tried)) => asked = Some(tried),
            Ok(Question::Check(answer)) => drop(answer.send(loader.check())),
            Ok(Question::Proof(claim, answer)) => drop(answer.send(loader.prove(&claim))),
            Ok(Question::Forgotten(sequence, answer)) => drop(answer.send(loader.forgotten(sequence))),
            Ok(Question::Backup(folder, answer)) => drop(answer.send(loader.back_up(&folder))),
            Ok(Question::Retain(how, answer)) => drop(answer.send(loader.retain(how))),
            Ok(Question::TakenBefore(objects, answer)) => drop(answer.send(loader.taken_before(&objects))),
            Ok(Question::Take(group, answer)) => drop(answer.send(loader.take(&group))),
            Ok(Question::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                attempt(&mut loader, true);
                return;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if loader.state.contact.is_left() {
            return;
        }
        let started = Instant::now();
        if loader.waiting() > CROWD {
            loader.state.note_crowd();
        }
        let is_behind = loader.is_behind();
        let is_done = !is_behind
            || match polite.as_mut().filter(|_| asked.is_none()).and_then(|polite| stands_back(&loader, polite)) {
                Some(polite) => match polite.attempt(loader) {
                    Some((back, is_done)) => {
                        loader = back;
                        is_done
                    }
                    None => return tracing::error!("a load ended with a panic, and the loader with it"),
                },
                _ => attempt(&mut loader, asked.is_some()),
            };
        pause = if !is_behind {
            interval
        } else if is_done {
            // Other processes get at least as much time with the file as a load takes; a fifth of it where loads would
            // otherwise fall behind. Fewer than fill a load are waited for: most of what a small load costs is the load.
            match (loader.waiting() > FULL_LOAD, loader.state.was_crowded()) {
                (true, _) => started.elapsed() / 4,
                (false, true) => interval.max(started.elapsed() / 4),
                (false, false) => interval.max(started.elapsed()),
            }
        } else {
            after_failure(pause, interval)
        };
        loader.journal.let_go();
        if let Some(tried) = asked {
            // Who asked may have stopped waiting.
            let _ = tried.send(());
        }
        // A crowd is loaded first.
        if is_done && loader.waiting() <= CROWD {
            loader.retain_daily();
            loader.keep_up();
        }
    }
}

/// The thread for loads that stand back, where that is better: where few come, the cores suffice for both.
fn stands_back<'a>(loader: &Loader, polite: &'a mut Polite) -> Option<&'a mut Polite> {
    (loader.state.was_crowded() && loader.waiting() < TOO_MANY_WAIT && polite.suffices()).then_some(polite)
}

/// Waits for a question, or for the end of a pause: of a long one no longer than until many events wait.
fn wait(
    loader: &Loader,
    inbox: &mpsc::Receiver<Question>,
    pause: Duration,
) -> Result<Question, mpsc::RecvTimeoutError> {
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match inbox.recv_timeout(left.min(LOOKS)) {
            Err(mpsc::RecvTimeoutError::Timeout) if left > LOOKS && loader.waiting() < MANY_WAIT => {}
            other => return other,
        }
    }
}

/// The pause after a load that failed: twice the last one, up to a limit, and never shorter than the usual one.
fn after_failure(pause: Duration, interval: Duration) -> Duration {
    pause.saturating_mul(2).clamp(interval, MAX_PAUSE.max(interval))
}

/// Loads, all that is there or what is worth a load; returns whether it succeeded.
fn attempt(loader: &mut Loader, all: bool) -> bool {
    let loaded = if all { loader.catch_up() } else { loader.catch_up_roughly() };
    match loaded {
        Ok(()) => true,
        Err(Error::Stopped) => false,
        Err(Error::Tables { source, .. }) if source.kind() == ErrorKind::DestinationBusy => {
            loader.state.note_busy(&source);
            false
        }
        Err(error) => {
            loader.state.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(error = in_full(&error), "events could not be loaded; they wait in the journal");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pauses_after_failures_become_longer_up_to_a_limit_which_the_usual_one_may_exceed() {
        let seconds = Duration::from_secs;
        assert_eq!(after_failure(Duration::ZERO, seconds(1)), seconds(1));
        assert_eq!(after_failure(seconds(4), seconds(1)), seconds(8));
        assert_eq!(after_failure(seconds(20), seconds(1)), MAX_PAUSE);
        for usual in [seconds(60), Duration::MAX] {
            assert_eq!(after_failure(Duration::ZERO, usual), usual);
            assert_eq!(after_failure(usual, usual), usual);
        }
    }

    #[test]
    fn a_loader_that_died_is_noticed() {
        let (questions, inbox) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || drop((inbox, ended.recv())));
        let loader = LoaderThread {
            questions,
            ended: Mutex::new(mpsc::channel().1),
            state: Arc::default(),
            thread: Mutex::new(Some(thread)),
        };
        assert!(loader.is_running());
        drop(end);
        while loader.thread.lock().unwrap().as_ref().is_some_and(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!loader.is_running());
    }
}
