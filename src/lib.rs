//! firelake
pub mod error;
pub mod table;
