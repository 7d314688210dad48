//! Any bytes as the body of a request to the tracker.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_tracker::fuzzing::body(bytes));
