//! Claims against answers: every kind of value, NULLs, no rows, and where exact is exact.

use super::check::Check;
use super::*;
use crate::query::{Answer, Engine, HeaderLine};
use arrow::array::*;
use arrow::datatypes::{Int32Type, SchemaRef};
use futures::StreamExt;
use std::sync::Arc;

fn expectation(text: &str) -> Expectation {
    let now = DateTime::parse_from_rfc3339("2015-05-20T22:00:00Z").unwrap().to_utc();
    Expectation::parse("checks/a.sql", &HeaderLine { text: text.into(), line: 2 }, now).unwrap()
}

/// The claim against a column `x`, which comes in batches of two rows.
fn check(column: &ArrayRef, text: &str) -> Result<Checked> {
    let batch = RecordBatch::try_from_iter_with_nullable([("x", column.clone(), true)]).unwrap();
    let expectation = expectation(text);
    let mut check = Check::begin(&expectation, &batch.schema())?;
    for begin in (0..batch.num_rows()).step_by(2) {
        check.read(&batch.slice(begin, 2.min(batch.num_rows() - begin)), begin as u64)?;
    }
    check.finish(batch.num_rows() as u64)
}

#[track_caller]
fn holds(column: &ArrayRef, texts: &[&str]) {
    for text in texts {
        let checked = check(column, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(checked.holds && checked.offending.total == 0, "{text}: {checked:?}");
    }
}

/// Each with what was found and how many rows break it.
#[track_caller]
fn breaks(column: &ArrayRef, cases: &[(&str, Option<&str>, u64)]) {
    for (text, found, offending) in cases {
        let checked = check(column, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!checked.holds, "{text}: {checked:?}");
        assert_eq!((checked.found.as_deref(), checked.offending.total), (*found, *offending), "{text}");
    }
}

#[track_caller]
fn refused(column: &ArrayRef, text: &str, expected: &str) {
    let error = check(column, text).map(|checked| panic!("{text}: {checked:?}")).unwrap_err();
    assert!(error.message().contains(expected), "{text}: {error}");
}

fn array(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn ints(values: &[Option<i64>]) -> ArrayRef {
    array(Int64Array::from(values.to_vec()))
}

#[test]
fn each_operator_on_each_row_and_null_breaks_none() {
    let x = ints(&[Some(1), None, Some(2), Some(3)]);
    holds(&x, &["x <> 4", "x <= 3", "x >= 1", "x < 4", "x > 0.5", "X != 4"]);
    breaks(&x, &[("x = 2", None, 2), ("x != 2", None, 1), ("x < 2", None, 2), ("x > 2", None, 2)]);
    breaks(&x, &[("x <= 2", None, 1), ("x >= 2", None, 1), ("x is null", None, 3), ("x is not null", None, 1)]);
}

#[test]
fn each_function_skips_nulls() {
    let x = ints(&[Some(1), None, Some(2), Some(2), Some(4)]);
    holds(&x, &["rows = 5", "count(x) = 4", "nulls(x) = 1", "count_distinct(x) = 3", "min(x) = 1", "max(x) = 4"]);
    holds(&x, &["sum(x) = 9", "avg(x) = 2.25", "avg(x) > 2.2499999999999999999999", "nulls(x) <= 1"]);
    breaks(
        &x,
        &[("count(x) = 5", Some("4"), 0), ("count_distinct(x) > 3", Some("3"), 0), ("sum(x) > 9", Some("9"), 0)],
    );
    breaks(&x, &[("avg(x) < 2.25", Some("2.25"), 0), ("nulls(x) = 0", Some("1"), 1), ("nulls(x) > 1", Some("1"), 0)]);
}

#[test]
fn rows_beyond_a_bound_are_the_offending_ones() {
    let x = ints(&[Some(1), None, Some(5), Some(9)]);
    breaks(&x, &[("max(x) <= 4", Some("9"), 2), ("max(x) < 5", Some("9"), 2), ("max(x) = 5", Some("9"), 1)]);
    breaks(&x, &[("min(x) >= 5", Some("1"), 1), ("min(x) > 1", Some("1"), 1), ("min(x) = 0", Some("1"), 0)]);
    breaks(&x, &[("max(x) > 9", Some("9"), 0), ("max(x) = 10", Some("9"), 0), ("min(x) < 1", Some("1"), 0)]);
    breaks(&x, &[("rows = 0", Some("4"), 4), ("rows < 3", Some("4"), 2), ("rows <= 3", Some("4"), 1)]);
    breaks(&x, &[("rows > 4", Some("4"), 0), ("rows != 4", Some("4"), 0), ("rows < 0", Some("4"), 4)]);
}

#[test]
fn over_no_rows_a_bound_holds_and_a_value_is_missing() {
    for x in [ints(&[]), ints(&[None, None, None])] {
        holds(&x, &["x = 1", "max(x) <= 1", "max(x) < 1", "min(x) >= 1", "min(x) > 1", "count(x) = 0"]);
        holds(&x, &["count_distinct(x) = 0"]);
        let claims =
            ["max(x) >= 1", "max(x) = 1", "max(x) != 1", "min(x) <= 1", "min(x) = 1", "sum(x) = 0", "avg(x) < 1"];
        claims.into_iter().for_each(|text| breaks(&x, &[(text, Some("no value"), 0)]));
    }
    holds(&ints(&[]), &["rows = 0", "rows <= 0", "x is null", "x is not null", "nulls(x) = 0"]);
}

#[test]
fn whole_numbers_meet_no_float() {
    // 2^53 + 1, which no double has
    let x = ints(&[Some(9_007_199_254_740_993), Some(i64::MAX)]);
    holds(&x, &["x > 9007199254740992", "max(x) = 9223372036854775807", "sum(x) = 9232379236109516800"]);
    breaks(&x, &[("min(x) = 9007199254740992", Some("9007199254740993"), 0)]);
    breaks(&x, &[("max(x) < 9223372036854775807", Some("9223372036854775807"), 1)]);
    let sum = "sum(x) = 36893488147419103230";
    holds(&array(UInt64Array::from(vec![u64::MAX, u64::MAX])), &["x = 18446744073709551615", sum]);
    holds(&array(Int8Array::from(vec![-128, 127])), &["sum(x) = -1", "avg(x) = -0.5"]);
}

#[test]
fn decimals_are_exact() {
    let x = Decimal128Array::from(vec![Some(10), None, Some(20)]).with_precision_and_scale(38, 2).unwrap();
    let x = array(x);
    holds(&x, &["sum(x) = 0.3", "avg(x) = 0.15", "x <= 0.2", "max(x) = 0.200", "x > 0.0999999999999999999999"]);
    breaks(&x, &[("x = 0.1", None, 1), ("max(x) < 0.20", Some("0.20"), 1)]);
    let long = "9".repeat(76);
    let most = array(
        Decimal256Array::from(vec![arrow::datatypes::i256::from_string(&long).unwrap(); 7])
            .with_precision_and_scale(76, 0)
            .unwrap(),
    );
    holds(&most, &[&format!("x = {long}")]);
    refused(&most, "sum(x) > 0", "more than 76 digits");
}

#[test]
fn floats_are_floats_and_nan_satisfies_nothing_but_unequal() {
    let x = array(Float64Array::from(vec![Some(0.1), None, Some(0.2)]));
    holds(&x, &["min(x) = 0.1", "x < 1e70", "sum(x) > 0.3", "avg(x) > 0.15"]);
    let x = array(Float64Array::from(vec![Some(1.0), Some(f64::NAN), Some(3.0)]));
    holds(&x, &["x != 5", "max(x) != 5"]);
    breaks(&x, &[("x < 5", None, 1), ("max(x) < 5", Some("NaN"), 1), ("min(x) >= 1", Some("NaN"), 1)]);
    breaks(&x, &[("sum(x) > 0", Some("NaN"), 0)]);
}

#[test]
fn texts_go_by_code_points() {
    let values = [Some("it's"), None, Some("Zebra"), Some("zebra"), Some("é")];
    let plain: ArrayRef = array(StringArray::from(values.to_vec()));
    let view: ArrayRef = array(StringViewArray::from(values.to_vec()));
    let dictionary: ArrayRef = array(DictionaryArray::<Int32Type>::from_iter(values));
    for x in [plain, view, dictionary] {
        holds(&x, &["x != ''", "min(x) = 'Zebra'", "max(x) = 'é'", "count_distinct(x) = 4", "nulls(x) = 1", "x < 'ü'"]);
        breaks(&x, &[("x = 'it''s'", None, 3), ("max(x) < 'z'", Some("é"), 2)]);
    }
    refused(&array(StringArray::from(vec!["1"])), "x = 1", "column x holds texts: compare it with a text");
    refused(&array(StringArray::from(vec!["1"])), "sum(x) = 1", "holds no numbers");
}

#[test]
fn times_in_every_unit_and_days() {
    let ms = 1_432_155_900_123;
    let columns: [ArrayRef; 4] = [
        array(TimestampMillisecondArray::from(vec![Some(ms), None])),
        array(TimestampMillisecondArray::from(vec![Some(ms), None]).with_timezone("America/New_York")),
        array(TimestampMicrosecondArray::from(vec![Some(ms * 1000), None])),
        array(TimestampNanosecondArray::from(vec![Some(ms * 1_000_000), None])),
    ];
    for x in columns {
        holds(&x, &["x = timestamp '2015-05-20 21:05:00.123'", "min(x) > date '2015-05-20'", "x < date '2015-05-21'"]);
        holds(&x, &["max(x) >= timestamp 'now - 1h'", "x = timestamp '2015-05-20T23:05:00.123+02:00'"]);
    }
    let x = array(TimestampMicrosecondArray::from(vec![ms * 1000 + 1]));
    let found = Some("2015-05-20 21:05:00.123001");
    breaks(&x, &[("max(x) <= timestamp '2015-05-20 21:05:00.123'", found, 1)]);
    let day = array(Date32Array::from(vec![16575]));
    holds(&day, &["x = date '2015-05-20'", "x = timestamp '2015-05-20 00:00:00'"]);
    breaks(&day, &[("max(x) < date '2015-05-20'", Some("2015-05-20"), 1)]);
    refused(&day, "x = '2015-05-20'", "column x holds times: compare it with one such as timestamp");
    refused(&day, "avg(x) > 1", "holds no numbers");
}

#[test]
fn booleans_and_types_without_an_order() {
    let x = array(BooleanArray::from(vec![Some(true), None, Some(false)]));
    holds(&x, &["nulls(x) = 1", "count(x) = 2", "count_distinct(x) = 2"]);
    breaks(&x, &[("x = true", None, 1), ("min(x) = true", Some("false"), 1)]);
    refused(&x, "x = 1", "compare it with true or false");
    let list = array(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]));
    holds(&list, &["nulls(x) = 1", "count(x) = 1", "count_distinct(x) = 1"]);
    refused(&list, "x = 1", "which nothing is compared with");
    holds(&array(NullArray::new(3)), &["x is null", "nulls(x) = 3", "count(x) = 0", "count_distinct(x) = 0"]);
}

#[test]
fn columns_by_name() {
    let schema = |names: &[&str]| {
        arrow::datatypes::Schema::new(
            names
                .iter()
                .map(|name| arrow::datatypes::Field::new(*name, arrow::datatypes::DataType::Int64, true))
                .collect::<Vec<_>>(),
        )
    };
    let begin = |names: &[&str], text: &str| Check::begin(&expectation(text), &schema(names)).map(drop);
    begin(&["a", "Max Requests"], "\"Max Requests\" = 1").unwrap();
    begin(&["A"], "a = 1").unwrap();
    begin(&["A", "a"], "a = 1").unwrap();
    let missing = begin(&["a", "b"], "c = 1").unwrap_err();
    assert_eq!((missing.message(), missing.hint_text()), ("the answer has no column c", Some("its columns are a, b")));
    assert!(begin(&["A"], "\"a\" = 1").is_err());
    assert!(begin(&["A", "B", "b"], "B = 1").is_ok());
    assert_eq!(begin(&["x", "x"], "x = 1").unwrap_err().message(), "the answer has several columns x");
}

#[test]
fn too_many_distinct_values_are_refused() {
    let x = array(StringArray::from_iter_values((0..3).map(|n| format!("{n}{}", "x".repeat(30 << 20)))));
    refused(&x, "count_distinct(x) > 1", "too many distinct values");
}

/// Answers with batches of ten rows, 0, 1, 2 and so on, and then perhaps with an error.
struct Counting {
    batches: i64,
    breaks: bool,
}

#[async_trait::async_trait]
impl Engine for Counting {
    async fn run(&self, _: &Bound) -> Result<Answer> {
        let batch =
            |n: i64| RecordBatch::try_from_iter([("n", array(Int64Array::from_iter_values(n * 10..n * 10 + 10)))]);
        let schema: SchemaRef = batch(0).unwrap().schema();
        let batches = (0..self.batches).map(move |n| Ok(batch(n).unwrap()));
        let broken = self.breaks.then(|| Err(Error::query("the stream broke")));
        Ok(Answer { schema, batches: futures::stream::iter(batches.chain(broken)).boxed(), cost: None })
    }
}

fn question(header: &str) -> Question {
    let query = QueryText::parse("checks/a.sql", &format!("{header}\nSELECT n FROM numbers")).unwrap();
    Question::new("checks/a.sql", &query, &[], DateTime::UNIX_EPOCH).unwrap()
}

#[tokio::test]
async fn ten_offending_rows_are_kept_of_all() {
    let question = question("-- expect: n < 15\n-- expect: rows = 0\n-- expect: rows = 1000");
    let answered = run(&Counting { batches: 100, breaks: false }, &question).await.unwrap();
    let told: Vec<_> = answered.checked.iter().map(|checked| (checked.holds, checked.offending.total)).collect();
    assert_eq!((answered.rows, told), (1000, vec![(false, 985), (false, 1000), (true, 0)]));
    let rows = |at: usize| answered.checked[at].offending.written(Format::Csv, None).unwrap().replace('\n', " ");
    assert_eq!(rows(0), "n 15 16 17 18 19 20 21 22 23 24 ");
    assert_eq!(rows(1), "n 0 1 2 3 4 5 6 7 8 9 ");
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_and_so_is_a_claim_that_does_not_fit() {
    let broken = run(&Counting { batches: 3, breaks: true }, &question("-- expect: rows = 0")).await;
    assert_eq!(broken.unwrap_err().message(), "the stream broke");
    let unfit = run(&Counting { batches: 3, breaks: false }, &question("-- expect: m = 0")).await.unwrap_err();
    assert_eq!(
        unfit.chain(),
        ["checks/a.sql, line 1: cannot check the expectation \"m = 0\"", "the answer has no column m"]
    );
}

#[test]
fn a_broken_query_outweighs_what_does_not_hold() {
    let code = |broken, unmet| Totals { broken, unmet, ..Default::default() }.failure().map(|e| e.kind().exit_code());
    assert_eq!([code(0, 0), code(0, 2), code(1, 0), code(1, 2)], [None, Some(3), Some(1), Some(1)]);
    let told = Totals { broken: 2, unmet: 1, ..Default::default() }.failure().unwrap();
    assert_eq!(told.message(), "2 queries broke, 1 expectation does not hold");
}

/// A query that is answered, with an expectation that does not hold and a footer, and one that breaks.
async fn outcomes() -> Vec<Outcome> {
    let took = Duration::from_millis(1234);
    let failing = question("-- Numbers\n-- expect: n < 19\n-- expect: rows > 0");
    let mut answered = run(&Counting { batches: 2, breaks: false }, &failing).await.unwrap();
    answered.footer = Some("2 MB scanned, $0.00001".into());
    let broken = question("-- expect: rows = 0\n-- expect: n = 1");
    let error = Error::query("first\nsecond").hint("do \u{1b}[31m otherwise");
    [(failing, Ok(answered)), (broken, Err(error))].map(|(question, result)| Outcome { question, result, took }).into()
}

#[tokio::test]
async fn as_junit() {
    insta::assert_snapshot!(junit::file(&outcomes().await).unwrap(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="firelake report" tests="4" failures="1" errors="1" skipped="1" time="2.468">
          <testsuite name="checks/a.sql" tests="2" failures="1" errors="0" skipped="0" time="1.234">
            <testcase classname="checks/a.sql" name="n &lt; 19" time="0.617">
              <failure message="n &lt; 19: 1 row breaks it" type="expectation">┌────┐
        │  n │
        ╞════╡
        │ 19 │
        └────┘
        </failure>
            </testcase>
            <testcase classname="checks/a.sql" name="rows &gt; 0" time="0.617"/>
            <system-out>2 MB scanned, $0.00001</system-out>
          </testsuite>
          <testsuite name="checks/a.sql" tests="2" failures="0" errors="1" skipped="1" time="1.234">
            <testcase classname="checks/a.sql" name="rows = 0" time="0.617">
              <error message="first" type="query">first
        second
        hint: do \x1b[31m otherwise</error>
            </testcase>
            <testcase classname="checks/a.sql" name="n = 1" time="0.617">
              <skipped message="the query broke"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
}

#[tokio::test]
async fn a_footer_is_in_every_format() {
    let outcomes = outcomes().await;
    let text = text::outcome(&outcomes[0], 10, None).unwrap();
    assert!(text.ends_with("\n        2 MB scanned, $0.00001\n"), "{text}");
    assert!(markdown::page(&outcomes).unwrap().contains("\n```\n\n2 MB scanned, $0.00001\n\n## checks/a.sql"));
    assert!(json::outcome(&outcomes[0]).unwrap().ends_with(",\"footer\":\"2 MB scanned, $0.00001\"}"));
    let broken = text::outcome(&outcomes[1], 10, None).unwrap();
    assert!(broken.ends_with("\n        first\n        second\n        hint: do \\x1b[31m otherwise\n"), "{broken}");
}
