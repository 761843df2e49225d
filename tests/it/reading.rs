//! Whatever Firehose delivers: every compression, framing and kind of damage, and what becomes of each record.

mod checks;
mod fuzz;
mod json;
mod lands;
mod matrix;
mod text;
