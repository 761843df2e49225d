#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| firelake_fuzz::checks::any_bytes(data));
