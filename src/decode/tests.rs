use super::*;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Field;
use arrow::util::display::ArrayFormatter;
use proptest::prelude::*;
use std::sync::Arc;

const SCHEMA: &str = r#"
[[column]]
name = "ts"
type = "timestamp"
from = ["time"]
event_time = true
[[column]]
name = "who"
type = "string"
from = ["host", "client"]
[[column]]
name = "status"
type = "int"
null = ["-"]
[[column]]
name = "class"
type = "int"
expr = "status / (status - 500)"
"#;

/// Hands out `step` bytes a read.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(out.len()).min(self.0.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn decode(text: &[u8]) -> (Vec<Rows>, Vec<RejectedChunk>, ObjectCounts) {
    decode_by(SCHEMA, text)
}

fn decode_by(schema: &str, text: &[u8]) -> (Vec<Rows>, Vec<RejectedChunk>, ObjectCounts) {
    let schema = TableSchema::parse("t", "t", schema).unwrap();
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    let delivered = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let counts = Decoder::new(&schema)
        .unwrap()
        .decode(&mut Slow(text, 7), delivered, &mut |decoded| {
            match decoded {
                Decoded::Rows(batch) => rows.push(batch),
                Decoded::Rejected(record) => rejected.push(record),
            }
            Ok(())
        })
        .unwrap();
    (rows, rejected, counts)
}

#[test]
fn rows_by_example() {
    let text = r#"{"time":"2023-11-14T10:00:00","host":"a","status":"200"}
{"TIME":"2023-11-14T10:00:01Z","client":"b","status":-1,"more":{"x":[1]}}
{"host":"\u00e9\n","client":"second","status":"abc"}
{"time":"1999-01-01T00:00:00","status":500}
{"time":"soon","status":null,"status":1}
{"status":"-"}
"#;
    let (rows, rejected, counts) = decode(text.as_bytes());
    assert_eq!((counts.records, counts.rejected, counts.by_delivery), (6, 0, 4));
    assert!(rejected.is_empty());
    assert_eq!(rows[0].times[..2], [1_699_956_000_000, 1_699_956_001_000]);
    assert!(rows[0].times[2..].iter().all(|time| *time == 1_700_000_000_000));
    // 500 / 0 fails as a batch: it costs that value only
    let json: Vec<serde_json::Value> = as_json(&rows[0].batch);
    let expected = serde_json::json!([
        {"ts": "2023-11-14T10:00:00", "who": "a", "status": 200, "class": 0},
        {"ts": "2023-11-14T10:00:01", "who": "b", "status": -1, "class": 0, "extra": r#"{"more":{"x":[1]}}"#},
        {"who": "é\n", "extra": r#"{"client":"second","status":"abc"}"#},
        {"ts": "1999-01-01T00:00:00", "status": 500},
        {"extra": r#"{"time":"soon","status":1}"#},
        {},
    ]);
    assert_eq!(serde_json::Value::from(json), expected);
}

/// A batch's rows as JSON objects without their NULLs.
fn as_json(batch: &RecordBatch) -> Vec<serde_json::Value> {
    let formatters: Vec<_> =
        batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &Default::default()).unwrap()).collect();
    let cell = |row: usize, column: usize| {
        let text = formatters[column].value(row).to_string();
        let number = batch.column(column).data_type().is_integer().then(|| text.parse().unwrap());
        let value = number.map_or(serde_json::Value::String(text), |n: i64| n.into());
        (batch.schema().field(column).name().clone(), value)
    };
    let columns = |row: usize| (0..batch.num_columns()).filter(move |c| batch.column(*c).is_valid(row));
    (0..batch.num_rows())
        .map(|row| columns(row).map(|c| cell(row, c)).collect::<serde_json::Map<_, _>>().into())
        .collect()
}

const NESTED: &str = r#"
    [[column]]
    name = "uri"
    type = "string"
    from = ["http.request.uri", "URI"]
    [[column]]
    name = "at"
    type = "timestamp"
    from = ["http.time"]
    formats = ["epoch_ms"]
    event_time = true
    [[column]]
    name = "http"
    type = "struct<request:struct<method:string,size:int>,times:array<timestamp>>"
    formats = ["epoch_ms"]
    [[column]]
    name = "tags"
    type = "map<string,int>"
    null = ["-"]
    [[column]]
    name = "hops"
    type = "array<struct<ip:string,ms:double>>"
    [[column]]
    name = "all"
    type = "string"
    from = ["hops"]
    "#;

/// Each line: a record, and its row as the columns are printed.
#[test]
fn nested_rows_by_example() {
    let cases = [
        (
            r#"{"HTTP":{"request":{"Uri":"/a","METHOD":"GET","size":"7"},"time":1700000000000,"times":[0,null]},"tags":{"a":1,"B":null}}"#,
            r#"uri: /a, at: 2023-11-14T22:13:20, http: {request: {method: GET, size: 7}, times: [1970-01-01T00:00:00, ]}, tags: {a: 1, B: }"#,
        ),
        // what nobody takes of an object stays in extra, and only that
        (
            r#"{"http":{"request":{"uri":"/a","size":"x","more":[1]},"time": "soon","v":1},"uri":"second"}"#,
            r#"uri: /a, http: {request: {method: , size: }, times: }, extra: {"http":{"request":{"size":"x","more":[1]},"time":"soon","v":1},"uri":"second"}"#,
        ),
        // a field's own name may have dots; an object is looked into where the field before is missing
        (
            r#"{"http.request.uri":"/dots","http":{"request":{"uri":"/in"}}}"#,
            r#"uri: /dots, http: {request: {method: , size: }, times: }, extra: {"http":{"request":{"uri":"/in"}}}"#,
        ),
        (
            r#"{"http":{"request":[]},"uri":"/b"}"#,
            r#"uri: /b, http: {request: , times: }, extra: {"http":{"request":[]}}"#,
        ),
        // an array that does not fit whole is kept whole; a map's second entry of a name is left over
        (
            r#"{"hops":[{"ip":"1","ms":1.5},{"ip":2,"ms":"x"},null,3],"tags":{"a":1,"a":2,"b":"y"}}"#,
            r#"tags: {a: 1, b: }, hops: [{ip: 1, ms: 1.5}, {ip: 2, ms: }, , ], all: [{"ip":"1","ms":1.5},{"ip":2,"ms":"x"},null,3], extra: {"hops":[{"ip":"1","ms":1.5},{"ip":2,"ms":"x"},null,3],"tags":{"a":2,"b":"y"}}"#,
        ),
        (r#"{"hops":[],"tags":{},"http":{}}"#, "http: {request: , times: }, tags: {}, hops: [], all: []"),
        (r#"{"hops":{},"tags":"-","http":null}"#, r#"all: {}, extra: {"hops":{}}"#),
        (
            r#"{"\u0068ttp":{"\u0074ime":1}, "HTTP":{"time":2}}"#,
            r#"at: 1970-01-01T00:00:00.001, http: {request: , times: }, extra: {"HTTP":{"time":2}}"#,
        ),
    ];
    let text: String = cases.iter().map(|(record, _)| format!("{record}\n")).collect();
    let (rows, rejected, counts) = decode_by(NESTED, text.as_bytes());
    assert_eq!((counts.records, rejected.len(), counts.by_delivery), (8, 0, 7));
    assert_eq!(rows[0].times[0], 1_700_000_000_000);
    let (batch, schema) = (&rows[0].batch, rows[0].batch.schema());
    for (row, (record, expected)) in cases.iter().enumerate() {
        let there = schema.fields().iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(row));
        let cell = |(field, column): (&Arc<Field>, &ArrayRef)| {
            let text = ArrayFormatter::try_new(column, &Default::default()).unwrap();
            format!("{}: {}", field.name(), text.value(row))
        };
        assert_eq!(there.map(cell).collect::<Vec<_>>().join(", "), *expected, "{record}");
    }
}

/// A repaired envelope gives what a whole one gives; a damaged one is rejected as it came.
#[test]
fn envelopes_are_repaired_before_they_are_opened() {
    let schema = r#"
        [source]
        format = "cloudwatch-logs"
        [[column]]
        name = "id"
        type = "string"
        from = ["cloudwatch.id"]
        [[column]]
        name = "took"
        type = "int"
        [[column]]
        name = "message"
        type = "string""#;
    let envelope = |group: &str, events: &str| {
        format!(r#"{{"messageType":"DATA_MESSAGE","logGroup":"{group}","logEvents":[{events}]}}"#)
    };
    let events = r#"{"id":"1","message":"{\"took\":7}"},{"id":"2","message":"text"}"#;
    let damaged = envelope("g", r#"{"id":"1","message":"\q"}"#);
    let no_envelope = r#"{"logGroup":"\x41"}"#;
    let text = [
        envelope("g", events),
        envelope(r"\x67", events),
        damaged.clone(),
        envelope("g", r#"{"id":-,"message":"a\x41"}"#),
        no_envelope.into(),
        envelope(r"\x67", ""),
    ];
    let (rows, rejected, counts) = decode_by(schema, text.concat().as_bytes());
    assert_eq!((counts.records, counts.rejected, counts.repaired), (7, 2, 3));
    let group = r#"{"cloudwatch":{"logGroup":"g"}}"#;
    let two = [
        serde_json::json!({"id": "1", "took": 7, "extra": group}),
        serde_json::json!({"id": "2", "message": "text", "extra": group}),
    ];
    let null_id = serde_json::json!({"message": "aA", "extra": group});
    assert_eq!(as_json(&rows[0].batch), [&two[..], &two[..], &[null_id]].concat());
    let kept: Vec<_> = rejected.iter().map(|chunk| String::from_utf8_lossy(&chunk.raw)).collect();
    assert_eq!(kept, [damaged.as_str(), no_envelope]);
    assert!(rejected[1].reason.contains("no") && rejected[1].reason.contains("envelope"), "{}", rejected[1].reason);
}

#[test]
fn an_object_that_fails_half_way_leaves_nothing_behind() {
    struct Fails(bool);
    impl Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match std::mem::replace(&mut self.0, true) {
                true => Err(std::io::Error::other("cut")),
                false => Ok(Slow(b"{\"host\":\"a\"}{\"host\":\"b\"}", 100).read(out)?),
            }
        }
    }
    let schema = TableSchema::parse("t", "t", SCHEMA).unwrap();
    let mut decoder = Decoder::new(&schema).unwrap();
    let now = DateTime::UNIX_EPOCH;
    let error = decoder.decode(&mut Fails(false), now, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Unreadable);
    let mut rows = 0;
    decoder
        .decode(&mut Slow(b"{\"host\":\"c\"}", 9), now, &mut |d| {
            if let Decoded::Rows(batch) = d {
                rows += batch.batch.num_rows()
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(rows, 1);
}

/// `abs(10 / n)` is computed once for both columns, and fails on a batch with a 0, where neither would have computed it.
#[test]
fn what_expressions_share_changes_no_value() {
    let schema = r#"
        [[column]]
        name = "one"
        type = "int"
        expr = "1"
        [[column]]
        name = "n"
        type = "int"
        [[column]]
        name = "a"
        type = "int"
        expr = "CASE WHEN n <> 0 THEN abs(10 / n) END"
        [[column]]
        name = "b"
        type = "int"
        expr = "CASE WHEN n <> 0 THEN abs(10 / n) + a ELSE abs(n) END""#;
    let values = |text: &str| as_json(&decode_by(schema, text.as_bytes()).0[0].batch);
    let five = serde_json::json!({"one": 1, "n": -5, "a": 2, "b": 4});
    assert_eq!(values(r#"{"n":-5}"#), std::slice::from_ref(&five));
    let zero = serde_json::json!({"one": 1, "n": 0, "b": 0});
    assert_eq!(values(r#"{"n":-5}{"n":0}{}"#), [five, zero, serde_json::json!({"one": 1})]);
}

#[test]
fn a_wrong_expression_names_its_column_and_line() {
    let wrong = SCHEMA.replace("status / (status - 500)", "stat + 1");
    let error = Decoder::new(&TableSchema::parse("t", "t", &wrong).unwrap()).err().unwrap();
    assert!(error.message().contains("line 18") && error.message().contains("class"), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_record_is_a_row_or_rejected_and_rejected_bytes_are_the_bytes(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{\"host\":\"a\"}", "{\"host\":\"b", "\n", "garbage", "{\"status\":[1,{\"x\":2}]}", "}", "\u{feff}", "{\"host\":\"\\x41\"}",
        ]), 0..30)) {
        let text = pieces.concat();
        let (rows, rejected, counts) = decode(text.as_bytes());
        let written: usize = rows.iter().map(|r| r.batch.num_rows()).sum();
        prop_assert_eq!(counts.records, (written + rejected.len()) as u64);
        prop_assert_eq!(counts.bytes, text.len() as u64);
        for record in rejected {
            let at = record.offset as usize;
            prop_assert_eq!(&text.as_bytes()[at..at + record.raw.len()], &record.raw[..]);
        }
    }
}

/// Objects and arrays of objects whose leaves are all different texts, as JSON.
fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = Just(serde_json::Value::String(String::new()));
    let name = || prop::sample::select(vec!["a", "B", "b", "c", "\u{e9}"]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((name(), inner.clone()), 0..4)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()),
            1 => prop::collection::vec(inner, 0..3).prop_map(Into::into),
        ]
    })
}

/// Gives each leaf its number; gives how many there are, and which are inside of arrays.
fn number(value: &mut serde_json::Value, in_array: bool, leaves: &mut Vec<bool>) {
    match value {
        serde_json::Value::Object(members) => members.values_mut().for_each(|value| number(value, in_array, leaves)),
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(|value| number(value, true, leaves)),
        leaf => {
            *leaf = format!("<{}>", leaves.len()).into();
            leaves.push(in_array);
        }
    }
}

proptest! {
    #[test]
    fn every_value_is_in_a_column_or_in_extra_and_not_in_both(
        mut a in tree(), mut b in tree(), mut c in tree()) {
        let schema = r#"
            [[column]]
            name = "a"
            type = "struct<a:string,b:struct<c:string>,c:map<string,struct<a:string>>>"
            [[column]]
            name = "b"
            type = "array<map<string,string>>"
            [[column]]
            name = "inside"
            type = "int"
            from = ["c.a.b", "c.b.x", "a.x"]
            [[column]]
            name = "deeper"
            type = "array<array<struct<b:string>>>"
            from = ["c.c"]"#;
        let mut leaves = Vec::new();
        [&mut a, &mut b, &mut c].into_iter().for_each(|value| number(value, false, &mut leaves));
        let record = format!(r#"{{"a":{a},"c":{c},"b":{b}}}"#);
        let (rows, _, _) = decode_by(schema, record.as_bytes());
        let row: String = rows[0].batch.columns().iter().filter(|column| column.is_valid(0))
            .map(|column| ArrayFormatter::try_new(column, &Default::default()).unwrap().value(0).to_string()).collect();
        for (at, in_array) in leaves.into_iter().enumerate() {
            let times = row.matches(&format!("<{at}>")).count();
            prop_assert!(times == 1 || in_array && times == 2, "<{}> is {} times in {} of {}", at, times, row, record);
        }
        let extra = ArrayFormatter::try_new(rows[0].batch.columns().last().unwrap(), &Default::default()).unwrap().value(0).to_string();
        prop_assert!(extra.is_empty() || serde_json::from_str::<serde_json::Map<_, _>>(&extra).is_ok());
    }
}
