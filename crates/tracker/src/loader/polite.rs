//! A thread for loads that stands back behind whoever serves requests.
//!
//! Senders wait for their answers, and nobody for a load. Where the cores do not suffice for both, loads get what the rest of the process
//! leaves. A lower `nice` value does not do that: such a thread has a smaller share, but where it runs, one that wakes up to answer a sender
//! waits for up to some milliseconds. The policy for idle times (`SCHED_IDLE`) lets it go first.
//!
//! What stands back can starve, by this process or by other programs of the machine, and nobody may take it back: so the thread is asked
//! for a sign before it gets anything to do, and if that does not come soon, or a load had to wait long for a core, loads do not
//! stand back for a while.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Loader;

/// Loads that had to wait so long for a core, and [`FAR`] times as long as they ran, are starving.
const LONG: Duration = Duration::from_secs(2);
const FAR: u32 = 8;
/// So long loads do not stand back then.
const ENOUGH: Duration = Duration::from_secs(30);
/// A thread that gives its sign later than this would starve.
const SOON: Duration = Duration::from_millis(500);
/// How long it has to run for its sign: more than what a thread that starves may get at once by luck.
const SIGN: Duration = Duration::from_millis(6);

/// What a thread used of the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    ran: Duration,
    /// How long it could have run, and others did.
    waited: Duration,
}

impl Share {
    /// Of this thread, since it began. `None` where the system does not tell.
    fn of_this_thread() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut nanos = text.split_ascii_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
        Some(Self { ran: nanos.next()??, waited: nanos.next()?? })
    }

    fn since(self, before: Self) -> Self {
        Self { ran: self.ran.saturating_sub(before.ran), waited: self.waited.saturating_sub(before.waited) }
    }

    fn is_too_little(self) -> bool {
        self.waited > LONG && self.waited > self.ran * FAR
    }
}

/// A thread that loads when nothing else is to be done.
pub(super) struct Polite {
    given: mpsc::Sender<Errand>,
    signs: mpsc::Receiver<u64>,
    back: mpsc::Receiver<Loaded>,
    /// The number of the last sign that it was asked for.
    asked: u64,
    /// When it was last found to starve.
    starved: Option<Instant>,
}

/// What it is to do.
enum Errand {
    /// Give a sign, by its number.
    Sign(u64),
    Load(Box<Loader>),
}

/// What came of an attempt.
struct Loaded {
    loader: Loader,
    is_done: bool,
    share: Option<Share>,
}

impl Polite {
    /// None where the system has no such thread: then loads have the same share of the cores as whoever serves requests.
    pub(super) fn start(attempt: fn(&mut Loader) -> bool) -> Option<Self> {
        let (given, errands) = mpsc::channel::<Errand>();
        let (sign, signs) = mpsc::channel();
        let (loaded, back) = mpsc::channel();
        let (stands_back, answer) = mpsc::channel();
        let run = move || {
            let mut before = Share::of_this_thread();
            // Without knowing whether it starves it must not stand back.
            let does = before.is_some() && stand_back();
            if stands_back.send(does).is_err() || !does {
                return;
            }
            for errand in errands {
                let mut loader = match errand {
                    Errand::Sign(number) => {
                        run_for(SIGN);
                        // Who asked may wait no longer.
                        let _ = sign.send(number);
                        continue;
                    }
                    Errand::Load(loader) => *loader,
                };
                let is_done = attempt(&mut loader);
                let now = Share::of_this_thread();
                let share = now.zip(before).map(|(now, before)| now.since(before));
                before = now;
                if loaded.send(Loaded { loader, is_done, share }).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("tracker-loads".to_owned()).spawn(run).ok()?;
        answer.recv().ok()?.then_some(Self { given, signs, back, asked: 0, starved: None })
    }

    /// Whether what others leave suffices for loads.
    pub(super) fn suffices(&mut self) -> bool {
        if self.starved.is_some_and(|starved| starved.elapsed() <= ENOUGH) {
            return false;
        }
        if !self.gives_sign(SOON) {
            self.note_starved();
            return false;
        }
        true
    }

    fn gives_sign(&mut self, soon: Duration) -> bool {
        self.asked += 1;
        let until = Instant::now() + soon;
        if self.given.send(Errand::Sign(self.asked)).is_err() {
            return false;
        }
        // Signs that came too late may be there, too.
        while let Ok(sign) = self.signs.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if sign == self.asked {
                return true;
            }
        }
        false
    }

    fn note_starved(&mut self) {
        self.starved = Some(Instant::now());
        tracing::debug!("what others leave of the cores is not enough for loads: they do not stand back for a while");
    }

    /// Has it loaded; whether that succeeded. `None` where it ended with a panic.
    pub(super) fn attempt(&mut self, loader: Loader) -> Option<(Loader, bool)> {
        self.given.send(Errand::Load(Box::new(loader))).ok()?;
        let Loaded { loader, is_done, share } = self.back.recv().ok()?;
        if share.is_some_and(Share::is_too_little) {
            self.note_starved();
        }
        Some((loader, is_done))
    }
}

/// Uses so much of the processor.
fn run_for(time: Duration) {
    let Some(begin) = Share::of_this_thread() else { return };
    while Share::of_this_thread().is_some_and(|now| now.since(begin).ran < time) {
        std::hint::spin_loop();
    }
}

/// Has this thread, and those that it starts, run when no other wants to.
#[cfg(target_os = "linux")]
fn stand_back() -> bool {
    let no_priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads the parameters, which outlive it, and changes how this thread is scheduled and nothing else.
    #[allow(unsafe_code)]
    let answer = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const no_priority) };
    answer == 0
}

/// There is no such policy.
#[cfg(not(target_os = "linux"))]
fn stand_back() -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::loader::tests::folder::{Database, Folder};

    fn share(ran: u64, waited: u64) -> Share {
        Share { ran: Duration::from_millis(ran), waited: Duration::from_millis(waited) }
    }

    #[test]
    fn a_share_is_too_little_where_others_had_more_of_the_core_for_long() {
        assert!(share(300, 2500).is_too_little());
        assert!(!share(10, 1900).is_too_little(), "that is soon over");
        assert!(!share(1000, 7900).is_too_little());
        let text = "3000000 2000000 17\n";
        let read = Share::parse(text).unwrap();
        assert_eq!(read, share(3, 2));
        assert_eq!(share(5, 9).since(read), share(2, 7));
        assert_eq!(Share::parse("no numbers"), None);
    }

    /// The scheduling policy of this thread, as Linux tells it.
    fn policy() -> libc::c_int {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The name, which may have anything in it, is the second of its fields, and the policy the forty-first.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_ascii_whitespace().nth(38).unwrap().parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn loads_stand_back_with_the_threads_that_they_start_and_nobody_else_does() {
        let folder = Folder::new(Database::DuckDb);
        let mut polite = Polite::start(|_| {
            let started = std::thread::spawn(policy).join().unwrap();
            (policy(), started) == (libc::SCHED_IDLE, libc::SCHED_IDLE)
        })
        .unwrap();
        assert!(polite.suffices());
        let (loader, stands_back) = polite.attempt(folder.loader()).unwrap();
        assert!(stands_back);
        drop(loader);
        assert_ne!(policy(), libc::SCHED_IDLE);
        polite.note_starved();
        assert!(!polite.suffices());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_is_busy_gives_no_sign_and_later_ones_count() {
        let mut polite = Polite::start(|_| true).unwrap();
        assert!(polite.gives_sign(Duration::from_secs(60)));
        // In its place one that does nothing yet.
        let (given, errands) = mpsc::channel();
        let (sign, signs) = mpsc::channel();
        (polite.given, polite.signs) = (given, signs);
        assert!(!polite.suffices());
        assert!(polite.starved.is_some());
        let late = std::thread::spawn(move || {
            for errand in errands {
                let Errand::Sign(number) = errand else { return };
                sign.send(number).unwrap();
            }
        });
        assert!(polite.gives_sign(Duration::from_secs(60)), "the first is told, and is not the one");
        drop(polite);
        late.join().unwrap();
    }
}
