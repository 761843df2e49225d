//! What was ever compacted below a landing prefix: where a listing may begin. Pure.

use crate::landing::{below, layout};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// How those folders are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    layouts: Vec<String>,
}

/// More layouts than any stream has had: of what else looks like one all is listed.
const MOST_LAYOUTS: usize = 16;

/// Notes an object that was brought by a run of that share, at the time `now`.
///
/// A key that tells a time to come says nothing of how new the others are.
pub(super) fn note(
    all: &mut Vec<Brought>,
    landing: &[String],
    shard: &Option<String>,
    (url, delivered): (&str, DateTime<Utc>),
    now: DateTime<Utc>,
) {
    let Some((prefix, key)) = landing.iter().find_map(|prefix| Some((prefix, below(prefix, url)?))) else { return };
    let at = all.iter().position(|known| known.landing == *prefix && known.shard == *shard).unwrap_or_else(|| {
        all.push(Brought { landing: prefix.clone(), shard: shard.clone(), newest: None, layouts: Vec::new() });
        all.len() - 1
    });
    let (known, Some(layout)) = (&mut all[at], layout(key)) else { return };
    if delivered <= now {
        known.newest = known.newest.max(Some(delivered));
    }
    if !known.layouts.contains(&layout) && known.layouts.len() < MOST_LAYOUTS {
        known.layouts.push(layout);
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

/// How the date folders of what was brought are written, by runs of any share.
pub(super) fn layouts(all: &[Brought], landing: &str) -> Vec<String> {
    let layouts = all.iter().filter(|known| known.landing == landing).flat_map(|known| &known.layouts);
    layouts.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_by_prefix_and_share() {
        let landing = ["s3://b/web", "s3://b/web2", "s3://b/logs*"].map(str::to_owned);
        let mut all = Vec::new();
        let hour = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let urls = [
            ("s3://b/web/2026/11/20/03/x", None, 3),
            ("s3://b/web/2026/11/20/01/x", None, 1),
            ("s3://b/web/2026/11/20/05/x", Some("1/2"), 5),
            ("s3://b/web/2026/11/20/07/x", Some("2/2"), 7),
            ("s3://b/web2/x", None, 9),
            ("s3://c/2026/11/20/09/x", None, 9),
            ("s3://b/logs2026/11/20/02/x", None, 2),
            ("s3://b/logs/dt=2026-11-20/x", None, 3),
            ("s3://b/logsdt=2026-11-20/x", None, 99), // to come
        ];
        for (url, shard, at) in urls {
            note(&mut all, &landing, &shard.map(str::to_owned), (url, hour(at)), hour(10));
        }
        let web = |shard| newest(&all, "s3://b/web", shard);
        assert_eq!([web(None), web(Some("1/2")), web(Some("3/4"))], [7, 5, 3].map(|at| Some(hour(at))));
        assert_eq!((newest(&all, "s3://b/web2", None), any(&all, "s3://b/web2")), (None, true));
        assert!(!any(&all, "s3://c"));
        assert_eq!(newest(&all, "s3://b/logs*", None), Some(hour(2)));
        assert_eq!(layouts(&all, "s3://b/logs*"), ["%Y/%m/%d/%H/", "dt=%Y-%m-%d/"]);
        assert_eq!(layouts(&all, "s3://b/web"), ["%Y/%m/%d/%H/"]);
    }
}
