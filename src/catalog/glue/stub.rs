//! A server of a few lines for answers that the stand-in does not give.
pub(super) struct Stub;
