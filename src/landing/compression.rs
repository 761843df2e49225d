//! An object's bytes without their compression, as a stream: memory does not grow with the object.

use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufReader, Read};

/// How an object is compressed, told by its first bytes: suffixes and headers lie (a stream's file extension setting
/// replaces the suffix while the body stays compressed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain bytes.
    None,
    /// One or several gzip members.
    Gzip,
    /// Recognised, and not read by this version: the object waits.
    Unread(&'static str),
}

impl Compression {
    /// Decides by magic bytes.
    pub fn of(head: &[u8]) -> Self {
        const MAGIC: [(&[u8], Compression); 4] = [
            (&[0x1f, 0x8b], Compression::Gzip),
            (b"PK\x03\x04", Compression::Unread("zip")),
            (b"\x82SNAPPY\0", Compression::Unread("snappy")),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Unread("zstd")),
        ];
        MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map_or(Compression::None, |(_, found)| *found)
    }
}

/// The size of reads from the body.
const READ: usize = 64 * 1024;

/// Compressions inside one another that are undone: a producer that compresses, on a stream that compresses.
const DEPTH: usize = 2;

/// The bytes of `body` without their compression; `name` is the object's, for formats without magic bytes.
///
/// # Errors
/// Unreadable: a compression that is not read. Damage shows later, as an error of reading.
pub fn plain<'a>(body: impl Read + 'a, name: &str) -> Result<Box<dyn Read + 'a>> {
    if name.ends_with(".snappy") || name.ends_with(".hsnappy") {
        return Err(unread("snappy"));
    }
    layer(Box::new(body), DEPTH)
}

fn layer<'a>(mut body: Box<dyn Read + 'a>, depth: usize) -> Result<Box<dyn Read + 'a>> {
    let mut head = Vec::with_capacity(8);
    let read = body.by_ref().take(8).read_to_end(&mut head);
    read.map_err(|e| Error::unreadable(format!("reading failed at its beginning: {e}")).caused_by(e))?;
    let compression = Compression::of(&head);
    let whole = std::io::Cursor::new(head).chain(body);
    match compression {
        Compression::None => Ok(Box::new(whole)),
        Compression::Gzip if depth == 0 => Err(unread("gzip more than twice")),
        Compression::Gzip => layer(Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ, whole))), depth - 1),
        Compression::Unread(name) => Err(unread(name)),
    }
}

fn unread(name: &str) -> Error {
    Error::unreadable(format!("it is compressed with {name}, which this firelake does not read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut out = Vec::new();
        plain(bytes, "x.gz")?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn plain_gzip_and_several_members() {
        assert_eq!(read(b"").unwrap(), b"");
        assert_eq!(read(b"{\"a\":1}\n").unwrap(), b"{\"a\":1}\n");
        assert_eq!(read(&gzip(b"abc")).unwrap(), b"abc");
        assert_eq!(read(&[gzip(b"abc"), gzip(b""), gzip(b"def")].concat()).unwrap(), b"abcdef");
        assert_eq!(read(&gzip(&gzip(b"twice"))).unwrap(), b"twice");
        assert!(read(&gzip(&gzip(&gzip(b"thrice")))).is_err());
        assert!(plain(&b""[..], "x.snappy").is_err());
    }

    #[test]
    fn a_cut_or_damaged_gzip_is_an_error_at_every_length() {
        let whole = gzip(&b"some bytes, some more bytes, some bytes again".repeat(20));
        for length in 8..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut to {length} of {}", whole.len());
        }
        let mut flipped = whole.clone();
        let at = flipped.len() - 6; // in the checksum
        flipped[at] ^= 1;
        assert!(read(&flipped).is_err());
        assert!(read(&[whole, b"trailing".to_vec()].concat()).is_err());
    }

    #[test]
    fn what_is_not_read_yet_says_so() {
        assert!(plain(&b"PK\x03\x04..."[..], "x").err().unwrap().message().contains("zip"));
    }
}
