//! Snappy in the two framings that Firehose writes: chunks of raw snappy after their lengths, big-endian.

use super::{cut, damaged, exactly};
use snap::raw::{Decoder, decompress_len};
use std::io::{BufRead, Error, Read, Result};

/// The first bytes of a xerial stream.
pub(super) const XERIAL: &[u8; 8] = b"\x82SNAPPY\0";

/// For messages.
const HEADER: &str = "a header of its snappy";

/// A chunk is 32 to 256 KB; a length beyond this is damage, and no memory is taken for it.
const MAX_CHUNK: usize = 32 << 20;

/// What stands before the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A header of 16 bytes, which may come again, then chunks.
    Xerial,
    /// Blocks: the length of what the block's chunks give, then chunks until it is reached.
    Hadoop,
}

/// The bytes of the chunks.
pub(super) struct Chunks<R> {
    body: R,
    framing: Framing,
    /// What this block's chunks still have to give.
    left: usize,
    compressed: Vec<u8>,
    chunk: Vec<u8>,
    given: usize,
}

impl<R: BufRead> Chunks<R> {
    pub(super) fn new(body: R, framing: Framing) -> Self {
        Chunks { body, framing, left: 0, compressed: Vec::new(), chunk: Vec::new(), given: 0 }
    }

    /// Decodes one more chunk; false at the end.
    fn next(&mut self) -> Result<bool> {
        let length = match self.framing {
            Framing::Xerial => self.xerial_length()?,
            Framing::Hadoop => self.hadoop_length()?,
        };
        let Some(length) = length else { return Ok(false) };
        self.read_compressed(length)?;
        let size = decompress_len(&self.compressed).map_err(damage)?;
        // A copy of 64 bytes takes 2: a larger claim is not read, and no memory is taken for it.
        if size > MAX_CHUNK || size > length.saturating_mul(64) {
            return Err(damaged(format!("a snappy chunk says that it holds {size} bytes")));
        }
        self.chunk.resize(size, 0);
        self.given = 0;
        Decoder::new().decompress(&self.compressed, &mut self.chunk).map_err(damage)?;
        match self.framing {
            Framing::Xerial => {}
            Framing::Hadoop if size > self.left || size == 0 => {
                return Err(damaged("the chunks of a snappy block do not give its length"));
            }
            Framing::Hadoop => self.left -= size,
        }
        Ok(true)
    }

    fn read_compressed(&mut self, length: usize) -> Result<()> {
        if length > MAX_CHUNK {
            return Err(damaged(format!("a snappy chunk says that it is {length} bytes long")));
        }
        self.compressed.clear();
        match self.body.by_ref().take(length as u64).read_to_end(&mut self.compressed)? == length {
            true => Ok(()),
            false => Err(cut("a snappy chunk")),
        }
    }

    fn xerial_length(&mut self) -> Result<Option<usize>> {
        while let Some(length) = self.length()? {
            if length.to_be_bytes() != XERIAL[..4] {
                return Ok(Some(length as usize));
            }
            // The rest of the header: of the magic, then two version numbers.
            let header: [u8; 12] = exactly(&mut self.body, HEADER)?;
            if header[..4] != XERIAL[4..] {
                return Err(damaged("a snappy header is damaged"));
            }
        }
        Ok(None)
    }

    fn hadoop_length(&mut self) -> Result<Option<usize>> {
        while self.left == 0 {
            match self.length()? {
                Some(block) => self.left = block as usize,
                None => return Ok(None),
            }
        }
        self.length()?.map(|length| Some(length as usize)).ok_or_else(|| cut("a snappy block"))
    }

    /// The next four bytes; `None` at the end.
    fn length(&mut self) -> Result<Option<u32>> {
        match self.body.fill_buf()?.is_empty() {
            true => Ok(None),
            false => exactly(&mut self.body, HEADER).map(|bytes| Some(u32::from_be_bytes(bytes))),
        }
    }
}

fn damage(error: snap::Error) -> Error {
    damaged(format!("its snappy is damaged: {error}"))
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        while self.given == self.chunk.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let n = out.len().min(self.chunk.len() - self.given);
        out[..n].copy_from_slice(&self.chunk[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
