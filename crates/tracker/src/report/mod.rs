//! The report: what was received, as numbers.

mod read;
mod render;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
pub(crate) use read::read;

/// What the tracker holds.
///
/// Shares are between 0 and 1; durations are seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Projects, the most frequent first.
    #[serde(default)]
    pub projects: Vec<Share>,
    /// Events by name, the most frequent first.
    pub events: Vec<EventSummary>,
    /// Libraries that sent them, by name and version, the most frequent first.
    pub versions: Vec<VersionSummary>,
    /// Operating systems, the most frequent first.
    pub platforms: Vec<Share>,
    /// Destinations by type, or by name where no type is told, the most frequent first; events without one are left out.
    pub destinations: Vec<Share>,
    /// Events of all names.
    pub total: u64,
    /// Different anonymous ids, of all time.
    pub active_ids: u64,
    /// Different anonymous ids in the last 1, 7 and 30 days.
    pub active_by_window: [u64; 3],
    /// Share of events from continuous integration, among those that have the field.
    pub ci_share: Option<f64>,
    /// Share of events from containers, among those that have the field.
    pub container_share: Option<f64>,
    /// When the first event happened, ISO 8601.
    pub first_event: Option<String>,
    /// When the last event happened, ISO 8601.
    pub last_event: Option<String>,
    /// Why events were quarantined, the most frequent first.
    pub quarantine: Vec<Share>,
    /// What arrived before was too old and is deleted, in a report of all projects of one at least; `2026-03-01 00:00:00` in UTC.
    #[serde(default)]
    pub expired_before: Option<String>,
    /// The days of events that are deleted, the newest first: what was counted of them. They are in none of the other figures.
    #[serde(default)]
    pub earlier: Vec<DaySummary>,
    /// How many more there are of what a list names the most frequent of, by the name of the list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, u64>,
    /// When it was counted, ISO 8601, if that was not just now: more events come than can be counted at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Where the accepted events are.
    pub ledger: Ledger,
}

/// One event's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventSummary {
    /// Its name.
    pub event: String,
    /// How many there are.
    pub count: u64,
    /// Different anonymous ids that sent it.
    pub active_ids: u64,
    /// Share of successes, among events that have the field.
    pub success_share: Option<f64>,
    /// Median duration in seconds, among events that have one.
    pub p50_seconds: Option<f64>,
    /// 95th percentile of the duration in seconds.
    pub p95_seconds: Option<f64>,
}

/// One version of a library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VersionSummary {
    /// The library.
    pub library: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Events that it sent.
    pub count: u64,
    /// Different anonymous ids that use it.
    pub active_ids: u64,
}

/// What was counted of a day before its events were deleted for their age.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DaySummary {
    /// The day on which they happened, in UTC: `2026-03-01`.
    pub day: String,
    /// Events.
    pub count: u64,
    /// Different anonymous ids, at most: one that sent for several projects, or whose events of the day arrived on several days,
    /// counts for each.
    pub active_ids: u64,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Share {
    /// The value; `None` for events without one.
    pub value: Option<String>,
    /// Events.
    pub count: u64,
    /// Share of all events.
    pub share: f64,
}
