use super::super::MAX_RECORD;
use super::*;
use proptest::prelude::*;

/// What came of some bytes: `(start, end, kind)`. Parts of one long record are one.
type Seen = Vec<(usize, usize, Kind)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Record,
    Damaged,
    Long,
}

/// The frames of `text` when it comes in pieces that end at `cuts`.
fn in_pieces(text: &[u8], cuts: &[usize], longest: usize) -> Seen {
    let (mut framer, mut fields, mut seen, mut long) = (Framer::new(longest), Fields::default(), Seen::new(), None);
    let mut cuts = cuts.iter().copied().chain([text.len()]);
    let mut known = cuts.next().unwrap();
    let mut from = 0; // what is before it is dropped, as a reader does
    let mut at = 0;
    loop {
        let frame = framer.next(&text[from..known], at - from, known == text.len(), &mut fields);
        at = match frame {
            Frame::Record { start, end } => {
                seen.push((from + start, from + end, Kind::Record));
                from + end
            }
            Frame::Damaged { start, end, .. } => {
                assert!(end > start);
                seen.push((from + start, from + end, Kind::Damaged));
                from + end
            }
            Frame::Part { start, end, last } => {
                let begun = *long.get_or_insert(from + start);
                assert!(seen.last().is_none_or(|(_, end, _)| *end <= begun));
                if last {
                    seen.push((begun, from + end, Kind::Long));
                    long = None;
                }
                from + end
            }
            Frame::NeedMore { start } => {
                from += start;
                known = cuts.next().expect("there is no more");
                from
            }
            Frame::End => {
                assert!(long.is_none());
                return seen;
            }
        };
    }
}

/// Every frame of `text` as it is: records plain, damaged ones after a `!`, too long ones after a `!!`.
fn frames_of(text: &[u8], longest: usize) -> Vec<String> {
    let told = |(start, end, kind): (usize, usize, Kind)| {
        let mark = ["", "!", "!!"][kind as usize];
        format!("{mark}{}", String::from_utf8_lossy(&text[start..end]))
    };
    in_pieces(text, &[], longest).into_iter().map(told).collect()
}

fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(frames_of(text.as_bytes(), MAX_RECORD), *expected, "{text:?}");
    }
}

#[test]
fn whole_records_whatever_is_between_them() {
    check(&[
        ("", &[]),
        (" \r\n\n\0\0", &[]),
        ("{\"a\":1}", &["{\"a\":1}"]),
        ("{\"a\":1}\n{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]),
        ("{\"a\":1}\r\n{\"a\":2}\r\n", &["{\"a\":1}", "{\"a\":2}"]),
        ("{\"a\":1}{\"a\":2} {\"a\":3}", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]),
        ("\u{feff}{\n  \"a\" : [\n    1\n  ]\n}\n{\n}\n", &["{\n  \"a\" : [\n    1\n  ]\n}", "{\n}"]),
        ("\0\0{\"a\":1}\0\0\0{\"a\":2}\0\n\0", &["{\"a\":1}", "{\"a\":2}"]),
        ("\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]),
        ("{\"a\":1},\n{\"a\":2},\n", &["{\"a\":1}", "{\"a\":2}"]),
    ]);
}

#[test]
fn arrays_at_the_top() {
    check(&[
        ("[]", &[]),
        ("[{\"a\":1},{\"a\":2}]", &["{\"a\":1}", "{\"a\":2}"]),
        (
            "[\n  {\"a\":1},\n  {\"a\":2}\n]\n[{\"a\":3}][]{\"a\":4}\n",
            &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}"],
        ),
        (
            "[1,{\"a\":1},\"x]\",null,[{\"b\":1}],{\"a\":2}]",
            &["!1", "{\"a\":1}", "!\"x]\"", "!null", "![{\"b\":1}]", "{\"a\":2}"],
        ),
        ("[{\"a\":1},{\"a\":tru},{\"a\":3}]{\"a\":4}", &["{\"a\":1}", "!{\"a\":tru}", "{\"a\":3}", "{\"a\":4}"]),
        // cut, and another follows
        ("[{\"a\":1},\n[{\"a\":2}]\n{\"a\":3}", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]),
        ("[{\"a\":1},{\"a\":\"x\n[{\"a\":2}]\n", &["{\"a\":1}", "!{\"a\":\"x", "{\"a\":2}"]),
        // no arrays: lines of text
        (
            "[12:30:01] got {\"a\":1}\n[error] {\"a\":1}\n{\"a\":2}",
            &["![12:30:01] got {\"a\":1}", "![error] {\"a\":1}", "{\"a\":2}"],
        ),
        ("[[[[[[", &["![[[[[["]),
        ("]\n,\n[", &["!]", "!,", "!["]),
    ]);
}

#[test]
fn damage_costs_itself() {
    check(&[
        // a cut record in newline-delimited data
        ("{\"a\":\"x\n{\"a\":2}\n", &["!{\"a\":\"x", "{\"a\":2}"]),
        ("{\"a\":\n{\"a\":2}\n", &["!{\"a\":", "{\"a\":2}"]),
        ("{\"a\":{\"b\":1},\n{\"a\":2}\n", &["!{\"a\":{\"b\":1},", "{\"a\":2}"]),
        ("{\"a\":1}\n{\"a\":\"x", &["{\"a\":1}", "!{\"a\":\"x"]),
        // in concatenated data
        ("{\"a\":\"x{\"a\":2}{\"a\":3}", &["!{\"a\":\"x", "{\"a\":2}", "{\"a\":3}"]),
        ("{\"a\":1,\"b{\"a\":2}", &["!{\"a\":1,\"b", "{\"a\":2}"]),
        (
            "{\"a\":1}{\"a\":[1,{\"b\":2}{\"a\":2}{\"a\":3}",
            &["{\"a\":1}", "!{\"a\":[1,{\"b\":2}", "{\"a\":2}", "{\"a\":3}"],
        ),
        ("{\"a\":\"x\0\0{\"a\":2}\0", &["!{\"a\":\"x\0\0", "{\"a\":2}"]),
        // a stray bracket, before and after
        ("{\"a\":1}}\n{\"a\":2}", &["{\"a\":1}", "!}", "{\"a\":2}"]),
        ("{\"a\":1}}{\"a\":2}", &["{\"a\":1}", "!}", "{\"a\":2}"]),
        ("{\"a\":1}}, ]{\"a\":2}\n", &["{\"a\":1}", "!}, ]", "{\"a\":2}"]),
        ("{{\"a\":1}{\"a\":2}", &["!{", "{\"a\":1}", "{\"a\":2}"]),
        // the second half of a record
        ("x\",\"b\":2}{\"a\":1}", &["!x\",\"b\":2}", "{\"a\":1}"]),
        // between two pieces of garbage
        (
            "{\"a\":0}garb\u{1}age{\"a\":1}garbage{\"a\":2}",
            &["{\"a\":0}", "!garb\u{1}age", "{\"a\":1}", "!garbage", "{\"a\":2}"],
        ),
        ("garbage{\"a\":1}{\"a\":2}\n", &["!garbage", "{\"a\":1}", "{\"a\":2}"]),
        ("x\",\"b\":2}{\"a\":1}\"b\":2}{\"a\":2}", &["!x\",\"b\":2}", "{\"a\":1}", "!\"b\":2}", "{\"a\":2}"]),
        // cut after a backslash
        ("{\"a\":\"x\\{\"a\":1}{\"a\":2}", &["!{\"a\":\"x\\", "{\"a\":1}", "{\"a\":2}"]),
        // bad escapes and values, also twice in a row
        ("{\"a\":\"\\q\"}{\"a\":\"\\x42\"}{\"a\":3}", &["!{\"a\":\"\\q\"}", "!{\"a\":\"\\x42\"}", "{\"a\":3}"]),
        ("{\"a\":-}{\"a\":2}", &["!{\"a\":-}", "{\"a\":2}"]),
        ("{\"a\":\"\\x22{\\\"b\\\":1}\"}\n{\"a\":2}", &["!{\"a\":\"\\x22{\\\"b\\\":1}\"}", "{\"a\":2}"]),
        (
            "{\"a\":tru,\"f\":\"failed {} {} to {}\"}\n{\"a\":2}",
            &["!{\"a\":tru,\"f\":\"failed {} {} to {}\"}", "{\"a\":2}"],
        ),
        ("{\"a\":\"\t\"}\n{\"a\":2}", &["!{\"a\":\"\t\"}", "{\"a\":2}"]),
        ("{\"a\":\"x\ny\"}{\"a\":2}", &["!{\"a\":\"x\ny\"}", "{\"a\":2}"]),
    ]);
    assert_eq!(frames_of(b"{\"a\":\"\xff\"}{\"a\":1}", MAX_RECORD).len(), 2);
}

#[test]
fn what_is_quoted_or_nested_is_no_record() {
    check(&[
        ("{\"a\":tru,\"o\":{\"b\":1}}\n{\"a\":2}", &["!{\"a\":tru,\"o\":{\"b\":1}}", "{\"a\":2}"]),
        (
            "{\n \"a\":tru,\n \"o\":\n  {\"b\":1}\n}\n{\"a\":2}",
            &["!{\n \"a\":tru,\n \"o\":\n  {\"b\":1}\n}", "{\"a\":2}"],
        ),
        ("{\n\"a\":tru,\n\"o\":\n[{\"b\":1}]\n}\n{\"a\":2}", &["!{\n\"a\":tru,\n\"o\":\n[{\"b\":1}]\n}", "{\"a\":2}"]),
        ("{\"m\":\"got {\"a\":1} twice\"}{\"a\":2}", &["!{\"m\":\"got {\"a\":1} twice\"}", "{\"a\":2}"]),
        ("123\n\"x\"\n{\"a\":1}", &["!123", "!\"x\"", "{\"a\":1}"]),
        (
            "INFO got {\"a\":1}\nINFO got {\"a\":1} done\nINFO got {\"a\":1}\n{\"a\":2}",
            &["!INFO got {\"a\":1}", "!INFO got {\"a\":1} done", "!INFO got {\"a\":1}", "{\"a\":2}"],
        ),
        (
            "data:{\"a\":1}\nx={\"a\":1}\nf({\"a\":1})\n\"{\"a\":1}\"\n",
            &["!data:{\"a\":1}", "!x={\"a\":1}", "!f({\"a\":1})", "!\"{\"a\":1}\""],
        ),
        // also where texts and records follow one another without a delimiter
        (
            "{\"a\":1}INFO got {\"b\":1} done{\"a\":2}INFO got {\"b\":2}{\"a\":3}",
            &["{\"a\":1}", "!INFO got {\"b\":1} done", "{\"a\":2}", "!INFO got {\"b\":2}", "{\"a\":3}"],
        ),
    ]);
}

#[test]
fn a_record_that_is_too_long_is_one_in_parts() {
    let long = format!("{{\"a\":\"{}\",\"b\":[{{\"c\":1}},\n{{\"c\":2}}]}}", "x".repeat(40));
    let cut = &long[..45];
    for (text, expected) in [
        (format!("{{\"a\":1}}{long}{{\"a\":2}}"), vec!["{\"a\":1}", &format!("!!{long}"), "{\"a\":2}"]),
        (format!("{long}\n{{\"a\":2}}"), vec![&format!("!!{long}"), "{\"a\":2}"]),
        (format!("[{long},{{\"a\":2}}]"), vec![&format!("!!{long}"), "{\"a\":2}"]),
        (format!("{cut}\n{{\"a\":2}}"), vec![&format!("!!{cut}\n"), "{\"a\":2}"]),
        (format!("{cut}\n{{\"a\":2}}\n{{\"a\":3}}"), vec![&format!("!!{cut}\n"), "{\"a\":2}", "{\"a\":3}"]),
        (cut.to_owned(), vec![&format!("!!{cut}")]),
        ("[".repeat(50), vec![&format!("!!{}", "[".repeat(50))]),
        (format!("{}\n{{\"a\":2}}", "text ".repeat(10)), vec![&format!("!!{}", "text ".repeat(10)), "{\"a\":2}"]),
    ] {
        assert_eq!(frames_of(text.as_bytes(), 32), expected, "{text}");
    }
}

/// Found by the seeds of `tests/it/reading`: how far is looked ahead must not depend on what is there already.
#[test]
fn an_array_is_told_by_a_bounded_look() {
    let text = b"{}[\n{\"a\":1}";
    for longest in 1..20 {
        let whole = in_pieces(text, &[], longest);
        (0..text.len()).for_each(|cut| assert_eq!(in_pieces(text, &[cut], longest), whole, "{longest}, {cut}"));
    }
}

#[test]
fn the_longest_record_is_one() {
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(30));
    for (longest, kind) in [(text.len() + 1, Kind::Record), (text.len(), Kind::Record), (text.len() - 1, Kind::Long)] {
        let all = format!("{text}\n{text}{text}");
        let seen = in_pieces(all.as_bytes(), &[], longest);
        assert_eq!(seen.iter().map(|seen| seen.2).collect::<Vec<_>>(), [kind; 3], "{longest}");
    }
}

#[test]
fn deep_nesting_and_long_runs_take_no_time() {
    for text in [
        "[",
        "{\"a\":",
        "{\"a\":[",
        "{",
        "{\"",
        "[{",
        "\n",
        "{\"a\":\"x\n",
        "[1,",
        "[[],",
        "[1,\n",
        "[[1,\n",
        "x{\"",
        "} {\"a\":\" ",
    ] {
        let text = text.repeat(100_000);
        let bytes: usize = in_pieces(text.as_bytes(), &[], 1 << 19).iter().map(|(start, end, _)| end - start).sum();
        assert!(bytes <= text.len());
    }
}

const PIECES: [&str; 24] = [
    "{\"a\":1}",
    "{\"a\":\"x{\"",
    "{\"a\":\"\\x41\"}",
    "\n",
    "\r\n",
    " ",
    "}",
    "{\"o\":{\"b\":[1]}}",
    "\u{feff}",
    "123",
    "{\"a\":",
    "\"",
    "\\",
    "{\n \"p\": 1\n}",
    "[",
    "]",
    ",",
    "[{\"a\":1},",
    "{\"a\":2}]",
    "\0",
    "got ",
    "é",
    "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"b\":[{\"c\":1},{\"c\":2}]}",
    "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Also where records are too long: the pieces in which bytes come change nothing, and every byte is in exactly one
    /// frame or is a separator.
    #[test]
    fn a_cut_buffer_changes_nothing(text in texts(), longest in prop::sample::select(vec![8, 20, 32, 64, 1000]), step in 1..7usize) {
        let whole = in_pieces(&text, &[], longest);
        for cut in 0..text.len() {
            prop_assert_eq!(&in_pieces(&text, &[cut], longest), &whole, "cut at {}", cut);
        }
        let steps: Vec<usize> = (0..text.len()).step_by(step).collect();
        prop_assert_eq!(&in_pieces(&text, &steps, longest), &whole);
        let mut at = 0;
        for (start, end, kind) in whole {
            prop_assert!(start >= at && end > start);
            let fits = if kind == Kind::Long { end - start >= longest } else { end - start <= longest };
            prop_assert!(fits, "{}..{}", start, end);
            prop_assert!(text[at..start].iter().all(|b| b" \n\r\t\0[],\xEF\xBB\xBF".contains(b)));
            at = end;
        }
    }
}
