//! One file a job: what the command line calls and what tests drive. Jobs bring the modules together; they print nothing.

pub mod catalog;
pub mod change;
pub mod compact;
pub mod discover;
pub mod evolve;
pub mod expire;
pub mod files;
pub mod gc;
pub mod generate;
pub mod history;
mod listing;
pub mod merge;
pub mod rebuild;
pub mod redrive;
pub mod references;
pub mod resume;
pub mod rollback;
pub mod status;
pub mod tables;
mod tail;
pub mod verify;
