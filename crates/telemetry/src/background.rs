//! The background sender: a thread of the host that drains the spool, for services, libraries and a flush in place.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::delivery::{DeliveryQueue, Upstream};
use crate::receipt::Outcome;

/// How often the thread of a service checks whether a pause is over or other processes have recorded something.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// Owns the thread. Dropping it tells the thread to end, and does not wait for that.
pub(crate) struct BackgroundSender(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    work: bool,
    busy: bool,
    stop: bool,
    /// When the host ends: what is not answered by then stays in the spool.
    deadline: Option<Instant>,
}

/// Time between the end of the last request and the end of the host, for writing the receipt.
const MARGIN: Duration = Duration::from_millis(50);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BackgroundSender {
    /// Starts the thread. No request takes longer than `budget`, the time that the host waits at its end. `None` if the
    /// system gives no thread.
    pub(crate) fn new(mut queue: DeliveryQueue, upstream: Upstream, budget: Duration) -> Option<Self> {
        queue.policy.request_timeout = queue.policy.request_timeout.min(budget.saturating_sub(MARGIN));
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("telemetry".to_owned());
        thread.spawn(move || run(&theirs, &queue, &upstream)).ok()?;
        Some(Self(shared))
    }

    /// Wakes the thread to send what is in the spool.
    pub(crate) fn notify(&self) {
        self.0.state().work = true;
        self.0.changed.notify_all();
    }

    /// Waits until the thread has nothing left to try, or the budget is spent.
    pub(crate) fn wait_until_idle(&self, budget: Duration) {
        let mut state = self.0.state();
        state.deadline = Some(Instant::now() + budget.saturating_sub(MARGIN));
        let idle = self.0.changed.wait_timeout_while(state, budget, |state| state.work || state.busy);
        let (mut state, _) = idle.unwrap_or_else(PoisonError::into_inner);
        // The host may continue and record more.
        state.deadline = None;
    }
}

impl Drop for BackgroundSender {
    fn drop(&mut self) {
        self.0.state().stop = true;
        self.0.changed.notify_all();
    }
}

fn run(shared: &Shared, queue: &DeliveryQueue, upstream: &Upstream) {
    loop {
        let state = shared.state();
        let waited = shared.changed.wait_timeout_while(state, POLL_INTERVAL, |state| !state.work && !state.stop);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stop && !state.work {
            return;
        }
        state.work = false;
        state.busy = true;
        drop(state);
        let drained = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if let Some(lock) = queue.lock(Duration::ZERO) {
                let end_of_drain = Instant::now() + queue.policy.sender_life;
                let _ = queue.drain(&lock, upstream, || shared.state().deadline.unwrap_or(end_of_drain));
            }
        }));
        let mut state = shared.state();
        state.busy = false;
        state.stop |= drained.is_err();
        drop(state);
        shared.changed.notify_all();
    }
}

/// Posts the bodies one after the other from a new thread. Returns how many were acknowledged within the budget.
pub(crate) fn post_all(upstream: Upstream, bodies: Vec<String>, budget: Duration) -> u64 {
    let (report, reports) = std::sync::mpsc::channel();
    let deadline = Instant::now() + budget;
    let posting = move || {
        for body in bodies {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !(upstream.allowed)() {
                return;
            }
            let (_, judgement) = upstream.post(body.as_bytes(), left);
            if report.send(judgement.outcome).is_err() || judgement.outcome == Outcome::Kept {
                return;
            }
        }
    };
    if std::thread::Builder::new().name("telemetry".to_owned()).spawn(posting).is_err() {
        return 0;
    }
    let mut sent = 0;
    while let Ok(outcome) = reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        sent += u64::from(outcome == Outcome::Sent);
    }
    sent
}
