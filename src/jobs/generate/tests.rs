//! What the generator promises, over whole runs.

use super::*;
use crate::error::Kind;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use object_store::memory::InMemory;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

const COMBINED: [&str; 9] =
    ["host", "ident", "authuser", "datetime", "request", "response", "bytes", "referer", "agent"];
const APACHE: [&str; 10] = [
    "request_time",
    "client_ip",
    "client_hostname",
    "server_ip",
    "request",
    "http_method",
    "status",
    "size",
    "userAgent",
    "referer",
];

fn plain() -> GenerateOptions {
    GenerateOptions { hours: 3, compression: Compression::None, ..Default::default() }
}

fn landed(options: &GenerateOptions) -> Vec<Object> {
    objects(options).unwrap().map(|object| object.unwrap()).collect()
}

fn memory() -> (Arc<InMemory>, Location) {
    let store = Arc::new(InMemory::new());
    (store.clone(), Location::in_store(store, "memory:///", "landing"))
}

fn run(options: &GenerateOptions, landing: &Location) -> Result<Generated> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(generate(options, landing))
}

fn lines(object: &Object) -> impl Iterator<Item = &[u8]> {
    object.body.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap())
}

/// The hour of the key's folder, after checking the whole key against it.
fn delivery_hour(key: &str, prefix: &str, suffix: &str) -> DateTime<Utc> {
    let (folder, name) = key.strip_prefix(prefix).unwrap().rsplit_once('/').unwrap();
    let name = name.strip_prefix("web-access-1-").unwrap().strip_suffix(suffix).unwrap();
    let (time, uuid) = name.split_at(19);
    let time = chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d-%H-%M-%S").unwrap().and_utc();
    assert_eq!(folder, time.format("%Y/%m/%d/%H").to_string());
    assert_eq!(uuid::Uuid::parse_str(&uuid[1..]).unwrap().get_version_num(), 4);
    time.duration_trunc(TimeDelta::hours(1)).unwrap()
}

#[test]
fn the_same_options_give_the_same_keys_and_bytes_and_others_give_others() {
    for compression in [Compression::None, Compression::Gzip] {
        let options = GenerateOptions { compression, ..plain() };
        let first = landed(&options);
        assert_eq!(first, landed(&options));
        let other = landed(&GenerateOptions { seed: 2, ..options.clone() });
        let later = landed(&GenerateOptions { broken: 0.5, ..options });
        let keys: HashSet<_> = first.iter().chain(&other).chain(&later).map(|object| &object.key).collect();
        assert_eq!(keys.len(), first.len() + other.len() + later.len());
        assert_ne!(first[0].body, other[0].body);
    }
}

#[test]
fn keys_are_those_of_firehose() {
    let gzip = GenerateOptions { prefix: "web/".into(), compression: Compression::Gzip, ..plain() };
    for object in landed(&gzip) {
        let hour = object.delivered.duration_trunc(TimeDelta::hours(1)).unwrap();
        assert_eq!(delivery_hour(&object.key, "web/", ".gz"), hour);
    }
    let bare = GenerateOptions { prefix: "web".into(), ..plain() };
    assert!(landed(&bare).iter().all(|object| object.key.starts_with("web2026/11/20/")));
}

#[test]
fn an_object_ends_with_its_buffer() {
    let events: Vec<_> = events(&plain()).unwrap().collect();
    for event in &events {
        assert!((0..300).contains(&(event.arrival - event.delivered).num_seconds()));
    }
    let small = GenerateOptions { max_object_bytes: 10_000, ..plain() };
    let objects = landed(&small);
    assert!(objects.len() > 250, "{}", objects.len());
    assert!(objects.iter().all(|object| object.records > 0 && object.raw_bytes < 11_000));
    assert_eq!(objects.iter().map(|object| object.records).sum::<u64>(), small.records());
}

/// What a reader makes of a combined record, by the schema's rules written out by hand.
fn read_combined(record: &Map<String, Value>) -> Event {
    assert_eq!(record.keys().collect::<HashSet<_>>(), COMBINED.map(String::from).iter().collect());
    assert!(record.values().all(|value| value.is_string() || value.is_null()));
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let request = text("request");
    let mut words = request.iter().flat_map(|request| request.split(' ')).map(str::to_owned);
    let (method, target, protocol) = (words.next(), words.next(), words.next());
    let mut event = read(&text("datetime").unwrap(), target);
    event.client_ip = text("host").unwrap();
    event.user_name = text("authuser");
    event.status = text("response").unwrap().parse().unwrap();
    event.bytes = text("bytes").map(|bytes| bytes.parse().unwrap());
    Event { method, protocol, referer: text("referer"), agent: text("agent"), ..event }
}

fn read_apache(record: &Map<String, Value>) -> Event {
    assert_eq!(record.keys().collect::<HashSet<_>>(), APACHE.map(String::from).iter().collect());
    let text = |name: &str| Some(record[name].as_str().unwrap().to_owned()).filter(|text| text != "-");
    let time = text("request_time").unwrap();
    let mut event = read(time.trim_matches(['[', ']']), text("request").filter(|target| !target.is_empty()));
    event.client_ip = text("client_ip").unwrap();
    event.status = text("status").unwrap().parse().unwrap();
    event.bytes = text("size").map(|size| size.parse().unwrap());
    Event { method: text("http_method"), referer: text("referer"), agent: text("userAgent"), ..event }
}

fn read(time: &str, target: Option<String>) -> Event {
    let (path, query_string) = match target.as_deref().and_then(|target| target.split_once('?')) {
        Some((path, query)) => (Some(path.to_owned()), Some(query.to_owned())),
        None => (target, None),
    };
    Event {
        ts: DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").unwrap().to_utc(),
        arrival: DateTime::UNIX_EPOCH,
        delivered: DateTime::UNIX_EPOCH,
        object: "".into(),
        late: false,
        broken: false,
        client_ip: String::new(),
        user_name: None,
        method: None,
        path,
        query_string,
        protocol: None,
        status: 0,
        bytes: None,
        referer: None,
        agent: None,
    }
}

#[test]
fn each_line_says_what_its_event_says() {
    for format in GenerateFormat::ALL.iter().copied() {
        let options = GenerateOptions { format, rate: 2.0, broken: 0.01, ..plain() };
        let objects = landed(&options);
        let mut events = events(&options).unwrap();
        for line in objects.iter().flat_map(lines) {
            let event = events.next().unwrap();
            let parsed = serde_json::from_slice::<Map<String, Value>>(line).ok();
            assert_eq!(parsed.is_none(), event.broken, "{}", String::from_utf8_lossy(line));
            let Some(record) = parsed else { continue };
            let read = match format {
                GenerateFormat::CombinedApache => read_combined(&record),
                GenerateFormat::ApacheJson => read_apache(&record),
            };
            let Event { arrival, delivered, late, .. } = event;
            assert_eq!(Event { object: event.object.clone(), arrival, delivered, late, ..read }, event);
        }
        assert_eq!(events.next(), None);
    }
}

#[test]
fn combined_records_are_compact_and_in_the_order_of_the_log_line() {
    let objects = landed(&GenerateOptions { broken: 0.0, ..plain() });
    for line in objects.iter().flat_map(lines) {
        let text = std::str::from_utf8(line).unwrap();
        let places: Vec<_> = COMBINED.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted() && places[0] == 1, "{text}");
        assert!(!text.contains("\": ") && !text.contains("\", \""), "{text}");
    }
}

#[test]
fn the_counts_are_those_of_the_events() {
    let options = GenerateOptions { hours: 24, late: 0.02, broken: 0.01, ..plain() };
    let (_, landing) = memory();
    let generated = run(&options, &landing).unwrap();
    let events: Vec<_> = events(&options).unwrap().collect();
    let count = |wanted: fn(&&Event) -> bool| events.iter().filter(wanted).count() as u64;
    assert_eq!(generated.records, 86_400);
    assert_eq!(generated.records, count(|_| true));
    assert_eq!(generated.broken, count(|event| event.broken));
    assert_eq!(generated.late, count(|event| event.late));
    assert!((1_600..1_850).contains(&generated.late), "{}", generated.late);
    assert!((780..950).contains(&generated.broken), "{}", generated.broken);
    let keys: HashSet<_> = events.iter().map(|event| event.object.clone()).collect();
    assert_eq!(generated.objects, keys.len() as u64);
    assert_eq!(generated.bytes, generated.raw_bytes);
    let objects = landed(&options);
    assert_eq!(generated.bytes, objects.iter().map(|object| object.body.len() as u64).sum::<u64>());
}

#[test]
fn late_records_land_in_a_later_delivery_hour() {
    let hour = |time: DateTime<Utc>| time.duration_trunc(TimeDelta::hours(1)).unwrap();
    let options = GenerateOptions { late: 0.2, buffer_seconds: 900, ..plain() };
    let late: Vec<_> = events(&options).unwrap().filter(|event| event.late).collect();
    assert!(late.len() > 1000);
    assert!(late.iter().all(|event| hour(event.delivered) > hour(event.ts)));
    let none = GenerateOptions { late: 0.0, broken: 0.0, ..plain() };
    assert!(events(&none).unwrap().all(|event| !event.late && !event.broken));
    let all = GenerateOptions { late: 1.0, broken: 1.0, hours: 1, ..plain() };
    assert!(events(&all).unwrap().all(|event| event.late && event.broken));
}

#[test]
fn without_a_delimiter_records_stand_back_to_back() {
    for format in GenerateFormat::ALL.iter().copied() {
        let options = GenerateOptions { format, delimiter: Delimiter::None, broken: 0.0, ..plain() };
        for object in landed(&options) {
            assert!(!object.body.contains(&b'\n'));
            let records = serde_json::Deserializer::from_slice(&object.body).into_iter::<Value>();
            assert_eq!(records.filter(|record| record.is_ok()).count() as u64, object.records);
        }
    }
}

#[test]
fn gzip_is_one_member_of_the_same_records() {
    let raw = landed(&plain());
    let compressed = landed(&GenerateOptions { compression: Compression::Gzip, ..plain() });
    assert_eq!(raw.len(), compressed.len());
    for (raw, compressed) in raw.iter().zip(&compressed) {
        let mut decoder = flate2::bufread::GzDecoder::new(&compressed.body[..]);
        let mut body = Vec::new();
        decoder.read_to_end(&mut body).unwrap();
        assert_eq!(decoder.header().unwrap().mtime(), 0);
        assert!(decoder.into_inner().is_empty());
        assert_eq!((body, compressed.raw_bytes), (raw.body.clone(), raw.raw_bytes));
    }
}

#[test]
fn the_traffic_is_worth_a_look() {
    let options = GenerateOptions { hours: 24, rate: 1.0, ..plain() };
    let events: Vec<_> = events(&options).unwrap().collect();
    let share =
        |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count() as f64 / events.len() as f64;
    let status = |from: i32, to: i32| {
        events.iter().filter(|event| (from..to).contains(&event.status)).count() as f64 / events.len() as f64
    };
    assert!(status(200, 300) > 0.5 && status(300, 400) > 0.05 && status(400, 500) > 0.05);
    assert!((0.001..0.05).contains(&status(500, 600)), "{}", status(500, 600));
    assert!(
        (0.05..0.4).contains(&share(|event| event.agent.as_ref().is_some_and(|a| a.to_lowercase().contains("bot"))))
    );
    assert!((0.02..0.3).contains(&share(|event| event.client_ip.contains(':'))));
    assert!((0.05..0.6).contains(&share(|event| event.query_string.is_some())));
    assert!((0.001..0.1).contains(&share(|event| event.user_name.is_some())));
    assert!((0.05..0.4).contains(&share(|event| event.bytes.is_none())));
    assert!(share(|event| event.method.is_none()) > 0.0);
    assert!(share(|event| event.agent.as_ref().is_some_and(|agent| !agent.is_ascii())) > 0.0);
    assert!(share(|event| event.path.as_ref().is_some_and(|path| path.contains('%'))) > 0.0);
}

#[test]
fn the_hosts_csv_knows_some_sources_and_not_others() {
    let csv = hosts_csv();
    let known: HashSet<_> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let events: Vec<_> = events(&GenerateOptions { hours: 24, ..plain() }).unwrap().collect();
    let seen: HashSet<_> = events.iter().map(|event| event.client_ip.as_str()).collect();
    assert!(known.intersection(&seen).count() >= 20);
    assert!(known.difference(&seen).count() >= 4);
    let of_known = events.iter().filter(|event| known.contains(event.client_ip.as_str())).count();
    assert!((8_000..60_000).contains(&of_known), "{of_known}");
}

#[test]
fn run_again_it_lands_what_is_missing() {
    let (store, landing) = memory();
    let options = GenerateOptions { prefix: "web/".into(), compression: Compression::Gzip, ..plain() };
    let first = run(&options, &landing).unwrap();
    assert_eq!(first.already_there, 0);
    let object = &landed(&options)[1];
    let path = landing.path(&object.key);
    assert_eq!(path.as_ref(), format!("landing/{}", object.key));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let got = runtime.block_on(async {
        let got = store.get_opts(&path, Default::default()).await.unwrap();
        let encoding = got.attributes.get(&Attribute::ContentEncoding).unwrap().to_string();
        (encoding, got.bytes().await.unwrap())
    });
    assert_eq!(got, ("gzip".to_owned(), object.body.clone().into()));
    runtime.block_on(async { object_store::ObjectStoreExt::delete(&*store, &path).await }).unwrap();
    let again = run(&options, &landing).unwrap();
    assert_eq!(again, Generated { already_there: first.objects - 1, ..first });
}

#[test]
fn options_are_checked_before_and_a_landing_that_refuses_is_named() {
    let (_, landing) = memory();
    let error = run(&GenerateOptions { hours: 0, ..plain() }, &landing).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let below_a_file = Location::in_store(
        Location::open(dir.path().to_str().unwrap()).unwrap().store().clone(),
        "file:///",
        &format!("{}/file", dir.path().canonicalize().unwrap().display()),
    );
    let error = run(&plain(), &below_a_file).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.message().contains("/file") && error.hint_text().is_some(), "{error:?}");
}

#[test]
fn what_is_held_does_not_grow_with_the_hours() {
    let mut objects = objects(&GenerateOptions { hours: 24 * 10, rate: 0.05, ..plain() }).unwrap();
    let (mut count, mut largest) = (0, 0);
    while let Some(object) = objects.next().transpose().unwrap() {
        count += object.records;
        largest = largest.max(objects.held());
    }
    assert_eq!(count, 43_200);
    assert!(largest < 60, "{largest}");
}
