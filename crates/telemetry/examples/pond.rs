//! A program that is not dlt, with telemetry of its own: `cargo run -p dlt-telemetry --example pond`.
//!
//! Its users switch it off with `POND_TELEMETRY=false`, with `telemetry = false` below `[pond]` in
//! `~/.pond/config.toml`, or with `DO_NOT_TRACK=1`; `POND_TELEMETRY_ENDPOINT` says where to send.

use std::time::Instant;

use dlt_telemetry::{Seconds, Telemetry, Word, event, run_sender_if_asked};

event! {
    /// The pond was drained.
    pub struct PondDrained("pond", "drained") {
        /// Which of the program's own methods was used.
        method: Word, example = "pump";
        /// How long it took.
        elapsed: Seconds, unit = "s", example = 3.2;
        /// Whether the pond is empty now.
        success: bool, example = true;
    }
}

fn main() {
    let sender = run_sender_if_asked();
    let telemetry = Telemetry::builder("pond", env!("CARGO_PKG_VERSION"))
        .notice(
            "pond counts drained ponds. POND_TELEMETRY=false stops that.",
            "pond: POND_TELEMETRY=false stops the counting.",
        )
        .detached(sender)
        .start();

    let started = Instant::now();
    telemetry.record(&PondDrained { method: Word::new("pump"), elapsed: started.elapsed().into(), success: true });
    telemetry.finish();
}
