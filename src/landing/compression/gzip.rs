//! Gzip of several members, and with padding after them.

use super::only_padding_follows;
use flate2::bufread::GzDecoder;
use std::io::{BufRead, Read, Result};

/// Members one after the other. Zero bytes between and after them are padding, as for `gzip` itself; anything else there is
/// damage.
pub(super) struct Members<R> {
    /// `None` only while one takes the place of another.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(body: R) -> Self {
        Members { member: Some(GzDecoder::new(body)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            if only_padding_follows(member.get_mut())? {
                return Ok(0);
            }
            self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}
