//! The checks that the tests of firelake run with seeds, for cargo-fuzz: `docs/reading.md` says how to run them.

#[path = "../tests/it/reading/checks.rs"]
pub mod checks;
#[path = "../tests/it/reading/text.rs"]
mod text;
