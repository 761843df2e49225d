//! One file a job: what the command line calls and what tests drive. Jobs bring the modules together; they print nothing.

pub mod catalog;
pub mod compact;
pub mod files;
pub mod gc;
pub mod generate;
pub mod history;
mod listing;
pub mod references;
pub mod status;
pub mod tables;
pub mod verify;
