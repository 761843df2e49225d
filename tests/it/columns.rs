//! What columns can be: nested ones, partitions by a column's value, what the shipped schemas make of their producers'
//! records, envelopes of CloudWatch Logs.

pub mod by_value;
mod evolved;
pub mod nested;
pub mod shipped;
