//! The named queries, computed from the events.

use crate::support::rows::{Row, cell};
use crate::support::truth::Truth;
use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use firelake::jobs::generate::{Event, hosts_csv};
use firelake::query::Library;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Every named query with its rows.
pub fn named(truth: &Truth) -> Vec<(&'static str, Vec<Row>)> {
    let named = vec![
        ("application_windows", application_windows(truth)),
        ("client_windows", busiest_first(truth, 10, |event| event.client_ip.clone())),
        ("errors_per_hour", errors_per_hour(truth)),
        ("status_per_minute", status_per_minute(truth)),
        ("top_urls", top_urls(truth)),
    ];
    assert_eq!(of_access(), named.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "each has its truth here");
    named
}

/// The named queries of the table `access`; `columns::shipped` has the answers of the others.
pub fn of_access() -> Vec<String> {
    let shipped = Library::default().all().unwrap().into_iter();
    let of_access = shipped.filter(|(_, query)| query.text().contains("FROM access\n"));
    of_access.map(|(name, _)| name).collect()
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

fn errors_per_hour(truth: &Truth) -> Vec<Row> {
    let mut hours: BTreeMap<i64, [u32; 3]> = BTreeMap::new();
    for event in truth.whole() {
        let [all, client, server] = hours.entry(window(event, 3600)).or_default();
        *all += 1;
        *client += u32::from((400..500).contains(&event.status));
        *server += u32::from(event.status >= 500);
    }
    let rate = |all: u32, server: u32| {
        let rate: ArrayRef = Arc::new(Float64Array::from(vec![f64::from(server) / f64::from(all)]));
        cell(cast(&rate, &DataType::Utf8).unwrap().as_string::<i32>().value(0))
    };
    let row = |(hour, [all, client, server]): (i64, [u32; 3])| {
        vec![cell(hour), cell(all), cell(client), cell(server), rate(all, server)]
    };
    hours.into_iter().map(row).collect()
}

fn top_urls(truth: &Truth) -> Vec<Row> {
    type Sums = (u64, Option<i64>, Option<i64>);
    let mut urls: BTreeMap<(bool, Option<String>), Sums> = BTreeMap::new();
    for event in truth.whole() {
        let (requests, bytes, largest) = urls.entry((event.path.is_none(), event.path.clone())).or_default();
        *requests += 1;
        *largest = (*largest).max(event.bytes);
        *bytes = event.bytes.map_or(*bytes, |more| Some(bytes.unwrap_or(0) + more));
    }
    let mut rows: Vec<((bool, Option<String>), Sums)> = urls.into_iter().collect();
    rows.sort_by_key(|(_, (requests, bytes, _))| (Reverse(*bytes), Reverse(*requests)));
    let text = |number: Option<i64>| number.map(|number| number.to_string());
    let row = |((_, path), (requests, bytes, largest))| vec![path, cell(requests), text(bytes), text(largest)];
    rows.into_iter().take(20).map(row).collect()
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
