//! Landed objects: listing them, what their keys say, and their bytes without compression.

pub mod compression;
mod key;
mod list;
mod local;

pub use key::{delivery_time, has_date_folders};
pub use list::{LandedObject, head, list};
pub use local::LocalBody;
