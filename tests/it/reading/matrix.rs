//! Every compression × framing × shipped schema gives the same rows, whatever the size of the object.

use crate::support::pack::{PACKS, be, hadoop};
use crate::support::rows::{Row, rows};
use chrono::{DateTime, Utc};
use firelake::decode::{Decoded, Decoder, ObjectCounts};
use firelake::landing::compression::{Told, plain};
use firelake::table::{TableSchema, shipped_schema, shipped_schemas};
use std::io::Read;

/// Records as each shipped schema's producer writes them: what is common, what is odd, what does not fit.
fn records(schema: &str) -> Vec<String> {
    let record = |at: usize| {
        let (minute, agent) = (at / 60 % 60, "Mozilla/5.0 (X11; Linux) \\\"é\\\" {\\\"a\\\":1} ".repeat(at % 7));
        let (time, size) = (format!("20/Nov/2026:03:{minute:02}:{:02} +0100", at % 60), at * 977);
        match schema {
            "apache_json" => format!(
                r#"{{ "request_time":"[{time}]", "client_ip":"10.0.0.{}", "request":"/a?b={at}", "http_method":"GET", "status":"200", "size":"{size}", "userAgent":"{agent}", "more":[{{"n":{at}}},[]] }}"#,
                at % 256
            ),
            "aws_waf" => format!(
                r#"{{"timestamp":{},"action":"ALLOW","httpRequest":{{"clientIp":"10.0.0.{}","headers":[{{"name":"User-Agent","value":"{agent}"}},{{"name":"n"}}],"uri":"/{at}","more":{{}}}},"captchaResponse":{{"responseCode":{at}}}}}"#,
                1_795_143_600_000 + at * 1000,
                at % 256
            ),
            "cloudwatch_logs" => format!(
                r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/g","logStream":"s","subscriptionFilters":["a","b"],"logEvents":[{{"id":"{at}","timestamp":{},"message":"{{\"level\":\"INFO\",\"n\":[{at},{{}}],\"took\":\"{}\"}}"}}, {{"id":"{at}b","message":"{agent}"}}]}}"#,
                1_795_143_600_000 + at * 1000,
                "text ".repeat(at % 50)
            ),
            _ => format!(
                r#"{{"host":"10.0.0.{}","ident":null,"authuser":null,"datetime":"{time}","request":"GET /a?b={at} HTTP/1.1","response":"200","bytes":"{size}","referer":null,"agent":"{agent}","n":{{"n":[{at},{{}}]}}}}"#,
                at % 256
            ),
        }
    };
    (0..1100).map(record).collect()
}

/// The same records in another framing. Only what is between records differs, or white space inside them.
type Framing = (&'static str, fn(&[String]) -> String);

const FRAMINGS: [Framing; 10] = [
    ("lines", |records| records.join("\n") + "\n"),
    ("no last newline", |records| records.join("\n")),
    ("CRLF", |records| records.join("\r\n") + "\r\n"),
    ("nothing", |records| records.concat()),
    ("white space", |records| records.join(" \t\n\n ")),
    ("array", |records| format!("[{}]", records.join(","))),
    ("array of lines", |records| format!("[\n{}\n]\n", records.join(",\n"))),
    ("BOM and padding", |records| format!("\u{feff}{}\0\0\0\0\n", records.join("\0"))),
    ("comma after each", |records| records.iter().map(|record| format!("{record},\n")).collect()),
    ("mixed", |records| {
        let mixed = |(at, group): (usize, &[String])| match at % 4 {
            0 => group.concat(),
            1 => format!("\u{feff}{}\r\n", group.join("\r\n")),
            2 => format!("[{}]", group.join(" , ")),
            _ => group.iter().map(|record| format!("{{\n  {}\n}}\n", &record[1..record.len() - 1])).collect(),
        };
        records.chunks(7).enumerate().map(mixed).collect()
    }),
];

/// Reads `object` some bytes at a time.
fn read(decoder: &mut Decoder, object: &[u8], step: usize) -> (Vec<Row>, ObjectCounts) {
    struct Slow<'a>(&'a [u8], usize);
    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0.by_ref().take(self.1 as u64).read(out)
        }
    }
    let delivered: DateTime<Utc> = "2026-11-20T03:00:00Z".parse().unwrap();
    let told = Told { name: "x.snappy", encoding: None, limit: 1 << 30 };
    let mut rows_read = Vec::new();
    let mut body = plain(Slow(object, step), &told).unwrap();
    let counts = decoder.decode(&mut *body, delivered, &mut |decoded| {
        match decoded {
            Decoded::Rows(batch) => rows_read.extend(rows(&batch.batch)),
            Decoded::Rejected(chunk) => panic!("rejected: {chunk:?}"),
        }
        Ok(())
    });
    (rows_read, counts.unwrap())
}

fn shipped(name: &str) -> Decoder {
    Decoder::new(&TableSchema::parse(name, name, shipped_schema(name).unwrap()).unwrap()).unwrap()
}

#[test]
fn every_compression_framing_and_shipped_schema_gives_the_same_rows() {
    for name in shipped_schemas() {
        let (mut decoder, records) = (shipped(name), records(name));
        let (expected, _) = read(&mut decoder, FRAMINGS[0].1(&records).as_bytes(), usize::MAX);
        let events = if name == "cloudwatch_logs" { 2 } else { 1 };
        assert_eq!(expected.len(), events * records.len());
        for (framing, frame) in FRAMINGS {
            let object = frame(&records);
            // beyond the size of reads, so that records are split between them
            assert!(object.len() > 256 * 1024 + 50_000, "{}", object.len());
            for (compression, pack) in PACKS {
                let (rows, counts) = read(&mut decoder, &pack(object.as_bytes()), 100_003);
                assert!(rows == expected, "{name}, {framing}, {compression}");
                assert_eq!((counts.bytes, counts.repaired), (object.len() as u64, 0));
            }
        }
    }
}

/// Objects of every size around what is read at a time, so that the last record ends before, at and after that place.
#[test]
fn an_object_of_any_size() {
    const CHUNK: usize = 256 * 1024;
    let (mut decoder, all) = (shipped("combined_apache"), records("combined_apache"));
    let (expected, _) = read(&mut decoder, all.concat().as_bytes(), usize::MAX);
    let whole: String = all.concat();
    let mut ends: Vec<usize> = all.iter().scan(0, |end, record| Some((*end += record.len(), *end).1)).collect();
    ends.insert(0, 0);
    for size in [0, 1, 2].into_iter().chain(CHUNK - 3..CHUNK + 3).chain([2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1]) {
        let records = ends.iter().filter(|end| **end <= size).count() - 1;
        // padded to the size with white space
        let object = format!("{}{}", &whole[..ends[records]], " ".repeat(size - ends[records]));
        for step in [usize::MAX, 4093] {
            let (rows, counts) = read(&mut decoder, object.as_bytes(), step);
            assert!(rows == expected[..records], "{size}");
            assert_eq!(counts.bytes, object.len() as u64);
        }
    }
}

/// A record is split at each of its bytes by the end of what is read at a time.
#[test]
fn a_record_split_at_every_byte() {
    const CHUNK: usize = 256 * 1024;
    let (mut decoder, all) = (shipped("apache_json"), records("apache_json"));
    let record = &all[3];
    let (expected, _) = read(&mut decoder, format!("{record}{record}").as_bytes(), usize::MAX);
    for before in CHUNK - record.len() - 1..CHUNK + 1 {
        let object = format!("{}{record}{record}", " ".repeat(before));
        assert!(read(&mut decoder, object.as_bytes(), usize::MAX).0 == expected, "{before}");
    }
}

/// What Hadoop writes in one call is one block of several chunks.
#[test]
fn a_hadoop_block_of_many_chunks() {
    let (mut decoder, all) = (shipped("combined_apache"), records("combined_apache"));
    let text = all.concat();
    let mut object = be(text.len()).to_vec();
    for chunk in text.as_bytes().chunks(200_000) {
        // a block of one chunk, without its own length
        let one = snap::raw::Encoder::new().compress_vec(chunk).unwrap();
        object.extend([&be(one.len())[..], &one].concat());
    }
    object.extend(hadoop(all[0].as_bytes()));
    assert_eq!(read(&mut decoder, &object, 100_003).0.len(), all.len() + 1);
}
