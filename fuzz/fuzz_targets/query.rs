//! Any bytes as the query of an address.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_tracker::fuzzing::query(bytes));
