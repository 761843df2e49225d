//! firelake turns the JSON that Amazon Data Firehose drops into S3 into a clean, partitioned Parquet lake, each record
//! exactly once, registers it in a catalog, and answers SQL over it.
//!
//! ```text
//!   landing zone ─▶ compact ─▶ ledger + Parquet ─▶ publish ─▶ catalog ─▶ other engines
//!                      │              └────────────────────▶ query (DataFusion)
//!                      └─▶ rejected records (a table, too)
//! ```
//!
//! What it promises; tests cite the numbers:
//!
//! - **I1 exactly once.** Each record of each landed object is in exactly one live data file, or in exactly one live
//!   rejected-records file: after any crash, retry, race or late delivery.
//! - **I2 nothing lost, all accounted.** For each commit `records read = rows written + records rejected`. An object that
//!   cannot be read is remembered as waiting.
//! - **I3 nothing half-visible.** A reader sees a partition before or after a change, never between.
//! - **I4 the ledger is the truth.** One conditional create commits inputs, outputs and counts together.
//! - **I5 immutable.** A file that was ever named is never changed, and no path is used twice.
//! - **I6 never delete on doubt.** Only `gc` deletes, and only what a commit condemned long enough ago.
//! - **I7 a listing is complete or an error.**
//! - **I8 cost follows the work**, not the age of the lake.
//! - **I9 one answer** on every engine, or a clear error before it runs.
//!
//! The modules in reading order, which is the order of the pipeline. Each imports only from those above it;
//! `tests/it/arrows.rs` enforces that.

pub mod config;
pub mod error;
mod sabotage;
pub mod storage;
// what things are: pure, no async, no I/O
pub mod table;
// raw objects in
pub mod decode;
pub mod landing;
// what a person may make of them: a schema proposed, for nothing that runs by itself
pub mod discover;
// job 1: compact
pub mod compact;
pub mod ledger;
// job 2: publish
pub mod catalog;
// job 3: query
pub mod output;
pub mod query;
pub mod report;
// the outside
pub mod cli;
pub mod jobs;

#[cfg(test)]
mod model;
