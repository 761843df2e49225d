//! JSON by the categories of JSONTestSuite: what must be accepted, what must be refused, and what is up to the reader.
//!
//! Each text is tried as a value of a record, between two good records, in lines and without any delimiter.

use arrow::array::AsArray;
use chrono::DateTime;
use firelake::decode::{Decoded, Decoder};
use firelake::table::TableSchema;

/// What became of the record that has a text as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Row,
    Repaired,
    Rejected,
}
use Fate::*;

/// A rejected record's bytes, and why.
type RejectedRecord = (Vec<u8>, String);

/// Reads an object: the column `v` of its rows, what was rejected, and how many rows were repaired.
fn read(text: &[u8]) -> (Vec<Option<String>>, Vec<RejectedRecord>, u64) {
    let schema = "[[column]]\nname = \"v\"\ntype = \"string\"";
    let mut decoder = Decoder::new(&TableSchema::parse("t", "t", schema).unwrap()).unwrap();
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    let counts = decoder.decode(&mut &text[..], DateTime::UNIX_EPOCH, &mut |decoded| {
        match decoded {
            Decoded::Rows(batch) => {
                let values = batch.batch.column(0).as_string::<i32>();
                rows.extend(values.iter().map(|value| value.map(str::to_owned)));
            }
            Decoded::Rejected(chunk) => rejected.push((chunk.raw, chunk.reason.to_string())),
        }
        Ok(())
    });
    let counts = counts.unwrap();
    assert_eq!((counts.records, counts.rejected), ((rows.len() + rejected.len()) as u64, rejected.len() as u64));
    (rows, rejected, counts.repaired)
}

/// The fate of `{"v":<value>}`. Its neighbours must be rows.
fn fate(value: &[u8]) -> (Fate, Option<String>) {
    let record = [b"{\"v\":", value, b"}"].concat();
    let around = [&b"{\"v\":\"first\"}\n"[..], &record, b"\n{\"v\":\"last\"}\n"].concat();
    let (rows, rejected, repaired) = read(&around);
    let shown = String::from_utf8_lossy(&around);
    assert!(rows.first() == Some(&Some("first".into())) && rows.last() == Some(&Some("last".into())), "{shown}");
    match (rows.len(), &rejected[..]) {
        (3, []) => (if repaired == 1 { Repaired } else { Row }, rows[1].clone()),
        (2, rejected) => {
            let raw: Vec<u8> = rejected.iter().flat_map(|(raw, _)| raw.clone()).filter(|b| *b != b'\n').collect();
            let all: Vec<u8> = record.iter().copied().filter(|b| *b != b'\n').collect();
            assert!(raw == all && rejected.iter().all(|(_, reason)| !reason.is_empty()), "{shown}: {rejected:?}");
            (Rejected, None)
        }
        _ => panic!("{shown}: {rows:?} {rejected:?}"),
    }
}

fn check(expected: Fate, values: &[&[u8]]) {
    for value in values {
        assert_eq!(fate(value).0, expected, "{}", String::from_utf8_lossy(value));
    }
}

/// `y_`: every parser must accept it.
#[test]
fn what_is_json_is_accepted() {
    check(
        Row,
        &[
            b"[[]   ]",
            b"[]",
            b"[\"\"]",
            b"[false]",
            b"[null, 1, \"1\", {}]",
            b"[1\n]",
            b" [1]",
            b"[1,null,null,null,2]",
            b"[2] ",
            b"0e1",
            b"0e+1",
            b"[123e65]",
            b"-0",
            b"-123",
            b"-1",
            b"-0.0",
            b"1E22",
            b"1E-2",
            b"1E+2",
            b"123e45",
            b"123.456e78",
            b"1e-2",
            b"1e+2",
            b"123.456789",
            b"20e1",
            b" 4",
            b"-0.000000000000000000000000000000000000000000000000000000000000001",
            b"{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
            b"{\"a\":\"b\",\"a\":\"c\"}",
            b"{\"a\":\"b\",\"a\":\"b\"}",
            b"{}",
            b"{\"\":0}",
            b"{\"foo\\u0000bar\": 42}",
            b"{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
            b"{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxx\"}]}",
            b"{\"a\":[]}",
            b"{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }",
            b"{\n\"a\": \"b\"\n}",
            b"\"\\u0060\\u012a\\u12AB\"",
            b"\"\\uD801\\udc37\"",
            b"\"\\ud83d\\ude39\\ud83d\\udc8d\"",
            b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
            b"\"\\\\u0000\"",
            b"\"\\\"\"",
            b"\"a/*b*/c/*d//e\"",
            b"\"\\\\a\"",
            b"\"\\\\n\"",
            b"\"\\u0012\"",
            b"\"\\uFFFF\"",
            b"\"asd\"",
            b"\"\\uDBFF\\uDFFF\"",
            b"\"new\\u00A0line\"",
            "\"\u{10ffff}\"".as_bytes(),
            "\"\u{ffff}\"".as_bytes(),
            b"\"\\u0000\"",
            b"\"\\u002c\"",
            "\"π\"".as_bytes(),
            b"\"asd \"",
            b"\" \"",
            "\"\u{2028}\u{2029}\"".as_bytes(),
            b"\"\\u0821\"",
            b"\"\\u0022\"",
            "\"€𝄞\"".as_bytes(),
            b"\"\\uD834\\uDd1e\"",
            b"\"\x7f\"",
            b"\"aa\"",
            b"false",
            b"42",
            b"-0.1",
            b"null",
            b"true",
            b"\"\"",
            b"[\"a\"]\n",
            b"[true]",
            b" [] ",
        ],
    );
}

/// `n_`: every parser must refuse it.
#[test]
fn what_is_no_json_is_refused() {
    check(
        Rejected,
        &[
            b"[1 true]",
            b"[\"\": 1]",
            b"[\"\"],",
            b"[,1]",
            b"[1,,2]",
            b"[\"x\",,]",
            b"[\"x\"]]",
            b"[\"\",]",
            b"[\"x\"",
            b"[x",
            b"[3[4]]",
            b"[1:2]",
            b"[,]",
            b"[   , \"\"]",
            b"[\"a\",\n4\n,1,",
            b"[1,]",
            b"[1,,]",
            b"[*]",
            b"[\"\"",
            b"[1,",
            b"[1,\n1\n,1",
            b"[{}",
            b"[fals]",
            b"[nul]",
            b"[tru]",
            b"[++1234]",
            b"[+1]",
            b"[+Inf]",
            b"[-01]",
            b"[-1.0.]",
            b"[-2.]",
            b"[-NaN]",
            b"[.-1]",
            b"[.2e-3]",
            b"[0.1.2]",
            b"[0.3e+]",
            b"[0.3e]",
            b"[0.e1]",
            b"[0E+]",
            b"[0E]",
            b"[0e+]",
            b"[0e]",
            b"[1.0e+]",
            b"[1.0e-]",
            b"[1.0e]",
            b"[1 000.0]",
            b"[1eE2]",
            b"[2.e+3]",
            b"[2.e-3]",
            b"[9.e+]",
            b"[Inf]",
            b"[NaN]",
            b"[1+2]",
            b"[0x1]",
            b"[0x42]",
            b"[Infinity]",
            b"[0e+-1]",
            b"[-123.123foo]",
            b"[-Infinity]",
            b"[-foo]",
            b"[- 1]",
            b"[-012]",
            b"[-.123]",
            b"[-1x]",
            b"[1ea]",
            b"[1e]",
            b"[1.]",
            b"[.123]",
            b"[1.2a-3]",
            b"[1.8011670033376514H-308]",
            b"[012]",
            "[１]".as_bytes(),
            b"[\"x\", truth]",
            b"{[: \"x\"}",
            b"{\"x\", null}",
            b"{\"x\"::\"b\"}",
            b"{key: 'value'}",
            b"{\"a\":\"a\" 123}",
            b"{\"a\" b}",
            b"{:\"b\"}",
            b"{\"a\":\"b\",,\"c\":\"d\"}",
            b"{\"a\"}",
            b"{1:1}",
            b"{9999E9999:1}",
            b"{null:null,null:null}",
            b"{\"id\":0,,,,,}",
            b"{'a':0}",
            b"{\"id\":0,}",
            b"{\"a\":\"b\"}/**/",
            b"{\"a\":\"b\"}/",
            b"{\"a\":\"b\"}#",
            b"{a: \"b\"}",
            b"{\"a\":\"a",
            b"{ \"foo\" : \"bar\", \"a\" }",
            b" ",
            b"[\"\\uD800\\u\"]",
            b"[\"\\uD800\\u1\"]",
            b"[\"\\uD800\\u1x\"]",
            "[é]".as_bytes(),
            b"[\"\\x\"]",
            b"[\"\\\\\\\"]",
            "[\"\\🌀\"]".as_bytes(),
            b"[\"\\\"]",
            b"[\"\\u00A\"]",
            b"[\"\\uD834\\uDd\"]",
            b"[\"\\a\"]",
            b"[\"\\uqqqq\"]",
            b"[\\u0020\"asd\"]",
            b"[\\n]",
            b"\"",
            b"['single quote']",
            b"abc",
            b"[\"\\",
            b"\"\"x",
            b"<.>",
            b"[<null>]",
            b"aA",
            b"1]",
            b"[][]",
            b"]",
            b"{\"a\": true} \"x\"",
            b"[\"asd]",
            "å".as_bytes(),
            b"[True]",
            b"\x0c[]",
            b"[\x0c]",
            b"1 2",
            b"True",
            b"nan",
            b"\xE2\x81\xA0",
            b"[1]x",
            b"*",
            b"[\"a\xe5\"",
            b"undefined",
            b"",
            b"\"\\\x00\"",
            b"[\"\\\t\"]",
            b"[\\x41]",
        ],
    );
}

/// What web servers write is repaired; what is left of a surrogate pair and what is not UTF-8 becomes U+FFFD.
#[test]
fn what_is_repaired() {
    for (value, expected) in [
        (&b"\"\\x41\\xc3\\xa9\\xe9\""[..], Some("Aéé")),
        (b"\"\\v\"", Some("\u{b}")),
        (b"-", None),
        (b" - ", None),
        (b"\"a\x00\x01\x1f\tb\"", Some("a\0\u{1}\u{1f}\tb")),
        (b"\"new\nline\"", Some("new\nline")),
        (b"\"a\xff\xc3b\"", Some("a\u{fffd}\u{fffd}b")),
        // `i_`: up to the reader
        (b"\"\\uDADA\"", Some("\u{fffd}")),
        (b"\"\\uD888\\u1234\"", Some("\u{fffd}\u{1234}")),
        (b"\"\\uD800\\n\"", Some("\u{fffd}\n")),
        (b"\"\\uDd1ea\"", Some("\u{fffd}a")),
        (b"\"\\uD800\\uD800\\n\"", Some("\u{fffd}\u{fffd}\n")),
        (b"\"\\ud800abc\"", Some("\u{fffd}abc")),
        (b"\"\\uDFAA\"", Some("\u{fffd}")),
        (b"\"\xe6\x97\xa5\xd1\x88\xfa\"", Some("日ш\u{fffd}")),
        (b"\"\xed\xa0\x80\"", Some("\u{fffd}\u{fffd}\u{fffd}")),
        (b"\"\xc0\xaf\"", Some("\u{fffd}\u{fffd}")),
        (b"\"\xf4\xbf\xbf\xbf\"", Some("\u{fffd}\u{fffd}\u{fffd}\u{fffd}")),
        (b"\"\xe0\xff\"", Some("\u{fffd}\u{fffd}")),
        (b"\"\x81\"", Some("\u{fffd}")),
    ] {
        assert_eq!(fate(value), (Repaired, expected.map(str::to_owned)), "{}", String::from_utf8_lossy(value));
    }
}

/// `i_`: numbers of any size are JSON, and their text is kept; nesting of any depth is a value.
#[test]
fn what_is_up_to_the_reader() {
    for number in [
        "123123e100000",
        "-1e9999",
        "0.4e00669999999999999999999999999999999999999999999999999999969999999006",
        "1e-10000",
        "-123123123123123123123123123123",
        "100000000000000000000",
    ] {
        assert_eq!(fate(number.as_bytes()), (Row, Some(number.into())));
    }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let inner = if open == "[" { "" } else { "1" };
        let deep = format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(fate(deep.as_bytes()), (Row, Some(deep)));
        let unclosed = open.repeat(100_000);
        assert_eq!(fate(unclosed.as_bytes()).0, Rejected);
    }
}

/// As whole objects: structures, byte order marks, other encodings.
#[test]
fn whole_objects() {
    let whole = |text: &[u8]| {
        let (rows, rejected, _) = read(text);
        (rows.len(), rejected.into_iter().map(|(raw, _)| raw).collect::<Vec<_>>())
    };
    for (text, rows) in [
        (&b""[..], 0),
        (b" \n", 0),
        (b"[]", 0),
        (b"\xEF\xBB\xBF", 0),
        (b"\xEF\xBB\xBF{}", 1),
        (b"{} ", 1),
        (b"[{},{}]\n", 2),
        (b"{}{}\n{}", 3),
    ] {
        assert_eq!(whole(text), (rows, vec![]), "{}", String::from_utf8_lossy(text));
    }
    // what is no object is a rejected record, each byte of it
    for text in [&b"1"[..], b"\"x\"", b"null", b"\xEF\xBB", b"[", b"[\x22a", b"{", b"}", b"{\"\":", b"abc", b"\xe5"] {
        assert_eq!(whole(text), (0, vec![text.to_vec()]), "{}", String::from_utf8_lossy(text));
    }
    // UTF-16: not read, and nothing is made up
    for (little, mark) in [(true, true), (true, false), (false, true), (false, false)] {
        let units = mark.then_some(0xFEFF).into_iter().chain("{\"v\":\"é\"}\n{\"v\":1}".encode_utf16());
        let bytes: Vec<u8> =
            units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect();
        let (rows, rejected) = whole(&bytes);
        assert_eq!(rows, 0);
        let without = |bytes: &[u8]| bytes.iter().copied().filter(|b| !b" \n\r\t\0".contains(b)).collect::<Vec<u8>>();
        assert_eq!(without(&rejected.concat()), without(&bytes));
    }
}

/// The same texts without any delimiter between the records: the neighbours are rows all the same.
#[test]
fn damage_in_concatenated_data() {
    for value in [
        &b"\"cut"[..],
        b"tru}",
        b"01}",
        b"\"\\q\"}",
        b"[1,]}",
        b"{\"a\"}}",
        b"'x'}",
        b"NaN}",
        b"[1 2]}",
        b"\"a\" \"b\"}",
    ] {
        let text = [b"{\"v\":\"first\"}{\"v\":", value, b"{\"v\":\"second\"}{\"v\":\"last\"}"].concat();
        let (rows, rejected, _) = read(&text);
        let values: Vec<_> = rows.iter().flatten().map(String::as_str).collect();
        assert_eq!(
            (values, rejected.len()),
            (vec!["first", "second", "last"], 1),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
}
