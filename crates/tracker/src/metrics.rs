//! Counters of one process, and the page that Prometheus reads.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::journal::Status;
use crate::ledger::Ledger;
use crate::loader::LoaderState;
use crate::outcome::Reason;
use crate::projects::Refusal;

/// By what a request is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Key,
    Address,
}

impl By {
    pub(crate) const ALL: [Self; 2] = [Self::Key, Self::Address];

    /// The label in the metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Address => "address",
        }
    }
}

/// What happened to requests since the process started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Requests that succeeded.
    pub(crate) accepted: AtomicU64,
    /// Requests that were refused and must not be retried.
    pub(crate) refused: AtomicU64,
    /// Requests that were refused because too many were in progress.
    pub(crate) overloaded: AtomicU64,
    /// Requests that failed because the journal could not be written or the tracker stops.
    pub(crate) failed: AtomicU64,
    /// Events by why they were quarantined, in the order of [`Reason::ALL`].
    quarantined: [AtomicU64; Reason::ALL.len()],
    /// Requests that were refused for their keys, in the order of [`Refusal::ALL`].
    refused_keys: [AtomicU64; Refusal::ALL.len()],
    /// Requests beyond the limits of their senders, in the order of [`By::ALL`].
    rate_limited: [AtomicU64; By::ALL.len()],
}

impl Metrics {
    /// Increments a counter.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an event that was quarantined.
    pub(crate) fn count_quarantined(&self, reason: Reason) {
        if let Some(at) = Reason::ALL.iter().position(|known| *known == reason) {
            Self::count(&self.quarantined[at]);
        }
    }

    /// Counts a request that was refused for its key.
    pub(crate) fn count_refused_key(&self, refusal: Refusal) {
        if let Some(at) = Refusal::ALL.iter().position(|known| *known == refusal) {
            Self::count(&self.refused_keys[at]);
        }
    }

    /// Counts a request beyond the limit of its sender.
    pub(crate) fn count_rate_limited(&self, by: By) {
        if let Some(at) = By::ALL.iter().position(|known| *known == by) {
            Self::count(&self.rate_limited[at]);
        }
    }

    /// The page.
    pub(crate) fn page(&self, ledger: &Ledger, journal: &Status, loader: &LoaderState) -> String {
        let mut page = String::with_capacity(4096);
        let events = [
            ("accepted", ledger.accepted),
            ("loaded", ledger.loaded),
            ("quarantined", ledger.quarantined),
            ("deduplicated", ledger.deduplicated),
            ("deleted", ledger.deleted),
            ("replayed", ledger.replayed),
            ("expired", ledger.expired),
            ("in_journal", ledger.in_journal),
        ];
        for (name, value) in events {
            let help = "Events of this data folder, of all time: accepted is the sum of the others.";
            metric(&mut page, &format!("dlt_tracker_ledger_{name}"), "gauge", help, &[("", value)]);
        }
        let unaccounted = i64::try_from(ledger.unaccounted()).unwrap_or(i64::MAX);
        let help = "Accepted events that are nowhere (positive) or doubled (negative). Anything but 0 is an alarm.";
        header(&mut page, "dlt_tracker_ledger_unaccounted", "gauge", help);
        // Writing to a string can't fail.
        let _ = writeln!(page, "dlt_tracker_ledger_unaccounted {unaccounted}");

        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let requests = [
            ("{outcome=\"accepted\"}", read(&self.accepted)),
            ("{outcome=\"refused\"}", read(&self.refused)),
            ("{outcome=\"overloaded\"}", read(&self.overloaded)),
            ("{outcome=\"failed\"}", read(&self.failed)),
        ];
        metric(&mut page, "dlt_tracker_requests_total", "counter", "Requests with events, by outcome.", &requests);
        let labels: Vec<String> =
            Reason::ALL.iter().map(|reason| format!("{{reason=\"{}\"}}", reason.code())).collect();
        // Some are quarantined only when they are loaded.
        let counted = Reason::ALL.iter().zip(&self.quarantined).map(|(reason, counter)| match reason {
            Reason::CorruptRecord => read(&loader.corrupt),
            Reason::RefusedRow => read(&loader.refused),
            _ => read(counter),
        });
        let quarantined: Vec<(&str, u64)> = labels.iter().map(String::as_str).zip(counted).collect();
        metric(&mut page, "dlt_tracker_put_aside_total", "counter", "Quarantined events, by reason.", &quarantined);

        let labels = Refusal::ALL.map(|refusal| format!("{{reason=\"{}\"}}", refusal.code()));
        let keys: Vec<(&str, u64)> =
            labels.iter().map(String::as_str).zip(self.refused_keys.iter().map(read)).collect();
        let help = "Requests that were refused because of their write key, by reason.";
        metric(&mut page, "dlt_tracker_refused_keys_total", "counter", help, &keys);

        let labels = By::ALL.map(|by| format!("{{by=\"{}\"}}", by.word()));
        let limited: Vec<(&str, u64)> =
            labels.iter().map(String::as_str).zip(self.rate_limited.iter().map(read)).collect();
        let help = "Requests beyond the limits of their senders, by what these are told apart.";
        metric(&mut page, "dlt_tracker_rate_limited_total", "counter", help, &limited);

        let gauge = [("", journal.bytes)];
        metric(&mut page, "dlt_tracker_journal_bytes", "gauge", "Size of the journal's segments.", &gauge);
        let groups = [("", journal.groups)];
        metric(
            &mut page,
            "dlt_tracker_journal_syncs_total",
            "counter",
            "Groups of events synced to the disk.",
            &groups,
        );
        let leads = [("", u64::from(loader.leads.load(Ordering::Relaxed)))];
        let help = "Whether this process is the one that loads.";
        metric(&mut page, "dlt_tracker_leads", "gauge", help, &leads);
        let loads = [
            ("{outcome=\"committed\"}", read(&loader.loads)),
            ("{outcome=\"failed\"}", read(&loader.failures)),
            ("{outcome=\"busy\"}", read(&loader.busy)),
        ];
        let help = "Loads into the tables; busy: another process held the database.";
        metric(&mut page, "dlt_tracker_loads_total", "counter", help, &loads);
        page
    }
}

/// Adds when the certificate ends to hold.
pub(crate) fn add_certificate(page: &mut String, ends: Timestamp) {
    let name = "dlt_tracker_certificate_ends_timestamp_seconds";
    header(page, name, "gauge", "When the certificate that is shown ends to hold, in seconds since 1970.");
    let _ = writeln!(page, "{name} {}", ends.as_second());
}

fn header(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn metric(page: &mut String, name: &str, kind: &str, help: &str, samples: &[(&str, u64)]) {
    header(page, name, kind, help);
    for (labels, value) in samples {
        let _ = writeln!(page, "{name}{labels} {value}");
    }
}
