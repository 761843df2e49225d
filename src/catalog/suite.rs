//! What every catalog must pass: [`every_catalog!`] makes a test of each function here.
//!
//! A [`Rig`] is a lake in memory with a real ledger, whose readers are checked after every step: what the catalog points at
//! is exactly what was live in that partition as of the commit that the catalog names.

mod faults;
mod loose;
mod rig;

pub(crate) use faults::{Faults, When};
pub(crate) use loose::Loose;
pub(crate) use rig::{Make, Rig, commit, pins};

use crate::catalog::{Applied, COMMIT_PARAMETER, CatalogTable, Changes, PartitionChange, PartitionEntry, TableChange};
use crate::error::Kind;
use crate::table::{FileSet, HiveType, Partition};
use object_store::ObjectStoreExt;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Makes a test of each function of the suite; `$make` opens the catalog of a lake. `rounds`: how many seeds and random
/// histories, fewer for a catalog that is slow to ask.
macro_rules! every_catalog {
    ($make:expr) => {
        $crate::catalog::suite::every_catalog!($make, rounds: 40);
    };
    ($make:expr, rounds: $rounds:expr) => {
        $crate::catalog::suite::every_catalog!($make;
            says_what_it_was_told, follows_the_ledger, publishing_again_changes_nothing, rejected_records_are_a_table_too,
            a_table_without_keys_moves_whole, what_fails_anywhere_is_repaired, a_late_call_is_repaired, a_lost_tail_is_an_error, a_copy_that_is_there_is_left_alone,
            what_does_not_belong_is_not_published, a_lost_live_file_is_an_error, foreign_tables_are_not_touched,
            other_parameters_stay, a_plan_changes_nothing, another_schema_is_published);

        #[test]
        fn readers_always_see_a_commit() {
            $crate::catalog::suite::readers_always_see_a_commit($make, $rounds + $rounds / 2);
        }

        #[tokio::test]
        async fn two_publishers_agree() {
            $crate::catalog::suite::two_publishers_agree($make, $rounds).await;
        }

        #[tokio::test]
        async fn commits_land_meanwhile() {
            $crate::catalog::suite::commits_land_meanwhile($make, $rounds).await;
        }
    };
    ($make:expr; $($name:ident),*) => {$(
        #[tokio::test]
        async fn $name() {
            $crate::catalog::suite::$name($make).await;
        }
    )*};
}
pub(crate) use every_catalog;

fn day(n: u8) -> Partition {
    format!("dt={n}").as_str().into()
}

pub(crate) async fn says_what_it_was_told(make: Make) {
    let rig = Rig::new(make, true).await;
    let catalog = &rig.catalog;
    assert_eq!(catalog.table("logs", "t").await.unwrap(), None);
    let column = |name: &str, hive_type| (name.to_owned(), hive_type, Some(format!("about {name}"))).into();
    let table = CatalogTable {
        description: "a table".into(),
        columns: vec![column("a", HiveType::Bigint), column("b", HiveType::Decimal(10, 2))],
        partition_keys: vec!["dt".into()],
        location: "memory:///lake/logs/t/data/".into(),
        ..Default::default()
    }
    .with_watermark(1);
    let entry = |location: &str, commit| PartitionEntry { location: format!("memory:///lake/{location}/"), commit };
    let put = |n, from: Option<PartitionEntry>, to| PartitionChange { partition: day(n), from, to };
    let mut changes = Changes {
        database: "logs".into(),
        table: "t".into(),
        commit: 1,
        token: None,
        decided_at: catalog.now(),
        definition: Some(TableChange::Create(table.clone())),
        partitions: vec![put(1, None, entry("a", 1)), put(2, None, entry("b", 1))],
    };
    assert_eq!(catalog.apply(&changes).await.unwrap(), Applied::Done);
    let there = catalog.table("logs", "t").await.unwrap().unwrap();
    assert_eq!(CatalogTable { token: None, ..there.clone() }, table);
    assert_eq!(catalog.table("logs", "u").await.unwrap(), None);
    assert_eq!(catalog.table("other", "t").await.unwrap(), None);
    assert_eq!(catalog.tables("logs").await.unwrap(), BTreeMap::from([("t".to_owned(), there.clone())]));
    assert_eq!(catalog.tables("other").await.unwrap(), BTreeMap::new());

    // one moves, one is new, one stays
    changes.commit = 2;
    changes.token = there.token.clone();
    changes.partitions = vec![put(2, Some(entry("b", 1)), entry("c", 2)), put(3, None, entry("d", 2))];
    changes.definition = Some(TableChange::Update { to: there.clone().with_watermark(2), from: there.clone() });
    assert_eq!(catalog.apply(&changes).await.unwrap(), Applied::Done);
    assert_eq!(catalog.table("logs", "t").await.unwrap().unwrap().watermark().unwrap(), 2);
    let all = BTreeMap::from([(day(1), entry("a", 1)), (day(2), entry("c", 2)), (day(3), entry("d", 2))]);
    assert_eq!(catalog.partitions("logs", "t", None).await.unwrap(), all);
    let some = catalog.partitions("logs", "t", Some(&[day(9), day(3), day(1)])).await.unwrap();
    assert_eq!(some.into_keys().collect::<Vec<_>>(), [day(1), day(3)]);
    assert_eq!(catalog.partitions("logs", "t", Some(&[])).await.unwrap(), BTreeMap::new());

    // a change of the definition that was decided on an older one must not win
    changes.commit = 1;
    changes.partitions.clear();
    changes.definition = Some(TableChange::Update { to: there.clone().with_watermark(1), from: there });
    assert_eq!(catalog.apply(&changes).await.unwrap(), Applied::Beaten);
    assert_eq!(catalog.table("logs", "t").await.unwrap().unwrap().watermark().unwrap(), 2);
}

pub(crate) async fn follows_the_ledger(make: Make) {
    let mut rig = Rig::new(make, true).await;
    let published = rig.publish_all().await;
    assert_eq!(published.created.len(), 2, "both tables exist before they have partitions");
    let location = rig.catalog.table("logs", "access").await.unwrap().unwrap().location;
    assert_eq!(location, "memory:///lake/logs/access/data/");

    rig.commit("+1 +1 +2").await;
    rig.publish_all().await;
    let first = rig.locations().await;
    let attempt = rig.attempts[1];
    let expected = |n| format!("memory:///lake/logs/access/data/{attempt}/dt={n}/");
    assert_eq!(first, BTreeMap::from([(day(1), expected(1)), (day(2), expected(2))]));

    rig.commit("+1 +3").await;
    let published = rig.publish_all().await;
    assert_eq!((published.commit, published.copied_files), (2, 3));
    assert_eq!(published.moved.iter().map(|(_, p)| p.clone()).collect::<Vec<_>>(), [day(1), day(3)]);
    let second = rig.locations().await;
    assert_eq!(second[&day(1)], "memory:///lake/logs/access/data/p2/dt=1/");
    assert_eq!(second[&day(2)], first[&day(2)]);

    rig.commit("-1 +1 -2").await;
    let published = rig.publish_all().await;
    assert_eq!(published.copied_files, 0, "one attempt replaced dt=1; dt=2 is empty");
    let third = rig.locations().await;
    assert!(third[&day(1)].contains(&rig.attempts[3].to_string()));
    assert_eq!(third[&day(2)], "memory:///lake/logs/access/data/p3/dt=2/");
}

pub(crate) async fn publishing_again_changes_nothing(make: Make) {
    let mut rig = Rig::new(make, true).await;
    for commit in ["+1 +r1", "+1", "-1"] {
        rig.commit(commit).await;
        assert!(rig.publish_all().await.changed);
        let objects = rig.objects().await;
        let again = rig.publish().await.unwrap();
        assert_eq!((again.changed, again.moved.len(), again.copied_files), (false, 0, 0));
        assert_eq!(rig.objects().await, objects);
    }
    // nothing that the catalog shows has changed, so it is not touched
    rig.commit("").await;
    assert!(!rig.publish_all().await.changed);
}

/// Columns and types grow, of the table alone: what shows its partitions stays where it is.
pub(crate) async fn another_schema_is_published(make: Make) {
    for keyed in [true, false] {
        let mut rig = Rig::new(make, keyed).await;
        rig.commit("+1 +2 +r1").await;
        rig.publish_all().await;
        let (locations, mut commit) = (rig.locations().await, 1);
        for of in ["int", "bigint"] {
            rig.evolve(&format!("[[column]]\nname = \"n\"\ntype = \"{of}\"\n")).await;
            commit += 1;
            assert!(rig.publish_all().await.changed);
            let table = rig.catalog.table("logs", "access").await.unwrap().unwrap();
            let columns: Vec<(&str, &str)> = table.columns.iter().map(|c| (&*c.name, &*c.hive_type)).collect();
            assert_eq!(columns, [("ts", "timestamp"), ("n", of), ("extra", "string")]);
            assert_eq!((table.schema_commit(), table.widening), (commit, false));
            assert!(!rig.publish_all().await.changed);
        }
        assert_eq!(rig.locations().await, locations);
        let rejected = rig.catalog.table("logs", "access_rejected").await.unwrap().unwrap();
        assert_eq!((rejected.schema_commit(), rejected.columns.len()), (0, 6));
    }
}

pub(crate) async fn rejected_records_are_a_table_too(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1 +r1").await;
    rig.commit("+r1").await;
    rig.publish_all().await;
    let table = rig.catalog.table("logs", "access_rejected").await.unwrap().unwrap();
    assert_eq!(table.columns[0].name, "object");
    assert_eq!(table.partition_keys, ["dt"]);
    assert_eq!(table.location, "memory:///lake/logs/access/rejected/");
    let entries = rig.catalog.partitions("logs", "access_rejected", None).await.unwrap();
    assert_eq!(entries[&day(1)].location, "memory:///lake/logs/access/rejected/p2/dt=1/");
}

pub(crate) async fn a_table_without_keys_moves_whole(make: Make) {
    let mut rig = Rig::new(make, false).await;
    let location = async |rig: &Rig| rig.catalog.table("logs", "access").await.unwrap().unwrap().location;
    rig.publish_all().await;
    assert_eq!(location(&rig).await, "memory:///lake/logs/access/data/p0/", "not where attempts write");
    rig.commit("+1").await;
    rig.publish_all().await;
    assert_eq!(location(&rig).await, format!("memory:///lake/logs/access/data/{}/", rig.attempts[1]));
    rig.commit("+1 +r1").await;
    let published = rig.publish_all().await;
    assert!(published.moved.contains(&(FileSet::Data, Partition::default())));
    assert_eq!(location(&rig).await, "memory:///lake/logs/access/data/p2/");
    rig.commit("-1").await;
    rig.publish_all().await;
    assert_eq!(location(&rig).await, "memory:///lake/logs/access/data/p3/");
    assert_eq!(rig.catalog.partitions("logs", "access", None).await.unwrap(), BTreeMap::new());
}

/// Fails each call in turn, before and after it took effect, with the process gone after that.
pub(crate) async fn what_fails_anywhere_is_repaired(make: Make) {
    for keyed in [true, false] {
        for when in [When::Before, When::After] {
            let mut call = 0;
            while fails_at(make, keyed, call, when).await {
                call += 1;
            }
            assert!(call >= 8, "{call} calls are too few to be true");
        }
    }
}

async fn fails_at(make: Make, keyed: bool, call: usize, when: When) -> bool {
    let mut rig = Rig::new(make, keyed).await;
    rig.faults.arm(call, when);
    for commit in ["+1 +2", "+1 +r1", "+1 -2 +r1"] {
        rig.commit(commit).await;
        // what failed may have come after all there was to do: only the state tells
        let _ = rig.publish().await;
        rig.check().await;
    }
    let fired = rig.faults.disarm();
    rig.publish_all().await;
    fired
}

pub(crate) async fn two_publishers_agree(make: Make, rounds: u64) {
    for seed in 0..rounds {
        let mut rig = Rig::new(make, true).await;
        for commit in ["+1 +2 +r1", "+1 +r1", "-1 +2"] {
            rig.commit(commit).await;
            rig.faults.interleave(seed);
            let (one, two) = tokio::join!(rig.publish(), rig.publish());
            rig.faults.interleave(0);
            assert_eq!((one.unwrap().commit, two.unwrap().commit), (rig.head(), rig.head()));
            rig.check_current().await;
        }
    }
}

pub(crate) async fn commits_land_meanwhile(make: Make, rounds: u64) {
    for seed in 0..rounds {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1 +2").await;
        let mut other = rig.another_writer();
        rig.faults.interleave(seed);
        let writes = async {
            for commit in ["+1 +r1", "-2 +1"] {
                other.commit(commit).await;
                other.publish().await.unwrap();
            }
        };
        let (published, ()) = tokio::join!(rig.publish(), writes);
        rig.faults.interleave(0);
        published.unwrap();
        other.check_current().await;
    }
}

pub(crate) async fn a_late_call_is_repaired(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1").await;
    rig.publish_all().await;
    rig.commit("-1 +1").await;
    let late = rig.plan().await;
    assert!(!late[0].is_empty() && late[1].is_empty());
    rig.publish_all().await;
    rig.commit("+1").await;
    rig.publish_all().await;
    rig.catalog.apply(&late[0]).await.unwrap();
    rig.check().await;
    rig.publish_all().await;
}

pub(crate) async fn a_lost_tail_is_an_error(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1").await;
    rig.commit("+1").await;
    rig.publish_all().await;
    rig.lose_last_commit().await;
    let before = rig.objects().await;
    let error = rig.publish().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Ledger, "{error:?}");
    assert!(error.message().contains("logs.access") && error.message().contains("commit is 1"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("restore"));
    assert_eq!(rig.objects().await, before);
}

pub(crate) async fn a_copy_that_is_there_is_left_alone(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1").await;
    rig.commit("+1").await;
    let file = rig.live().await[0].clone();
    let copy = rig.table.path(&format!("data/p2/dt=1/{}", file.rsplit('/').next().unwrap()));
    // other bytes, same length: what was there must still be there
    let there = "x".repeat(file.len());
    rig.store.put(&copy, there.clone().into()).await.unwrap();
    let published = rig.publish().await.unwrap();
    assert_eq!(published.copied_files, 1);
    assert_eq!(rig.store.get(&copy).await.unwrap().bytes().await.unwrap(), there);
}

pub(crate) async fn what_does_not_belong_is_not_published(make: Make) {
    for name in ["foreign.parquet", "live"] {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1").await;
        rig.publish_all().await;
        rig.commit("+1").await;
        let name = match name {
            "live" => rig.live().await[0].rsplit('/').next().unwrap().to_owned(),
            name => name.to_owned(),
        };
        rig.store.put(&rig.table.path(&format!("data/p2/dt=1/{name}")), "x".into()).await.unwrap();
        let error = rig.publish().await.unwrap_err();
        assert!(error.message().contains(&format!("data/p2/dt=1/{name}")), "{error:?}");
        rig.check().await;
    }
}

pub(crate) async fn a_lost_live_file_is_an_error(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1").await;
    rig.publish_all().await;
    rig.commit("+1").await;
    let file = rig.live().await[1].clone();
    rig.store.delete(&rig.table.path(&file)).await.unwrap();
    let error = rig.publish().await.unwrap_err();
    assert!(error.message().contains(&file), "{error:?}");
}

pub(crate) async fn foreign_tables_are_not_touched(make: Make) {
    let rig = Rig::new(make, true).await;
    rig.publish().await.unwrap();
    let there = rig.catalog.table("logs", "access").await.unwrap().unwrap();
    // the same name in another lake
    let elsewhere = rig.lake.join("elsewhere/logs/access");
    let error = rig.publish_at(&elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.message().contains(&there.location), "{error:?}");
    // another catalog than the pinned one
    let mut snapshot = rig.history[0].clone();
    snapshot.pins.catalog = "another".into();
    let error = rig.publish_from(&mut snapshot).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(rig.catalog.table("logs", "access").await.unwrap().unwrap(), there);
}

pub(crate) async fn other_parameters_stay(make: Make) {
    let mut rig = Rig::new(make, false).await;
    rig.publish_all().await;
    rig.commit("").await;
    let from = rig.catalog.table("logs", "access").await.unwrap().unwrap();
    let mut to = from.clone();
    to.parameters.insert("owner".into(), "somebody".into());
    let token = from.token.clone();
    let definition = Some(TableChange::Update { from, to });
    let (database, table) = ("logs".into(), "access".into());
    let decided_at = rig.catalog.now();
    let changes = Changes { database, table, commit: 1, token, decided_at, definition, partitions: Vec::new() };
    assert_eq!(rig.catalog.apply(&changes).await.unwrap(), Applied::Done);
    rig.commit("+1").await;
    rig.publish_all().await;
    let parameters = rig.catalog.table("logs", "access").await.unwrap().unwrap().parameters;
    assert_eq!(parameters["owner"], "somebody");
    assert_eq!(parameters[COMMIT_PARAMETER], "2");
}

pub(crate) async fn a_plan_changes_nothing(make: Make) {
    let mut rig = Rig::new(make, true).await;
    rig.commit("+1").await;
    rig.commit("+1").await;
    let before = rig.objects().await;
    let [data, rejected] = rig.plan().await;
    assert!(data.to_string().contains("+ logs.access dt=1 at memory:///lake/logs/access/data/p2/dt=1/ (commit 2)"));
    assert!(rejected.to_string().starts_with("+ logs.access_rejected at "));
    assert_eq!(rig.objects().await, before);
    assert_eq!(rig.catalog.table("logs", "access").await.unwrap(), None);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Commit(String),
    Publish,
    /// The process dies at a call.
    Dies(usize, bool),
    Race(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let token = ("[-+/]", "r?", 1..4u8).prop_map(|(verb, set, day)| format!("{verb}{set}{day}"));
    let commit = proptest::collection::vec(token, 0..5).prop_map(|tokens| Step::Commit(tokens.join(" ")));
    prop_oneof![
        4 => commit,
        2 => Just(Step::Publish),
        2 => (0..8usize, any::<bool>()).prop_map(|(call, after)| Step::Dies(call, after)),
        1 => (1..u64::MAX).prop_map(Step::Race),
    ]
}

pub(crate) fn readers_always_see_a_commit(make: Make, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(config, |(keyed in any::<bool>(), steps in proptest::collection::vec(step(), 1..12))| {
        runtime.block_on(run(make, keyed, &steps));
    });
}

async fn run(make: Make, keyed: bool, steps: &[Step]) {
    let mut rig = Rig::new(make, keyed).await;
    for step in steps {
        match step {
            Step::Commit(tokens) => rig.commit(tokens).await,
            Step::Publish => _ = rig.publish_all().await,
            Step::Dies(call, after) => {
                rig.faults.arm(*call, if *after { When::After } else { When::Before });
                let _ = rig.publish().await;
                rig.faults.disarm();
            }
            Step::Race(seed) => {
                rig.faults.interleave(*seed);
                let (one, two) = tokio::join!(rig.publish(), rig.publish());
                rig.faults.interleave(0);
                assert_eq!(one.unwrap().commit, two.unwrap().commit);
            }
        }
        rig.check().await;
    }
    rig.publish_all().await;
}
