//! Landed objects: listing them, what their keys say, and their bytes without compression.

pub mod compression;
mod folders;
mod key;
mod list;
mod local;
mod survey;

pub use folders::{Bound, layout};
pub use key::{below, said_time};
pub use list::{LandedObject, head, like_named, list};
pub use local::LocalBody;
