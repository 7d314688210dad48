//! The tracker.

mod journal;
