//! The signals that a tracker obeys.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a tracker obeys.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// SIGHUP ends it as SIGTERM does: a terminal was closed. Not where whoever started it wants it to go on then.
    hangup: Option<Signal>,
    /// SIGHUP where there is a certificate to read.
    pub(super) reload: Option<Signal>,
}

impl Signals {
    pub(super) fn install(has_certificate: bool) -> io::Result<Self> {
        let ends = !has_certificate && !ignores_hangup();
        let hangup = |is_wanted: bool| is_wanted.then(|| signal(SignalKind::hangup())).transpose();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup(ends)?,
            reload: hangup(has_certificate)?,
        })
    }

    pub(super) async fn received(&mut self) {
        let Self { interrupt, terminate, hangup, .. } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hangup => {}
        }
    }
}

/// Whether the process was started with SIGHUP ignored, as `nohup` does. Only Linux tells.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
