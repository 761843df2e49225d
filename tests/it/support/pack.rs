//! Every compression that an object may land in, made here. Also included by the unit tests of `landing::compression`.

use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::Write;

/// What compresses.
pub type Pack = fn(&[u8]) -> Vec<u8>;

/// All of them, by name. Those without magic bytes are known by the name `x.snappy`.
pub const PACKS: [(&str, Pack); 10] = [
    ("none", <[u8]>::to_vec),
    ("gzip", gzip),
    ("zstd", zstd),
    ("xerial", xerial),
    ("hadoop", hadoop),
    ("framed", framed),
    ("zip", |bytes| zip(bytes, true, false)),
    ("zip, descriptor", |bytes| zip(bytes, true, true)),
    ("zip, stored", |bytes| zip(bytes, false, false)),
    ("zip, stored, descriptor", |bytes| zip(bytes, false, true)),
];

/// The first bytes of a xerial stream.
pub const XERIAL: &[u8; 8] = b"\x82SNAPPY\0";

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn raw_snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// A length, big-endian.
pub fn be(n: usize) -> [u8; 4] {
    (n as u32).to_be_bytes()
}

pub fn xerial(bytes: &[u8]) -> Vec<u8> {
    let mut out = [&XERIAL[..], &be(1), &be(1)].concat();
    for chunk in bytes.chunks(40) {
        let chunk = raw_snappy(chunk);
        out.extend([&be(chunk.len())[..], &chunk].concat());
    }
    out
}

pub fn hadoop(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in bytes.chunks(100) {
        out.extend(be(block.len()));
        for chunk in block.chunks(40) {
            let chunk = raw_snappy(chunk);
            out.extend([&be(chunk.len())[..], &chunk].concat());
        }
    }
    out
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

/// One entry of a zip archive.
pub fn zip_entry(bytes: &[u8], deflated: bool, descriptor: bool) -> Vec<u8> {
    let mut content = bytes.to_vec();
    if deflated {
        let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        content = encoder.finish().unwrap();
    }
    let crc = crc32fast::hash(bytes).to_le_bytes();
    let sizes = [(content.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes()].concat();
    let (flags, method) = (if descriptor { 8 } else { 0 }, if deflated { 8 } else { 0 });
    let mut out = b"PK\x03\x04\x14\0".to_vec();
    out.extend([flags, 0, method, 0, 1, 2, 3, 4]);
    let told = [&crc[..], &sizes].concat();
    out.extend(if descriptor { vec![0; 12] } else { told.clone() });
    out.extend(b"\x01\0\x05\0e\x99\x99\x01\0x"); // a name, an extra field
    out.extend(content);
    if descriptor {
        out.extend([b"PK\x07\x08".to_vec(), told].concat());
    }
    out
}

/// The list at the end of an archive, for a reader that skips it.
pub fn zip_directory() -> Vec<u8> {
    let mut out = [&b"PK\x01\x02"[..], &[0; 24], &[1, 0, 2, 0, 3, 0], &[0; 12], b"nexcom"].concat();
    out.extend([&b"PK\x05\x06"[..], &[0; 16], &[2, 0], b"co"].concat());
    out
}

pub fn zip(bytes: &[u8], deflated: bool, descriptor: bool) -> Vec<u8> {
    [zip_entry(bytes, deflated, descriptor), zip_directory()].concat()
}
