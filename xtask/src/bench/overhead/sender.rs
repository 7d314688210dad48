//! A detached sender, watched through `/proc`: it belongs to nobody once its command has ended.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::process;

/// The word by which a sender's command line is known.
const MARK: &[u8] = b"__send-telemetry";
/// The longest wait for a sender to have started; it then waits for the network or has ended.
const LONGEST_START: Duration = Duration::from_millis(150);

pub(super) struct Sender {
    /// `None` if it had ended before anybody looked.
    id: Option<u32>,
    started: Instant,
    life: Option<Duration>,
}

impl Sender {
    /// The sender that the command with this number and home has just started.
    pub(super) fn of(host: u32, home: &Path, started: Instant) -> Sender {
        let home = home.to_string_lossy().into_owned();
        let is_ours = |id: &u32| {
            is_sender(*id) && fs::read(format!("/proc/{id}/environ")).is_ok_and(|text| contains(&text, home.as_bytes()))
        };
        let mut id = None;
        for _ in 0..10 {
            let all = processes();
            // It comes after its command, unless the numbers began anew.
            id = all.iter().copied().filter(|id| *id > host).find(is_ours);
            id = id.or_else(|| all.iter().copied().find(is_ours));
            if id.is_some() {
                break;
            }
            // For a moment after its start a process has no command line yet.
            thread::sleep(Duration::from_millis(1));
        }
        Sender { id, started, life: id.is_none().then(|| started.elapsed()) }
    }

    /// Notes its end.
    pub(super) fn look(&mut self) {
        if self.life.is_none() && !self.id.is_some_and(is_sender) {
            self.life = Some(self.started.elapsed());
        }
    }

    /// Waits until it has ended, or sleeps.
    pub(super) fn settle(&mut self) {
        let (begun, mut asleep) = (Instant::now(), 0);
        while begun.elapsed() < LONGEST_START && asleep < 5 {
            self.look();
            let Some(id) = self.id.filter(|_| self.life.is_none()) else { return };
            asleep = if sleeps(id) { asleep + 1 } else { 0 };
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.life.is_none()
    }

    /// From the start of its command to its end, as far as it was seen.
    pub(super) fn life(&self) -> Duration {
        self.life.unwrap_or_else(|| self.started.elapsed())
    }

    pub(super) fn end(&self) {
        if let Some(id) = self.id.filter(|id| is_sender(*id)) {
            process::succeeds(Command::new("kill").arg(id.to_string()));
        }
    }
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Of a process that has ended, and that nobody has taken note of, the command line is empty.
fn is_sender(id: u32) -> bool {
    fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|text| contains(&text, MARK))
}

fn sleeps(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let states = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.starts_with('S'))
    });
    states.into_iter().all(|asleep| asleep)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_found_by_mark_and_home_and_its_end_is_noted() {
        let home = Path::new("/the/home/of/this/test");
        let mut sleeper = Command::new("sh");
        sleeper.args(["-c", "read line", "__send-telemetry"]).env("HOME", home).stdin(std::process::Stdio::piped());
        let mut child = sleeper.spawn().unwrap();
        let started = Instant::now();
        // The shell has to be there first.
        let mut sender = Sender::of(std::process::id(), home, started);
        for _ in 0..500 {
            if sender.id.is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
            sender = Sender::of(std::process::id(), home, started);
        }
        assert_eq!(sender.id, Some(child.id()));
        sender.look();
        assert!(sender.is_alive());
        assert!(Sender::of(1, Path::new("/another/home"), started).id.is_none());
        sender.end();
        child.wait().unwrap();
        sender.look();
        assert!(!sender.is_alive());
    }
}
