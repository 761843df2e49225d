//! firelake turns the JSON that Amazon Data Firehose drops into S3 into a clean, partitioned Parquet lake, each record
//! exactly once, registers it in a catalog, and answers SQL over it.
//!
//! The modules in reading order; each imports only from those above it (`tests/it/arrows.rs` enforces it):

pub mod config;
pub mod error;
pub mod storage;
// what things are: pure
pub mod table;
// raw objects in
pub mod decode;
pub mod landing;
// job 1: compact
pub mod compact;
pub mod ledger;
// job 2: publish
pub mod catalog;
// job 3: query
pub mod output;
pub mod query;
// the outside
pub mod cli;
pub mod jobs;
