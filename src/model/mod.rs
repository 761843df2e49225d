//! The model test: random sequences of what may happen to a table, against what must hold after every step.
//!
//! The jobs are the product's own, on a store in memory ([`store`]) and a catalog that promises as little as Glue
//! ([`catalog`]). Each job is a process that stops before every operation that others could see ([`gate`]); a script says who
//! goes on, and how the operation ends: done, refused, done with its answer lost, landing later, or with the process dead.
//! After every operation [`check`] compares what is there with what a plain fold of the commits, written anew in [`truth`],
//! says: I1 to I6. A sequence ends with one run after all is mended: then everything is compacted and published.
//!
//! ```text
//! cargo test --lib model                                                        hundreds of sequences: a part of every test run
//! FIRELAKE_SEQUENCES=10000 cargo test --release --lib model::random -- --ignored    the long run
//! ```

mod catalog;
mod check;
mod exhaustive;
mod gate;
mod process;
mod random;
mod script;
mod store;
mod truth;
mod world;
