//! The named queries, computed from the events.

use crate::support::rows::{Row, cell};
use crate::support::truth::Truth;
use firelake::jobs::generate::{Event, hosts_csv};
use firelake::query::Library;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Every named query with its rows.
pub fn named(truth: &Truth) -> Vec<(&'static str, Vec<Row>)> {
    let named = vec![
        ("application_windows", application_windows(truth)),
        ("client_windows", busiest_first(truth, 10, |event| event.client_ip.clone())),
        ("status_per_minute", status_per_minute(truth)),
    ];
    let shipped: Vec<String> = Library::default().all().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(shipped, named.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "each named query has its truth here");
    named
}

/// The beginning of the window that an event is in, in milliseconds.
fn window(event: &Event, seconds: i64) -> i64 {
    event.ts.timestamp().div_euclid(seconds) * seconds * 1000
}

/// Events per window and key: by window, the busiest first, then by key.
fn busiest_first(truth: &Truth, seconds: i64, key: impl Fn(&Event) -> String) -> Vec<Row> {
    let mut counts: BTreeMap<(i64, String), u64> = BTreeMap::new();
    truth.whole().for_each(|event| *counts.entry((window(event, seconds), key(event))).or_default() += 1);
    let mut rows: Vec<_> = counts.into_iter().map(|((start, key), count)| (start, Reverse(count), key)).collect();
    rows.sort();
    rows.into_iter().map(|(start, Reverse(count), key)| vec![cell(start), cell(key), cell(count)]).collect()
}

fn status_per_minute(truth: &Truth) -> Vec<Row> {
    let mut counts: BTreeMap<(i64, i32), u64> = BTreeMap::new();
    truth.whole().for_each(|event| *counts.entry((window(event, 60), event.status)).or_default() += 1);
    counts.into_iter().map(|((minute, status), count)| vec![cell(minute), cell(status), cell(count)]).collect()
}

fn application_windows(truth: &Truth) -> Vec<Row> {
    let applications = applications();
    let application = |event: &Event| applications.get(&event.client_ip).cloned().unwrap_or_else(|| "unknown".into());
    let rows = busiest_first(truth, 300, application);
    let names: Vec<&str> = rows.iter().map(|row| row[1].as_deref().unwrap()).collect();
    assert!(names.contains(&"unknown") && names.contains(&"Order Portal"), "the join is put to the test");
    rows
}

/// The application of each host; an empty field says nothing.
fn applications() -> HashMap<String, String> {
    let csv = hosts_csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records.filter(|record| !record[1].is_empty()).map(|record| (record[0].into(), record[1].into())).collect()
}
