use super::*;
use pack::*;
use proptest::prelude::*;

#[path = "../../../tests/it/support/pack.rs"]
mod pack;

const TOLD: Told<'_> = Told { name: "x", encoding: None, limit: 1 << 20 };

fn read_as(bytes: &[u8], told: Told<'_>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut plain = plain(bytes, &told).map_err(|e| e.to_string())?;
    plain.read_to_end(&mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
    read_as(bytes, Told { name: "x.snappy", ..TOLD })
}

#[test]
fn all_of_them_at_every_size_and_two_inside_one_another() {
    let json = b"{\"a\":\"some bytes, some more bytes\"}\n".repeat(6000);
    for size in [0, 1, 2, 9, 10, 11, 99, 100, 101, READ - 1, READ, READ + 1, json.len()] {
        for (name, compress) in PACKS {
            assert!(read(&compress(&json[..size])).unwrap() == json[..size], "{name}, {size} bytes");
        }
    }
    for ((outer, first), (inner, second)) in PACKS.iter().flat_map(|a| PACKS.iter().map(move |b| (a, b))) {
        if [*outer, *inner] != ["hadoop", "hadoop"] {
            assert!(read(&first(&second(&json[..5000]))).unwrap() == json[..5000], "{inner} inside {outer}");
        }
    }
    assert!(read(&gzip(&gzip(&gzip(b"thrice")))).unwrap_err().contains("more than two"));
}

#[test]
fn members_padding_and_archives_that_follow_one_another() {
    assert_eq!(read(&[gzip(b"abc"), gzip(b""), gzip(b"def")].concat()).unwrap(), b"abcdef");
    assert_eq!(read(&[gzip(b"abc"), vec![0; 100_000]].concat()).unwrap(), b"abc");
    assert_eq!(read(&[gzip(b"abc"), vec![0; 512], gzip(b"def"), vec![0]].concat()).unwrap(), b"abcdef");
    assert_eq!(read(&[zstd(b"abc"), zstd(b"def")].concat()).unwrap(), b"abcdef");
    assert_eq!(read(&[xerial(b"abc"), xerial(b"def")].concat()).unwrap(), b"abcdef");
    assert_eq!(read(&[zip(b"abc", true, true), zip(b"def", false, true)].concat()).unwrap(), b"abcdef");
    let several =
        [zip_entry(b"abc", false, true), zip_entry(b"", false, true), zip_entry(b"def", true, false), zip_directory()];
    assert_eq!(read(&several.concat()).unwrap(), b"abcdef");
    assert_eq!(read(&zip_directory()[52..]).unwrap(), b"");
}

#[test]
fn a_stored_entry_that_holds_descriptors_ends_at_its_own() {
    let inner = zip(b"{}", false, true);
    for size in [1, READ - 30, READ - 24, READ - 4, READ - 1, READ, 3 * READ] {
        let text = [vec![b'a'; size], inner.clone(), b"PK\x07\x08".to_vec(), inner.clone()].concat();
        assert!(read(&zip(&text, false, true)).unwrap() == text, "{size}");
    }
}

#[test]
fn a_cut_or_damaged_object_is_an_error_at_every_length() {
    let json = b"{\"a\":\"some bytes, some more bytes, some bytes again\"}".repeat(20);
    for (name, compress) in &PACKS[1..] {
        let whole = compress(&json);
        for length in 1..whole.len() {
            let read = read(&whole[..length]);
            // Nobody can tell a cut between two chunks; what is cut in its magic bytes is some bytes that are no JSON.
            let whole_as_it_is = read.as_ref().is_ok_and(|read| json.starts_with(read) && read.len() < json.len());
            let between_chunks = ["xerial", "hadoop", "framed"].contains(name) && whole_as_it_is;
            let not_recognised = length < HEAD && *name != "gzip";
            assert!(read.is_err() || between_chunks || not_recognised, "{name} cut to {length}");
        }
    }
    let whole = gzip(&json);
    let mut flipped = whole.clone();
    let at = flipped.len() - 6; // in the checksum
    flipped[at] ^= 1;
    assert!(read(&flipped).is_err());
    assert!(read(&[whole, b"trailing".to_vec()].concat()).is_err());
    let mut archive = zip(&json, false, false);
    archive[60] ^= 1;
    assert!(read(&archive).unwrap_err().contains("checksum"));
}

#[test]
fn magic_bytes_first_then_the_encoding_then_the_suffix() {
    let (json, packed) = (b"{\"a\":1}\n".to_vec(), hadoop(b"{\"a\":1}\n"));
    let told = |encoding, name| Told { encoding, name, ..TOLD };
    for (bytes, told) in [
        (&packed, told(Some("hadoop-snappy"), "x")),
        (&packed, told(Some("identity, Hadoop-Snappy "), "x.gz")),
        (&packed, told(None, "x.hsnappy")),
        (&xerial(&json), told(Some("hadoop-snappy"), "x.gz")),
        (&gzip(&json), told(Some("hadoop-snappy"), "x.snappy")),
        (&gzip(&json), told(None, "x.json")),
        (&json, told(Some("gzip"), "x.gz")),
        (&json, told(Some("hadoop-snappy"), "x.snappy")),
        (&json, told(Some("aws-chunked"), "x.zip")),
        (&json, told(Some("br"), "x")),
    ] {
        assert_eq!(read_as(bytes, told), Ok(json.clone()), "{told:?}");
    }
    assert_ne!(read_as(&packed, told(None, "x")), Ok(json));
}

#[test]
fn what_is_not_read_says_so() {
    let told = |bytes: &[u8], encoding| read_as(bytes, Told { encoding, ..TOLD }).unwrap_err();
    assert!(told(b"BZh91AY&SY....", None).contains("bzip2"));
    assert!(told(b"\xfd7zXZ\0....", None).contains("xz"));
    assert!(told(b"\x0b\x02\x80", Some("br")).contains("brotli"));
    assert_eq!(read(b"BZh is no bzip2").unwrap(), b"BZh is no bzip2");
    let mut encrypted = zip(b"{}", true, false);
    encrypted[6] = 1;
    assert!(told(&encrypted, None).contains("encrypted"));
    let mut method = zip(b"{}", true, false);
    method[8] = 12;
    assert!(told(&method, None).contains("method 12"));
}

#[test]
fn more_than_the_limit_is_an_error_with_that_reason() {
    let limit = 1000;
    for (name, compress) in &PACKS[1..] {
        let told = Told { limit, name: "x.snappy", encoding: None };
        assert_eq!(read_as(&compress(&[b'a'; 1000]), told).unwrap().len(), 1000, "{name}");
        let error = read_as(&compress(&[b'a'; 1001]), told).unwrap_err();
        assert!(error.contains("larger than 1000 bytes, which is max_decompressed"), "{name}: {error}");
    }
    // also of what is only on the way to the content
    let nothing = gzip(b"").repeat(100);
    assert!(read_as(&gzip(&nothing), Told { limit, ..TOLD }).unwrap_err().contains("larger"));
    // what is not compressed has no limit: nothing grows
    assert_eq!(read_as(&[b'a'; 1001], Told { limit, ..TOLD }).unwrap().len(), 1001);
}

#[test]
fn a_length_that_cannot_be_takes_no_memory() {
    for bytes in [
        [&XERIAL[..], &be(1), &be(1), &be(1 << 30)].concat(),
        [&XERIAL[..], &be(1), &be(1), &be(5), b"\xff\xff\xff\xff\x0f"].concat(),
        [&be(10)[..], &be(0x7fff_ffff)].concat(),
    ] {
        assert!(read(&bytes).unwrap_err().contains("snappy chunk says"), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), which in 0..PACKS.len(), at in any::<prop::sample::Index>()) {
        let mut damaged = PACKS[which].1(&bytes);
        if !damaged.is_empty() {
            let at = at.index(damaged.len());
            damaged[at] = damaged[at].wrapping_add(bytes.len() as u8);
        }
        let _any = read(&damaged);
    }
}
