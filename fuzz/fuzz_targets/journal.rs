//! Any bytes as the journal of a request to the tracker.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_tracker::fuzzing::journal(bytes));
