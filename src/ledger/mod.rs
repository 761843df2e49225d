//! The ledger: what is true of a table (I4). Dense numbered commits, one conditional create each; a snapshot is their fold.
//!
//! - [`Commit`]: one change, whole: inputs, outputs and counts together. `docs/ledger.md` describes its JSON.
//! - [`Snapshot`]: the fold of all commits up to one.
//! - [`Ledger`]: loads the head (the newest checkpoint, then the commits since; of compacted inputs all, or those that are asked for: [`Compacted`]), appends with read-back and rebase. Outcomes are values: [`Appended`].
//! - [`conflict`]: which winner makes my commit wrong. Pure.

mod all;
mod as_of;
mod brought;
mod checkpoint;
mod commit;
mod compacted;
mod conflict;
mod load;
mod snapshot;
mod store;

pub use as_of::AsOf;
pub use commit::{Action, ColumnStats, Commit, Counts, DataFile, Input, PinnedSchema, Pins, Waiting, attempt_of};
pub use compacted::Compacted;
pub use conflict::conflict;
pub use snapshot::{CompactedInput, LiveFile, Snapshot};
pub use store::{Appended, Ledger};
