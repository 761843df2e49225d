//! Tests of firelake as a whole, in one binary: each test binary links DataFusion anew, and that is slow.
//!
//! - [`arrows`]: which module may import which, and who may print or read the clock.
//! - [`truth`]: what queries answer, against what the generator drew.
//! - [`exactly_once`]: races, faults at every operation, late and touched objects (promises I1 to I4).
//! - [`bad_input`]: every mistake has its message, its hint and its exit code, and leaves nothing half-visible.
//! - [`reading`]: whatever Firehose delivers: compression, framing, damage.
//! - [`redrive`]: rejected records and what Firehose could not deliver, decoded once more.
//! - [`athena`]: the Athena engine over HTTP.
//! - [`both`]: the local engine against Athena on the same published tables.
//! - [`cli`]: what the program prints.
//! - [`columns`]: nested columns, partitions by value, the shipped schemas, envelopes.
//! - [`discover`]: what is proposed for what landed compacts unedited; what changed is told.
//! - [`evolve`]: a schema file that changes: its commit, the files of before, runs at the same time.
//! - [`landing`]: which objects runs list: date folders in every layout, time zones, prefixes without a slash.
//! - [`merge`]: merging changes no answer; shards take each object once.
//! - [`verify`]: every kind of damage is found, a clean lake is clean; how a table stands, what happened to it.
//! - [`rollback`]: rollback, resume, rebuild, expire: exactly once after each, in races, with a fault at each operation.
//! - [`gc`]: what is out of use is deleted a grace later, and nothing else.
//! - [`aws`]: S3, Glue and Athena over real HTTP, against a stand-in that the tests start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrows;
mod athena;
mod aws;
mod bad_input;
mod both;
mod cli;
mod columns;
mod discover;
mod evolve;
mod exactly_once;
mod gc;
mod landing;
mod merge;
mod reading;
mod redrive;
mod rollback;
mod support;
mod truth;
mod verify;
