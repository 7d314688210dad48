//! The handle that a host records through.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::background::{self, BackgroundSender};
use crate::clock::month;
use crate::envelope::{self, Context};
use crate::event::Event;
use crate::identity::{self, Identity};
use crate::loss::{Losses, Reason};
use crate::process::Started;
use crate::random::random;
use crate::settings::{DeliveryMode, HashMode};
use crate::setup::{Builder, Setup};
use crate::spool::Rejected;
use crate::value::NameHash;

/// Most events that are kept in memory when the disk takes none. One run records far fewer.
const MAX_HELD: usize = 100;

/// Telemetry of one host, on or off. Cheap to clone; all clones are the same.
///
/// Switched off it does nothing: no file, no thread, no id, no socket.
#[derive(Clone)]
pub struct Telemetry {
    active: Option<Arc<Active>>,
}

impl Telemetry {
    /// Describes a host by its name and version, as events report them.
    #[must_use]
    pub fn builder(name: &str, version: &str) -> Builder {
        Builder::new(name, version)
    }

    /// Telemetry that is off, for hosts that have none.
    #[must_use]
    pub fn off() -> Self {
        Self { active: None }
    }

    /// Whether anything is recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.active.is_some()
    }

    /// Records an event: one append to the spool. Never fails, never panics; what cannot be kept is counted.
    pub fn record<E: Event>(&self, event: &E) {
        if let Some(active) = &self.active {
            let _ = catch_unwind(AssertUnwindSafe(|| active.record(event)));
        }
    }

    /// The hash that stands for a name that the user chose. Empty for an empty name, and while telemetry is off.
    #[must_use]
    pub fn hash(&self, name: &str) -> NameHash {
        let hashed = self.active.as_ref().and_then(|active| catch_unwind(AssertUnwindSafe(|| active.hash(name))).ok());
        NameHash(hashed.unwrap_or_default())
    }

    /// Delivers what was recorded; call it at exit. Returns at once where a detached sender does the work, else within the
    /// limits of [`Policy`](crate::Policy). May be called again after further events.
    pub fn finish(&self) {
        if let Some(active) = &self.active {
            let _ = catch_unwind(AssertUnwindSafe(|| active.finish()));
        }
    }

    /// Events that this process gave up and could not count in the spool yet.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.active.as_ref().map(|active| active.losses().clone()).unwrap_or_default()
    }
}

impl Builder {
    /// Reads environment and configuration, and starts: `load().start()`.
    #[must_use]
    pub fn start(self) -> Telemetry {
        self.load().start()
    }
}

impl Setup {
    /// Starts. With telemetry off this makes nothing, not even a folder.
    #[must_use]
    pub fn start(self) -> Telemetry {
        if !self.is_on() {
            return Telemetry::off();
        }
        let started = catch_unwind(AssertUnwindSafe(|| Arc::new(Active::new(self))));
        Telemetry { active: started.ok() }
    }
}

/// Exists only while telemetry is on.
struct Active {
    setup: Setup,
    context: Context,
    mode: DeliveryMode,
    /// The notice was shown in this run, so nothing is sent in it.
    hold: bool,
    identity: OnceLock<Identity>,
    /// Counted here until the spool takes them.
    losses: Mutex<Losses>,
    /// Events that could not be written to the spool, for a process that sends without it.
    held: Mutex<Vec<String>>,
    /// Events that were recorded while other processes held the spool; written at the end.
    late: Mutex<Vec<String>>,
    /// Something was recorded since the last `finish`.
    pending: AtomicBool,
    background: OnceLock<BackgroundSender>,
    /// Detached senders that may still run.
    senders: Mutex<Vec<Started>>,
}

impl Active {
    fn new(setup: Setup) -> Self {
        let context = Context::new(&setup.environment, &setup.software);
        let mode = setup.mode(context.is_ci || context.is_container);
        // A setting for detached sending means that further runs follow, in a container too.
        let asked_to_detach = setup.settings.delivery.as_ref().is_some_and(|set| set.value == DeliveryMode::Detached);
        let short_lived = (context.is_ci || context.is_container) && !asked_to_detach;
        let endpoint = setup.settings.usable_endpoint();
        let first = !setup.settings.debug
            && setup.notice.show_if_due(&setup.queue.folder, &setup.environment, endpoint, short_lived);
        Self {
            hold: first && !short_lived,
            setup,
            context,
            mode,
            identity: OnceLock::new(),
            losses: Mutex::default(),
            held: Mutex::default(),
            late: Mutex::default(),
            pending: AtomicBool::new(false),
            background: OnceLock::new(),
            senders: Mutex::default(),
        }
    }

    fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| {
            if self.setup.settings.debug {
                // Debugging writes no files.
                return Identity::ephemeral();
            }
            let paths = &self.setup.paths;
            Identity::load(&paths.data, &paths.telemetry()).unwrap_or_else(|_| Identity::ephemeral())
        })
    }

    fn anonymous_id(&self) -> String {
        let identity = self.identity();
        if self.setup.settings.rotate_id.value {
            identity.of_month(&month(self.setup.clock.now_ms()))
        } else {
            identity.anonymous_id.clone()
        }
    }

    fn hash(&self, name: &str) -> String {
        match self.setup.settings.hash.value {
            _ if name.is_empty() => String::new(),
            HashMode::Keyed => self.identity().keyed_hash(name),
            HashMode::Plain => identity::plain_hash(name),
        }
    }

    fn losses(&self) -> MutexGuard<'_, Losses> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record<E: Event>(&self, event: &E) {
        let id = self.anonymous_id();
        let (now, random) = (self.setup.clock.now_ms(), random());
        let mut unwritten = self.losses();
        let compose = |spooled: &Losses| {
            let mut losses = spooled.clone();
            losses.merge(&unwritten);
            envelope::compose(event, &id, &self.context, &losses, now, random)
        };
        if self.setup.settings.debug {
            let _ = writeln!(std::io::stderr(), "{}", compose(&Losses::default()));
            return;
        }
        match self.setup.queue.append(compose) {
            Ok(()) => *unwritten = Losses::default(),
            Err(Rejected::Counted(_)) => {}
            Err(Rejected::Uncounted(Reason::Unwritable)) if self.can_hold() => {
                self.held().push(compose(&Losses::default()));
                *unwritten = Losses::default();
            }
            Err(Rejected::Uncounted(Reason::Busy)) if self.late().len() < MAX_HELD => {
                self.late().push(compose(&Losses::default()));
                *unwritten = Losses::default();
            }
            Err(Rejected::Uncounted(reason)) => unwritten.add(reason, 1),
            Err(Rejected::Full) => unwritten.add(Reason::SpoolFull, 1),
        }
        drop(unwritten);
        self.pending.store(true, Ordering::Release);
        if self.mode == DeliveryMode::Thread && !self.hold {
            self.notify();
        }
    }

    fn finish(&self) {
        if !self.pending.swap(false, Ordering::AcqRel) {
            return;
        }
        self.send_held();
        self.write_rest();
        if self.hold || self.setup.queue.spool.is_empty() {
            return;
        }
        let queue = &self.setup.queue;
        if queue.state.read().must_wait(self.setup.clock.now_ms(), &self.setup.policy) {
            return;
        }
        match (self.mode, self.setup.sender) {
            (DeliveryMode::Detached, Some(sender)) => {
                if let Some(started) = self.setup.job().and_then(|job| job.start(sender).ok()) {
                    // A host that continues reaps those that have ended; one that ends leaves them to the system.
                    let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
                    senders.retain_mut(Started::is_running);
                    senders.push(started);
                }
            }
            _ => self.wait_for_background(self.budget()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn can_hold(&self) -> bool {
        self.mode != DeliveryMode::Detached && !self.hold && self.held().len() < MAX_HELD
    }

    /// Without a disk there are no receipts. What is not acknowledged in this run is lost, and counted.
    fn send_held(&self) {
        let bodies = std::mem::take(&mut *self.held());
        if bodies.is_empty() {
            return;
        }
        let count = bodies.len() as u64;
        let sent = self.setup.upstream().map_or(0, |upstream| background::post_all(upstream, bodies, self.budget()));
        self.losses().add(Reason::Unwritable, count - sent.min(count));
    }

    fn budget(&self) -> Duration {
        let policy = &self.setup.policy;
        if self.mode == DeliveryMode::InPlace { policy.in_place_budget } else { policy.thread_budget }
    }

    fn late(&self) -> MutexGuard<'_, Vec<String>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What could not be written at once.
    fn write_rest(&self) {
        let (mut unwritten, late) = (self.losses(), std::mem::take(&mut *self.late()));
        let spool = self.setup.queue.spool.patient();
        for body in late {
            match spool.append(|_| body) {
                Ok(()) | Err(Rejected::Counted(_)) => {}
                Err(Rejected::Uncounted(reason)) => unwritten.add(reason, 1),
                Err(Rejected::Full) => unwritten.add(Reason::SpoolFull, 1),
            }
        }
        if !unwritten.is_empty() && spool.append_losses(&unwritten).is_ok() {
            *unwritten = Losses::default();
        }
    }

    fn notify(&self) -> Option<&BackgroundSender> {
        if self.background.get().is_none() {
            let background = BackgroundSender::new(self.setup.queue.clone(), self.setup.upstream()?, self.budget())?;
            let _ = self.background.set(background);
        }
        let background = self.background.get()?;
        background.notify();
        Some(background)
    }

    fn wait_for_background(&self, budget: Duration) {
        if let Some(background) = self.notify() {
            background.wait_until_idle(budget);
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.finish()));
    }
}
