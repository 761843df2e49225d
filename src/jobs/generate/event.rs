//! The truth: what a reader should get, told by the generator and not by reading what it wrote.

use super::encode::{put_filled, put_referer};
use super::objects::time;
use super::options::GenerateFormat;
use super::traffic::Hit;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// One generated record, as the columns of the schema that reads its format should show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Event time, whole seconds.
    pub ts: DateTime<Utc>,
    /// When it reached Firehose.
    pub arrival: DateTime<Utc>,
    /// The time in its object's key: when the object's oldest record arrived. Its hour is the delivery hour.
    pub delivered: DateTime<Utc>,
    /// The key of its object, below the landing location.
    pub object: Arc<str>,
    /// Whether it arrived hours after its event time. A late event's delivery hour is later than its event's hour; so may be
    /// that of an event just before a full hour.
    pub late: bool,
    /// Whether its record cannot be decoded: all else here is what it would have said.
    pub broken: bool,
    /// An address, or a host's name.
    pub client_ip: String,
    /// `None` in a format that has no place for it.
    pub user_name: Option<String>,
    /// `None` where the client connected and said nothing; so are path, query string and protocol.
    pub method: Option<String>,
    /// Up to the first question mark, percent-encoded as it came.
    pub path: Option<String>,
    /// After the first question mark.
    pub query_string: Option<String>,
    /// `None` in a format that has no place for it.
    pub protocol: Option<String>,
    /// HTTP status.
    pub status: i32,
    /// Size of the body. Where none was sent, the agent's format has NULL and Apache's own 0.
    pub bytes: Option<i64>,
    /// The Referer header.
    pub referer: Option<String>,
    /// The User-Agent header.
    pub agent: Option<String>,
}

impl Event {
    /// The event of a hit, whose object is not known yet.
    pub(super) fn of(hit: &Hit, client: &str, format: GenerateFormat, broken: bool) -> Self {
        let combined = format == GenerateFormat::CombinedApache;
        let request = hit.visit.request;
        let bytes = hit.visit.bytes.map(i64::from);
        Event {
            ts: time(hit.ts),
            arrival: time(hit.arrival),
            delivered: time(hit.arrival),
            object: "".into(),
            late: hit.late,
            broken,
            client_ip: client.into(),
            user_name: hit.user.filter(|_| combined).map(str::to_owned),
            method: request.map(|request| request.method.into()),
            path: request.map(|request| text(|out| put_filled(out, &request.target.path))),
            query_string: request.and_then(|r| r.target.query).map(|query| text(|out| put_filled(out, &query))),
            protocol: request.filter(|_| combined).map(|request| request.protocol.into()),
            status: i32::from(hit.visit.status),
            bytes: if combined { bytes } else { bytes.or(Some(0)) },
            referer: hit.visit.referer.map(|referer| text(|out| put_referer(out, referer))),
            agent: hit.agent.map(|agent| agent.value.into()),
        }
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
