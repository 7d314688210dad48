//! Any bytes as chains of receipts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_telemetry::fuzzing::receipts(bytes));
