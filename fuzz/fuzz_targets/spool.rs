//! Any bytes as spools of waiting events.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_telemetry::fuzzing::spool(bytes));
