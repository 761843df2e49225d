//! Drafts to columns: their names, their comments, what is computed from them.

use super::{Column, Draft};
use crate::discover::names::{Names, snake};
use crate::discover::profile::Values;
use crate::discover::scalars::visible;
use crate::discover::times::{Epoch, KNOWN};
use crate::discover::told;
use crate::table::{Format, HiveType};

/// CloudWatch's own fields, with names as people have them in tables, and whether they are text whatever is in them.
const OF_CLOUDWATCH: [(&str, &str, bool); 5] = [
    ("logGroup", "log_group", true),
    ("logStream", "log_stream", true),
    ("owner", "owner", true),
    ("id", "event_id", true),
    ("subscriptionFilters", "filters", false),
];

/// Digits in some of CloudWatch's own fields are names: accounts and ids.
fn is_label_of_cloudwatch(format: Format, path: &[String]) -> bool {
    let label = |name: &String| OF_CLOUDWATCH.iter().any(|(known, _, label)| known == name && *label);
    format == Format::CloudwatchLogs && matches!(path, [first, name] if first == "cloudwatch" && label(name))
}

/// Names that firelake has for itself.
const OWN: [&str; 3] = ["extra", "dt", "hour"];

pub(super) fn name_all(
    format: Format,
    drafts: Vec<Draft<'_>>,
    event: Option<usize>,
    records: u64,
    taken: &[&str],
) -> Vec<Column> {
    let mut names = Names::new(OWN.iter().chain(taken).copied());
    let ts = event.filter(|event| is_free(&drafts, *event, "ts"));
    let given = given(format, &drafts, ts, &mut names);
    let mut columns = Vec::with_capacity(drafts.len());
    for (at, (draft, (name, why))) in drafts.into_iter().zip(given).enumerate() {
        let (is_event, computed) = (event == Some(at), draft.inferred.computed);
        let mut column = column(format, draft, name, why, records);
        let Some(unit) = computed else {
            columns.push(Column { event_time: is_event, ..column });
            continue;
        };
        let name = match ts == Some(at) {
            true => "ts".to_owned(),
            false => names.give(&format!("{}_time", column.name)).0,
        };
        let time = computed_time(&column, unit, name, is_event);
        column.notes.retain(|note| !note.starts_with("the event time"));
        columns.extend([column, time]);
    }
    columns
}

/// Whether no other draft has this name by itself.
fn is_free(drafts: &[Draft<'_>], event: usize, name: &str) -> bool {
    !drafts.iter().enumerate().any(|(at, draft)| at != event && draft.path.len() == 1 && snake(&draft.path[0]) == name)
}

/// A name for each draft, and why it is another than its field's. What has its name already keeps it, but the event time at `ts`,
/// which is called as in every shipped schema; where it is computed, `ts` is what it is computed to.
fn given(format: Format, drafts: &[Draft<'_>], ts: Option<usize>, names: &mut Names) -> Vec<(String, Option<String>)> {
    let mut given = vec![None; drafts.len()];
    if let Some(at) = ts {
        let name = names.give("ts");
        given[at] = Some(name).filter(|_| drafts[at].inferred.computed.is_none());
    }
    for keeps in [true, false] {
        for (given, draft) in given.iter_mut().zip(drafts) {
            let wanted = wanted(format, draft);
            let has_it = !wanted.is_empty() && draft.path.join(".").to_lowercase() == wanted;
            if given.is_none() && has_it >= keeps {
                *given = Some(names.give(&wanted));
            }
        }
    }
    given.into_iter().map(Option::unwrap_or_default).collect()
}

fn wanted(format: Format, draft: &Draft<'_>) -> String {
    match (format, &draft.path[..]) {
        (Format::CloudwatchLogs, [first, name]) if first == "cloudwatch" => {
            let known = OF_CLOUDWATCH.iter().find(|(known, ..)| known == name);
            known.map_or_else(|| snake(&format!("cloudwatch_{name}")), |(_, column, _)| (*column).to_owned())
        }
        (_, path) => snake(&path.join("_")),
    }
}

fn column(format: Format, draft: Draft<'_>, name: String, why: Option<String>, records: u64) -> Column {
    let Draft { path, values, inferred, mut notes, present } = draft;
    let from = path.join(".");
    let inferred = if is_label_of_cloudwatch(format, &path) { inferred.into_text() } else { inferred };
    if let Some(why) = why {
        notes.push(format!("named {name}, because {why}"));
    }
    notes.extend(inferred.notes.iter().map(|note| visible(note)));
    if inferred.misfits > 0 {
        notes.push(told::misfits(inferred.misfits));
    }
    if inferred.local {
        notes.push(zone(values));
    }
    let about = [true, false].map(|examples| told::about(values, &inferred, present, records, examples));
    Column {
        from: (from.to_lowercase() != name).then_some(from),
        name,
        null: inferred.null.iter().copied().collect(),
        formats: in_order(&inferred.formats),
        local: inferred.local,
        expr: None,
        event_time: false,
        notes,
        about,
        of: inferred.of,
    }
}

/// Formats of one column in an order in which none takes what another means: a number of milliseconds is no number of seconds
/// of the years that there are, the reverse is a time in 1970.
fn in_order(formats: &[&'static str]) -> Vec<&'static str> {
    let place = |format: &&str| match *format {
        "epoch_s" => KNOWN.len(),
        "epoch_ms" => KNOWN.len() + 1,
        format => KNOWN.iter().position(|known| known.format == format).unwrap_or(0),
    };
    let mut sorted = formats.to_vec();
    sorted.sort_by_key(place);
    sorted
}

/// What is known of a clock that does not tell its offset.
fn zone(values: &Values) -> String {
    let Some(ahead) = values.times.lags.half_hours_ahead() else {
        return "no offset in the times: put the producer's zone here, if its clock is not UTC".into();
    };
    let (hours, half) = (f64::from(ahead) / 2.0, ahead % 2 != 0);
    let sign = if ahead > 0 { "ahead of" } else { "behind" };
    let same = match half {
        true => String::new(),
        // the sign of these names is the other way round
        false => {
            format!("; zone = \"Etc/GMT{:+}\" would make them agree, a city's zone follows its summer time", -ahead / 2)
        }
    };
    format!("no offset in the times, which are about {} h {sign} their delivery: check the zone{same}", hours.abs())
}

/// The time that a number of micro- or nanoseconds is.
fn computed_time(of: &Column, unit: Epoch, name: String, event_time: bool) -> Column {
    let divisor = if unit == Epoch::Micros { 1_000 } else { 1_000_000 };
    let why = of.notes.iter().filter(|note| note.starts_with("the event time")).cloned();
    Column {
        name,
        of: HiveType::Timestamp,
        from: None,
        null: Vec::new(),
        formats: Vec::new(),
        local: false,
        expr: Some(format!("to_timestamp_millis({} / {divisor})", of.name)),
        event_time,
        notes: why.chain([format!("{} of {}", unit.word(), of.name)]).collect(),
        about: Default::default(),
    }
}
