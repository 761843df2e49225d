//! Zip archives as streams: entries by their local headers, because the list at an archive's end is not there yet.
//!
//! Each entry is checked: its CRC and its size, of the local header or of the data descriptor after it.

use super::{READ, cut, damaged, exactly, only_padding_follows};
use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;
use std::io::{BufRead, Cursor, Read, Result, copy, sink};

/// For messages.
const ARCHIVE: &str = "the zip archive";
/// How a data descriptor begins.
const SIGNATURE: &[u8; 4] = b"PK\x07\x08";

/// The contents of the entries, one after the other, of one archive or of several.
pub(super) struct Entries<R: BufRead> {
    state: State<R>,
    /// The part that was read last is an archive's last one.
    ended: bool,
}

enum State<R: BufRead> {
    Between(Ahead<R>),
    Deflated(DeflateDecoder<Ahead<R>>, Entry),
    Stored(Box<Stored<R>>, Entry),
    /// Failed, or while one state takes the place of another.
    Over,
}

/// What the local header says, and what came out so far.
struct Entry {
    crc: u32,
    size: u64,
    /// Both follow the content, and the header has zeros.
    descriptor: bool,
    /// Sizes have 8 bytes.
    zip64: bool,
    hash: Hasher,
    given: u64,
}

impl<R: BufRead> Entries<R> {
    pub(super) fn new(body: R) -> Self {
        Entries { state: State::Between(Ahead { back: Cursor::default(), body }), ended: false }
    }

    /// Goes on to the next entry; false at the end.
    fn next(&mut self) -> Result<bool> {
        let (mut body, entry) = match std::mem::replace(&mut self.state, State::Over) {
            State::Between(body) => (body, None),
            State::Deflated(content, entry) => (content.into_inner(), Some(entry)),
            State::Stored(content, entry) => (content.into_inner(), Some(entry)),
            State::Over => return Ok(false),
        };
        if let Some(entry) = entry {
            entry.check(&mut body)?;
        }
        if only_padding_follows(&mut body)? {
            return if self.ended { Ok(false) } else { Err(cut(ARCHIVE)) };
        }
        self.ended = false;
        match &exactly::<4>(&mut body, ARCHIVE)? {
            b"PK\x03\x04" => {
                self.state = opened(body)?;
                return Ok(true);
            }
            b"PK\x01\x02" => skip_parts::<42>(&mut body, &[24, 26, 28])?,
            b"PK\x05\x06" => {
                skip_parts::<18>(&mut body, &[16])?;
                self.ended = true;
            }
            b"PK\x06\x06" => {
                let size = u64::from_le_bytes(exactly(&mut body, ARCHIVE)?);
                skip(&mut body, size)?;
            }
            b"PK\x06\x07" => skip(&mut body, 16)?,
            _ => return Err(damaged("a part of the zip archive is not known")),
        }
        self.state = State::Between(body);
        Ok(true)
    }
}

/// The entry of a local header, whose signature is read.
fn opened<R: BufRead>(mut body: Ahead<R>) -> Result<State<R>> {
    let header: [u8; 26] = exactly(&mut body, ARCHIVE)?;
    let (flags, method) = (u16_at(&header, 2), u16_at(&header, 4));
    let [compressed, size] = [u32_at(&header, 14), u32_at(&header, 18)];
    skip(&mut body, u16_at(&header, 22).into())?;
    let mut extra = vec![0; u16_at(&header, 24).into()];
    body.read_exact(&mut extra).map_err(|_| cut(ARCHIVE))?;
    let sizes = zip64(&extra);
    let wide = |small: u32, at: usize| match (small, &sizes) {
        (u32::MAX, Some(sizes)) => sizes.get(at).copied().unwrap_or_default(),
        (small, _) => small.into(),
    };
    let (size, compressed) = (wide(size, 0), wide(compressed, 1));
    if flags & 1 != 0 {
        return Err(damaged("the zip archive is encrypted"));
    }
    let descriptor = flags & 8 != 0;
    let zip64 = sizes.is_some();
    let entry = Entry { crc: u32_at(&header, 10), size, descriptor, zip64, hash: Hasher::new(), given: 0 };
    match method {
        0 => {
            Ok(State::Stored(Box::new(Stored::new(body, (!descriptor || compressed > 0).then_some(compressed))), entry))
        }
        8 => Ok(State::Deflated(DeflateDecoder::new(body), entry)),
        other => Err(damaged(format!("the zip archive has compression method {other}"))),
    }
}

impl<R: BufRead> Read for Entries<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let (read, entry) = match &mut self.state {
                State::Between(_) | State::Over => {
                    if !self.next()? {
                        return Ok(0);
                    }
                    continue;
                }
                State::Deflated(content, entry) => (content.read(out)?, entry),
                State::Stored(content, entry) => (content.read(out, entry)?, entry),
            };
            if read > 0 {
                entry.hash.update(&out[..read]);
                entry.given += read as u64;
                return Ok(read);
            }
            self.next()?;
        }
    }
}

impl Entry {
    /// Reads the data descriptor, where there is one, and compares. Its signature is optional.
    fn check(&self, body: &mut impl BufRead) -> Result<()> {
        if !self.descriptor {
            return self.compare(self.crc, self.size);
        }
        let crc = match exactly::<4>(body, ARCHIVE)? {
            first if first == *SIGNATURE => u32::from_le_bytes(exactly(body, ARCHIVE)?),
            first => u32::from_le_bytes(first),
        };
        let size = match self.zip64 || self.given > u32::MAX.into() {
            true => {
                skip(body, 8)?;
                u64::from_le_bytes(exactly(body, ARCHIVE)?)
            }
            false => {
                skip(body, 4)?;
                u32::from_le_bytes(exactly(body, ARCHIVE)?).into()
            }
        };
        self.compare(crc, size)
    }

    fn compare(&self, crc: u32, size: u64) -> Result<()> {
        match self.hash.clone().finalize() == crc && self.given == size {
            true => Ok(()),
            false => Err(damaged("an entry of the zip archive is not what its checksum says")),
        }
    }
}

/// A stored entry. Where its length is not told, it ends at the data descriptor that fits what came before it.
struct Stored<R> {
    body: Ahead<R>,
    /// What is left of it, where that is known.
    left: Option<u64>,
    /// Where it is not: bytes read ahead, the first `ready` of them known to be content.
    ahead: Vec<u8>,
    ready: usize,
    ended: bool,
}

/// A data descriptor with its signature and 8-byte sizes.
const DESCRIPTOR: usize = 24;

impl<R: BufRead> Stored<R> {
    fn new(body: Ahead<R>, left: Option<u64>) -> Self {
        Stored { body, left, ahead: Vec::new(), ready: 0, ended: false }
    }

    fn read(&mut self, out: &mut [u8], entry: &Entry) -> Result<usize> {
        if let Some(left) = &mut self.left {
            let read = self.body.by_ref().take(*left).read(out)?;
            if read == 0 && *left > 0 {
                return Err(cut(ARCHIVE));
            }
            *left -= read as u64;
            return Ok(read);
        }
        while self.ready == 0 && !self.ended {
            self.look_ahead(entry)?;
        }
        let n = self.ready.min(out.len());
        out[..n].copy_from_slice(&self.ahead[..n]);
        self.ahead.drain(..n);
        self.ready -= n;
        Ok(n)
    }

    /// Finds how much of what is read ahead is content: up to the descriptor, or to where one may begin.
    fn look_ahead(&mut self, entry: &Entry) -> Result<()> {
        let last = self.body.by_ref().take(READ as u64).read_to_end(&mut self.ahead)? < READ;
        let (mut hash, mut hashed) = (entry.hash.clone(), 0);
        for at in memchr::memmem::find_iter(&self.ahead, SIGNATURE) {
            if at + DESCRIPTOR > self.ahead.len() && !last {
                self.ready = at;
                return Ok(());
            }
            hash.update(&self.ahead[hashed..at]);
            hashed = at;
            if describes(&self.ahead[at..], hash.clone().finalize(), entry.given + at as u64) {
                (self.ready, self.ended) = (at, true);
                return Ok(());
            }
        }
        if last {
            return Err(cut(ARCHIVE));
        }
        self.ready = self.ahead.len() - (SIGNATURE.len() - 1);
        Ok(())
    }

    /// The archive from the end of the content on.
    fn into_inner(mut self) -> Ahead<R> {
        self.body.give_back(self.ahead);
        self.body
    }
}

/// Whether a data descriptor begins here that says this of the content before it.
fn describes(descriptor: &[u8], crc: u32, size: u64) -> bool {
    let says = |at: usize, bytes: &[u8]| descriptor.get(at..at + bytes.len()) == Some(bytes);
    let (short, long) = ((size as u32).to_le_bytes(), size.to_le_bytes());
    says(4, &crc.to_le_bytes()) && ((says(8, &short) && says(12, &short)) || (says(8, &long) && says(16, &long)))
}

/// A body that bytes can be given back to.
struct Ahead<R> {
    back: Cursor<Vec<u8>>,
    body: R,
}

impl<R: BufRead> Ahead<R> {
    fn give_back(&mut self, bytes: Vec<u8>) {
        let rest = self.back.fill_buf().unwrap_or_default();
        self.back = Cursor::new([&bytes[..], rest].concat());
    }
}

impl<R: BufRead> Read for Ahead<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        match self.back.read(out)? {
            0 => self.body.read(out),
            read => Ok(read),
        }
    }
}

impl<R: BufRead> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        match self.back.position() < self.back.get_ref().len() as u64 {
            true => self.back.fill_buf(),
            false => self.body.fill_buf(),
        }
    }

    fn consume(&mut self, n: usize) {
        match self.back.position() < self.back.get_ref().len() as u64 {
            true => self.back.consume(n),
            false => self.body.consume(n),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// The sizes of the zip64 field among a header's extra fields: uncompressed, then compressed, where they are told.
fn zip64(mut extra: &[u8]) -> Option<Vec<u64>> {
    while let [a, b, c, d, rest @ ..] = extra {
        let (kind, length) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let field = rest.get(..length)?;
        if kind == 1 {
            let size = |eight: &[u8]| eight.try_into().map(u64::from_le_bytes).unwrap_or_default();
            return Some(field.chunks_exact(8).map(size).collect());
        }
        extra = &rest[length..];
    }
    None
}

fn skip(body: &mut impl Read, bytes: u64) -> Result<()> {
    match copy(&mut body.take(bytes), &mut sink())? == bytes {
        true => Ok(()),
        false => Err(cut(ARCHIVE)),
    }
}

/// Skips a part of fixed size with lengths in it, and what has these lengths.
fn skip_parts<const N: usize>(body: &mut impl Read, lengths: &[usize]) -> Result<()> {
    let part: [u8; N] = exactly(body, ARCHIVE)?;
    skip(body, lengths.iter().map(|at| u64::from(u16_at(&part, *at))).sum())
}
