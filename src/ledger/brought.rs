//! What was ever compacted below a landing prefix: where a listing may begin. Pure.

use crate::landing::has_date_folders;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// That objects below a landing prefix were compacted, and the newest delivery of them. It stays where a rollback takes them
/// out: they wait then, and are looked at wherever a listing begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    /// The prefix's canonical URL.
    landing: String,
    /// The share of the landed objects that the runs took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    /// Of objects in date folders right below the prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<DateTime<Utc>>,
}

/// Notes an object that was brought by a run of that share.
pub(super) fn note(all: &mut Vec<Brought>, landing: &[String], shard: &Option<String>, url: &str, at: DateTime<Utc>) {
    let below = |prefix: &&String| relative(prefix, url).is_some();
    let Some(prefix) = landing.iter().find(below) else { return };
    let dated = relative(prefix, url).is_some_and(has_date_folders).then_some(at);
    match all.iter_mut().find(|known| known.landing == *prefix && known.shard == *shard) {
        Some(known) => known.newest = known.newest.max(dated),
        None => all.push(Brought { landing: prefix.clone(), shard: shard.clone(), newest: dated }),
    }
}

/// Whether any object below the prefix was ever brought.
pub(super) fn any(all: &[Brought], landing: &str) -> bool {
    all.iter().any(|known| known.landing == landing)
}

/// The newest delivery of what runs of that share brought, and runs without a share; of no share: of all runs.
pub(super) fn newest(all: &[Brought], landing: &str, shard: Option<&str>) -> Option<DateTime<Utc>> {
    let counts = |known: &&Brought| shard.is_none() || known.shard.is_none() || known.shard.as_deref() == shard;
    all.iter().filter(|known| known.landing == landing).filter(counts).filter_map(|known| known.newest).max()
}

fn relative<'a>(prefix: &str, url: &'a str) -> Option<&'a str> {
    url.strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_by_prefix_and_share() {
        let (landing, mut all) = (["s3://b/web".to_owned(), "s3://b/web2".to_owned()], Vec::new());
        let hour = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let urls = [
            ("s3://b/web/2026/11/20/03/x", None, 3),
            ("s3://b/web/2026/11/20/01/x", None, 1),
            ("s3://b/web/2026/11/20/05/x", Some("1/2"), 5),
            ("s3://b/web/2026/11/20/07/x", Some("2/2"), 7),
            ("s3://b/web2/x", None, 9),
            ("s3://c/2026/11/20/09/x", None, 9),
        ];
        for (url, shard, at) in urls {
            note(&mut all, &landing, &shard.map(str::to_owned), url, hour(at));
        }
        let web = |shard| newest(&all, "s3://b/web", shard);
        assert_eq!([web(None), web(Some("1/2")), web(Some("3/4"))], [7, 5, 3].map(|at| Some(hour(at))));
        assert_eq!((newest(&all, "s3://b/web2", None), any(&all, "s3://b/web2")), (None, true));
        assert!(!any(&all, "s3://c"));
    }
}
