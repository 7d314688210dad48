//! Any bytes as the file of a contract.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlt_tracker::fuzzing::contract_file(bytes));
