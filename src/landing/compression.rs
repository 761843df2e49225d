//! An object's bytes without their compression, as a stream: memory does not grow with the object.

mod gzip;
mod snappy;
mod zip;

use crate::error::{Error, Result};
use gzip::Members;
use snappy::{Chunks, Framing};
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};
use zip::Entries;

/// How an object is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain bytes.
    None,
    /// One or several gzip members.
    Gzip,
    /// Zip archives, their entries one after the other.
    Zip,
    /// Snappy as the xerial library for Java frames it.
    XerialSnappy,
    /// Snappy as Hadoop frames it. It has no magic bytes.
    HadoopSnappy,
    /// Snappy's own framing format.
    FramedSnappy,
    /// Zstandard frames.
    Zstd,
    /// Recognised, and not read by this version: the object waits.
    Unread(&'static str),
}

/// What is known of an object besides its bytes, and what is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The object's name, for its suffix.
    pub name: &'a str,
    /// Its Content-Encoding.
    pub encoding: Option<&'a str>,
    /// The most bytes that may come out of a compression.
    pub limit: u64,
}

/// What an object holds without its compression at most, unless told: a few megabytes of gzip can be terabytes.
pub const MAX_DECOMPRESSED: u64 = 4 << 30;

/// The size of reads from the body.
const READ: usize = 64 * 1024;
/// Bytes that every magic fits in.
const HEAD: usize = 10;
/// Compressions inside one another that are undone: a producer that compresses, on a stream that compresses.
const DEPTH: usize = 2;

impl Compression {
    /// Decides by magic bytes, then Content-Encoding, then suffix: the latter two lie (a stream's file extension setting
    /// replaces the suffix while the body stays compressed), so they count only for formats without magic bytes, and only
    /// where the bytes can be that.
    pub fn of(head: &[u8], told: &Told<'_>) -> Self {
        Self::by_magic(head).or_else(|| Self::without_magic(head, told)).unwrap_or(Compression::None)
    }

    fn by_magic(head: &[u8]) -> Option<Self> {
        use Compression::*;
        const MAGIC: [(&[u8], Compression); 11] = [
            (&[0x1f, 0x8b], Gzip),
            (b"PK\x03\x04", Zip),
            (b"PK\x05\x06", Zip), // without entries
            (snappy::XERIAL, XerialSnappy),
            (b"\xff\x06\x00\x00sNaPpY", FramedSnappy),
            (&[0x28, 0xb5, 0x2f, 0xfd], Zstd),
            (b"BZh", Unread("bzip2")),
            (b"\xfd7zXZ\0", Unread("xz")),
            (&[0x04, 0x22, 0x4d, 0x18], Unread("lz4")),
            (b"7z\xbc\xaf\x27\x1c", Unread("7z")),
            (&[0x1f, 0x9d], Unread("compress")),
        ];
        let cut_gzip = head == [0x1f];
        let known = || MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, found)| *found);
        let bzip2_is_text = |found: &Compression| *found != Unread("bzip2") || head.get(4..10) == Some(b"1AY&SY");
        if cut_gzip { Some(Gzip) } else { known().filter(bzip2_is_text) }
    }

    fn without_magic(head: &[u8], told: &Told<'_>) -> Option<Self> {
        let encoding = told.encoding.unwrap_or_default().trim().to_ascii_lowercase();
        let encoding = encoding.rsplit(',').next().unwrap_or_default().trim();
        let hadoop = encoding == "hadoop-snappy" || [".snappy", ".hsnappy"].iter().any(|s| told.name.ends_with(s));
        match encoding {
            _ if is_text(head) => None,
            "br" => Some(Compression::Unread("brotli")),
            "deflate" => Some(Compression::Unread("deflate")),
            // Blocks begin with their length, and none is so long that it begins like a text.
            _ if hadoop && head.first().is_some_and(|first| *first < b'\t') => Some(Compression::HadoopSnappy),
            _ => None,
        }
    }
}

/// Whether JSON objects, or an array of them, begin here.
fn is_text(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let next = head.get(1..).unwrap_or_default().trim_ascii_start().first();
    match head.first() {
        None => true,
        Some(b'{') => matches!(next, None | Some(b'"' | b'}')),
        Some(b'[') => matches!(next, None | Some(b'{' | b']')),
        Some(_) => false,
    }
}

/// The bytes of `body` without their compression.
///
/// # Errors
/// Unreadable: a compression that is not read. Damage shows later, as an error of reading.
pub fn plain<'a>(body: impl Read + 'a, told: &Told<'_>) -> Result<Box<dyn Read + 'a>> {
    layer(Box::new(body), told, DEPTH)
}

fn layer<'a>(mut body: Box<dyn Read + 'a>, told: &Told<'_>, depth: usize) -> Result<Box<dyn Read + 'a>> {
    let mut head = Vec::with_capacity(HEAD);
    body.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(at_its_beginning)?;
    let compression = Compression::of(&head, told);
    let whole = BufReader::with_capacity(READ, Cursor::new(head).chain(body));
    let inside: Box<dyn Read + 'a> = match compression {
        Compression::None => return Ok(Box::new(whole)),
        Compression::Unread(name) => return Err(unread(name)),
        _ if depth == 0 => return Err(unread("more than two compressions inside one another")),
        Compression::Gzip => Box::new(Members::new(whole)),
        Compression::Zip => Box::new(Entries::new(whole)),
        Compression::XerialSnappy => Box::new(Chunks::new(whole, Framing::Xerial)),
        Compression::HadoopSnappy => Box::new(Chunks::new(whole, Framing::Hadoop)),
        Compression::FramedSnappy => Box::new(snap::read::FrameDecoder::new(whole)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(whole).map_err(at_its_beginning)?),
    };
    // A hint is used up by the layer that it was for.
    let told =
        if compression == Compression::HadoopSnappy { Told { name: "", encoding: None, ..*told } } else { *told };
    layer(Box::new(Capped { inside, left: told.limit, limit: told.limit }), &told, depth - 1)
}

/// What reading told, in its own words where they are ours.
fn at_its_beginning(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(told) => told,
        Err(e) => Error::unreadable(format!("reading failed at its beginning: {e}")).caused_by(e),
    }
}

fn unread(name: &str) -> Error {
    Error::unreadable(format!("it is compressed with {name}, which this firelake does not read"))
}

/// Ends with an error where more comes out than is allowed.
struct Capped<R> {
    inside: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return match self.inside.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(std::io::Error::other(self.too_much())),
            };
        }
        let most = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inside.read(&mut out[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R> Capped<R> {
    fn too_much(&self) -> Error {
        let limit = self.limit;
        let limit =
            if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
        Error::unreadable(format!("without its compression it is larger than {limit}, which is max_decompressed"))
    }
}

/// The next bytes of a compressed format; `what` is cut where they are not all there.
fn exactly<const N: usize>(from: &mut impl Read, what: &str) -> std::io::Result<[u8; N]> {
    let mut piece = [0; N];
    from.read_exact(&mut piece).map_err(|e| if e.kind() == ErrorKind::UnexpectedEof { cut(what) } else { e })?;
    Ok(piece)
}

fn cut(what: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::UnexpectedEof, format!("{what} is cut"))
}

/// Skips zero bytes; true where nothing follows them.
fn only_padding_follows(from: &mut impl BufRead) -> std::io::Result<bool> {
    loop {
        let buffer = from.fill_buf()?;
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let (all, ended) = (zeros == buffer.len(), buffer.is_empty());
        from.consume(zeros);
        if ended || !all {
            return Ok(ended);
        }
    }
}

fn damaged(what: impl Into<String>) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests;
