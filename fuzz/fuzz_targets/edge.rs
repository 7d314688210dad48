//! Any bytes as an object that the edge left in a bucket.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_tracker::fuzzing::edge(bytes));
