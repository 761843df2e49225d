//! Objects that come after a run, and objects that are touched.

use super::small;
use crate::support::check::check;
use crate::support::lake::{Lake, made};
use crate::support::process::Sandbox;
use crate::support::truth::Truth;
use firelake::jobs::generate::generate;
use std::time::{Duration, SystemTime};

/// Every second object is late: its delivery hour is among those that were compacted already.
#[tokio::test]
async fn late_objects_land_once() {
    let (lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    let (first, later): (Vec<_>, Vec<_>) = objects.iter().enumerate().partition(|(at, _)| at % 2 == 1);
    assert!(first.len() > 2 && later.len() > 2);
    for (objects, commits) in [(first, [1, 1]), (later, [2, 2])] {
        let objects: Vec<_> = objects.into_iter().map(|(_, object)| object.clone()).collect();
        lake.land(&objects).await;
        let report = lake.compact().await.unwrap();
        assert_eq!((report.summary.objects, report.summary.commits), (objects.len() as u64, Some(commits)));
        if commits == [1, 1] {
            check(&lake.lake, &lake.landing, &truth.only(|key| objects.iter().any(|object| object.key == key))).await;
        }
    }
    check(&lake.lake, &lake.landing, &truth).await;
    assert_eq!(lake.compact().await.unwrap().summary.commits, None);
}

/// Another etag and another time are the same object.
#[tokio::test]
async fn an_object_put_again_is_not_read_twice() {
    let (lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    lake.land(&objects).await;
    lake.compact().await.unwrap();
    lake.land(&objects).await;
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.commits, report.summary.objects), (None, 0));
    check(&lake.lake, &lake.landing, &truth).await;
}

#[tokio::test]
async fn a_touched_file_is_not_read_twice() {
    let (sandbox, truth) = (Sandbox::new(), Truth::of(&small()));
    let (lake, landing) = (sandbox.location("lake"), sandbox.location("landing"));
    generate(&small(), &landing).await.unwrap();
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access");
    for path in sandbox.files("landing") {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000)).unwrap();
    }
    sandbox.ok("compact --lake lake --table access").says(&["nothing new to compact"]);
    assert_eq!(sandbox.commits("lake", "access"), 2);
    check(&lake, &landing, &truth).await;
}
