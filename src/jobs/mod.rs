//! jobs

pub mod generate;
