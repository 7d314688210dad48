//! Any bytes as messages that the contract lets through.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_telemetry::fuzzing::contract(bytes));
