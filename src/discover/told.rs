//! Values, shares and counts in words, for comments of the schema file.

use super::infer::Inferred;
use super::profile::Values;
use super::scalars::Scalars;
use crate::table::HiveType;
use chrono::DateTime;

/// Examples of a column.
const EXAMPLES: usize = 3;
/// Characters of all different values, where all are shown.
const SHORT: usize = 72;

/// How many values are in `extra`.
pub(super) fn misfits(count: u64) -> String {
    match count {
        1 => "1 value does not fit, and stays in extra".into(),
        _ => format!("{count} values do not fit, and stay in extra"),
    }
}

/// A share of a whole, as exact as it needs to be; never "100 %" of what is not all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let share = part as f64 * 100.0 / whole.max(1) as f64;
    match share {
        _ if part == whole => "100 %".into(),
        share if share < 0.1 => "< 0.1 %".into(),
        share if share > 99.9 => "> 99.9 %".into(),
        share if share >= 10.0 => format!("{share:.0} %").replace("100 %", "> 99 %"),
        share => format!("{share:.1} %"),
    }
}

/// What a column's values look like: where they are missing, their range, some of them.
pub(super) fn about(values: &Values, inferred: &Inferred, present: u64, records: u64, examples: bool) -> String {
    let mut parts = Vec::new();
    if present < records {
        parts.push(format!("in {} of the records", percent(present, records)));
    }
    match values.nulls + values.scalars.times_of(&inferred.null) {
        0 => {}
        nulls if nulls == values.seen => parts.push("never anything but NULL".into()),
        nulls => parts.push(format!("NULL in {}", percent(nulls, values.seen))),
    }
    let different = different(&values.scalars, &inferred.of, examples);
    let is_list = different.as_ref().is_some_and(|told| told.starts_with("one of"));
    parts.extend(range(values, &inferred.of).filter(|_| !is_list));
    parts.extend(different);
    parts.join("; ")
}

fn range(values: &Values, of: &HiveType) -> Option<String> {
    match of {
        HiveType::Int | HiveType::Bigint => {
            values.scalars.range.filter(|(low, high)| low < high).map(|(low, high)| format!("{low} to {high}"))
        }
        HiveType::Double => {
            values.scalars.span.filter(|(low, high)| low < high).map(|(low, high)| format!("{low} to {high}"))
        }
        HiveType::Timestamp => values
            .times
            .range
            .filter(|(low, high)| low < high)
            .map(|(low, high)| format!("{} to {}", moment(low), moment(high))),
        HiveType::Date => values
            .times
            .range
            .filter(|(low, high)| low < high)
            .map(|(low, high)| format!("{} to {}", day(low), day(high))),
        _ => None,
    }
}

fn different(scalars: &Scalars, of: &HiveType, examples: bool) -> Option<String> {
    let few = scalars.examples.different();
    if scalars.count == 0 || matches!(of, HiveType::Boolean) {
        return None;
    }
    let list = |most: usize| scalars.examples.first(most).map(|text| text.to_string()).collect::<Vec<_>>().join(", ");
    let all = list(usize::MAX);
    Some(match (few, examples) {
        (Some(1), true) => format!("always {all}"),
        (_, true) if matches!(of, HiveType::Timestamp | HiveType::Date) => format!("such as {}", list(1)),
        (Some(_), true) if all.len() <= SHORT => format!("one of {all}"),
        (Some(count), true) => format!("{count} different, such as {}", list(EXAMPLES)),
        (None, true) => format!("such as {}", list(EXAMPLES)),
        (Some(count), false) => format!("{count} different"),
        (None, false) => return None,
    })
}

/// A time as it is in SQL.
pub(super) fn moment(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

fn day(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).map(|time| time.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_round_to_all_or_nothing() {
        let shown = [(1, 1), (999, 1_000), (99_999, 100_000), (1, 100_000), (1, 40), (1, 3), (0, 0)];
        let shown = shown.map(|(part, whole)| percent(part, whole));
        assert_eq!(shown, ["100 %", "> 99 %", "> 99.9 %", "< 0.1 %", "2.5 %", "33 %", "100 %"]);
    }
}
