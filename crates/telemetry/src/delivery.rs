//! Delivery, from the spool to the tracker: which process may send, in what order, and what it writes before and after.
//!
//! For each event the sender writes the attempt with its exact bytes to the receipts, sends the request, and writes the
//! answer to the receipts. Then it shortens the spool by what the receipts hold. A sender that dies at any point leaves an
//! event that was never tried, or an attempt without an answer, which counts as interrupted and is not repeated, or an
//! answer.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, timestamp};
use crate::delivery_state::{DeliveryStateFile, LastAnswer};
use crate::envelope;
use crate::loss::{Losses, Reason};
use crate::policy::Policy;
use crate::receipt::{Outcome, Receipts};
use crate::spool::{Contents, Entry, Rejected, Spool, Verdict};
use crate::transport::{Answer, Judgement, Request, Transport, judge};

/// The spool of one host on one machine, with the files that its delivery needs.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryQueue {
    pub(crate) folder: PathBuf,
    pub(crate) spool: Spool,
    pub(crate) receipts: Receipts,
    pub(crate) state: DeliveryStateFile,
    pub(crate) policy: Policy,
    clock: Clock,
}

/// The endpoint, and how to reach it.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) user_agent: String,
    pub(crate) authorization: Option<String>,
    pub(crate) transport: Arc<dyn Transport>,
    /// Whether telemetry is still on. Called before each request, so an opt-out takes effect as soon as it is written.
    pub(crate) allowed: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// The lock of the one process that sends.
#[derive(Debug)]
pub(crate) struct SenderLock(File);

impl SenderLock {
    /// Writes the process id into the lock file: this process may be killed at any time.
    pub(crate) fn sign(&mut self) -> io::Result<()> {
        self.0.set_len(0)?;
        write!(self.0, "{}", std::process::id())
    }
}

impl Drop for SenderLock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

impl DeliveryQueue {
    pub(crate) fn new(folder: &Path, policy: Policy, clock: Clock) -> Self {
        Self {
            folder: folder.to_owned(),
            spool: Spool::new(folder, policy.clone()),
            receipts: Receipts::new(folder, policy.max_receipt_bytes),
            state: DeliveryStateFile::new(folder),
            policy,
            clock,
        }
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.folder.join("sender.lock")
    }

    /// Takes the lock; `None` if another process holds it for longer than `wait`.
    pub(crate) fn lock(&self, wait: Duration) -> Option<SenderLock> {
        let started = Instant::now();
        let file = OpenOptions::new().read(true).append(true).create(true).open(self.lock_path()).ok()?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    // The file may hold the id of a process that was killed.
                    let _ = file.set_len(0);
                    return Some(SenderLock(file));
                }
                Err(TryLockError::WouldBlock) if started.elapsed() < wait => {
                    std::thread::sleep(Duration::from_millis(5))
                }
                Err(_) => return None,
            }
        }
    }

    /// Appends an event. Makes room for it if the spool is full.
    pub(crate) fn append(&self, compose: impl Fn(&Losses) -> String) -> Result<(), Rejected> {
        match self.spool.append(&compose) {
            Err(Rejected::Full) => {}
            other => return other,
        }
        if self.make_room() {
            match self.spool.append(&compose) {
                Err(Rejected::Full) => {}
                other => return other,
            }
        }
        let mut losses = Losses::default();
        losses.add(Reason::SpoolFull, 1);
        self.spool.append_losses(&losses)?;
        Err(Rejected::Counted(Reason::SpoolFull))
    }

    /// Drops the oldest quarter. Not while another process sends: an event in flight must not count as lost.
    fn make_room(&self) -> bool {
        let Some(lock) = self.lock(Duration::ZERO) else { return false };
        let Ok(contents) = self.settle(&lock) else { return false };
        let surplus = (contents.entries.len() + 1).saturating_sub(self.policy.max_events * 3 / 4);
        let mut excess_bytes = contents.bytes.saturating_sub(self.policy.max_spool_bytes / 4 * 3);
        let shortened = self.spool.shorten(|index, entry| {
            if index < surplus || excess_bytes > 0 {
                excess_bytes = excess_bytes.saturating_sub(entry.body.len() as u64 + 1);
                Verdict::Lost(Reason::SpoolFull)
            } else {
                Verdict::Keep
            }
        });
        shortened.is_ok()
    }

    /// Removes from the spool what the receipts show as done, and what is too old. Returns what is still to be sent.
    fn settle(&self, _: &SenderLock) -> io::Result<Contents> {
        let mut outcomes = self.receipts.latest_outcomes()?;
        let waiting = self.spool.read()?;
        for entry in &waiting.entries {
            if outcomes.get(&entry.message_id) == Some(&None) {
                let at = timestamp(self.clock.now_ms());
                let note = "the sender ended before the answer was in";
                self.receipts.answer(&at, &entry.message_id, Outcome::Interrupted, None, note)?;
                outcomes.insert(entry.message_id.clone(), Some(Outcome::Interrupted));
            }
        }
        self.spool.shorten(|_, entry| self.verdict(entry, &outcomes))
    }

    fn verdict(&self, entry: &Entry, outcomes: &HashMap<String, Option<Outcome>>) -> Verdict {
        match outcomes.get(&entry.message_id).copied().flatten() {
            Some(Outcome::Sent) => Verdict::Sent,
            Some(Outcome::Refused) => Verdict::Lost(Reason::Refused),
            Some(Outcome::Unconfirmed) => Verdict::Lost(Reason::Unconfirmed),
            Some(Outcome::Interrupted) => Verdict::Lost(Reason::Interrupted),
            Some(Outcome::Kept) | None => {
                let age = Duration::from_millis(self.clock.now_ms().saturating_sub(entry.recorded_ms));
                if age > self.policy.max_age { Verdict::Lost(Reason::TooOld) } else { Verdict::Keep }
            }
        }
    }

    /// Sends the spool's events one after the other, until nothing is left, the tracker takes no more, or the deadline has
    /// passed. Calls `deadline` before each request: it may move forward.
    pub(crate) fn drain(
        &self,
        lock: &SenderLock,
        upstream: &Upstream,
        deadline: impl Fn() -> Instant,
    ) -> io::Result<()> {
        let mut state = self.state.read();
        if state.must_wait(self.clock.now_ms(), &self.policy) {
            return Ok(());
        }
        loop {
            let contents = self.settle(lock)?;
            if contents.entries.is_empty() {
                return Ok(());
            }
            for entry in &contents.entries {
                let left = deadline().saturating_duration_since(Instant::now());
                if left < Duration::from_millis(20) || !(upstream.allowed)() {
                    self.settle(lock)?;
                    return Ok(());
                }
                let (judgement, last) = self.send(entry, upstream, left.min(self.policy.request_timeout))?;
                state.last = Some(last);
                if judgement.outcome == Outcome::Kept {
                    state.failed(self.clock.now_ms(), judgement.pause, &self.policy);
                    self.state.write(&state)?;
                    self.settle(lock)?;
                    return Ok(());
                }
                state.succeeded();
                state.sent += u64::from(judgement.outcome == Outcome::Sent);
            }
            self.state.write(&state)?;
        }
    }

    fn send(&self, entry: &Entry, upstream: &Upstream, timeout: Duration) -> io::Result<(Judgement, LastAnswer)> {
        let now = self.clock.now_ms();
        let body = envelope::freshly_stamped(&entry.body, now);
        self.receipts.attempt(&timestamp(now), &entry.message_id, &upstream.url, &body)?;
        let (answer, judgement) = upstream.post(body.as_bytes(), timeout);
        let status = answer.map(|answer| answer.status);
        let at = timestamp(self.clock.now_ms());
        self.receipts.answer(&at, &entry.message_id, judgement.outcome, status, &judgement.note)?;
        let last = LastAnswer {
            at,
            endpoint: upstream.url.clone(),
            status,
            note: judgement.note.clone(),
            acknowledged: judgement.outcome == Outcome::Sent,
        };
        Ok((judgement, last))
    }

    /// The spool's events, each with a `sentAt` that a sender in the next minutes does not change.
    pub(crate) fn refresh_stamps(&self) -> io::Result<Vec<Entry>> {
        let now = self.clock.now_ms();
        let entries = self.spool.read()?.entries;
        if entries.iter().all(|entry| envelope::freshly_stamped(&entry.body, now) == entry.body) {
            return Ok(entries);
        }
        Ok(self.spool.restamp(now)?.entries)
    }
}

impl Upstream {
    /// Sends one request. Returns the answer, if there is one, and what it means.
    pub(crate) fn post(&self, body: &[u8], timeout: Duration) -> (Option<Answer>, Judgement) {
        let request = Request::new(&self.url, &self.user_agent, self.authorization.as_deref(), body, timeout);
        match self.transport.post(&request) {
            Ok(answer) => {
                let judgement = judge(&answer);
                (Some(answer), judgement)
            }
            Err(error) => (None, Judgement { outcome: Outcome::Kept, pause: None, note: error.to_string() }),
        }
    }
}
