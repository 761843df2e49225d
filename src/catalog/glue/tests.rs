//! The suite of every catalog, against the stand-in; and what only Glue does, against it or against a stub.

use super::stub::Stub;
use super::*;
use crate::catalog::suite::{Faults, Rig, every_catalog};
use crate::catalog::{CatalogColumn, CsvLayout, Layout, PartitionChange};
use crate::error::Kind;
use crate::storage::Location;
use crate::table::HiveType;
use stand_in::account;
use std::cell::RefCell;
use std::sync::Arc;

#[path = "../../../tests/it/support/stand_in.rs"]
mod stand_in;

/// Glue as it is, but a partition a call, and each call that changes anything may fail before or after it took effect.
#[derive(Debug)]
struct Faulty {
    inner: GlueCatalog,
    faults: Faults,
}

impl Faulty {
    async fn apply_piece(&self, piece: Changes) -> Result<Applied> {
        self.faults.around(async { Ok(self.inner.apply(&piece).await) }).await?
    }
}

#[async_trait::async_trait]
impl Catalog for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn settles(&self) -> Option<Duration> {
        self.inner.settles()
    }

    fn now(&self) -> Option<SystemTime> {
        self.inner.now()
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        self.inner.tables(database).await
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        self.faults.pause().await;
        self.inner.table(database, table).await
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        self.faults.pause().await;
        self.inner.partitions(database, table, wanted).await
    }

    /// Without the version for partitions: they have none in Glue, and a call may land late.
    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        let definition = Changes { partitions: Vec::new(), ..changes.clone() };
        if changes.definition.is_some() && self.apply_piece(definition).await? == Applied::Beaten {
            return Ok(Applied::Beaten);
        }
        for change in &changes.partitions {
            let piece = Changes { partitions: vec![change.clone()], definition: None, token: None, ..changes.clone() };
            if self.apply_piece(piece).await? == Applied::Beaten {
                return Ok(Applied::Beaten);
            }
        }
        Ok(Applied::Done)
    }
}

/// A Glue of its own, with connections of this thread's runtime.
fn glue() -> GlueCatalog {
    at(stand_in::url())
}

fn at(url: &str) -> GlueCatalog {
    thread_local! {
        static OF_THREAD: RefCell<Option<crate::storage::TestConnections>> = const { RefCell::new(None) };
    }
    let connections = OF_THREAD.with_borrow_mut(|own| own.get_or_insert_with(Default::default).clone());
    let aws = Aws::standing_in(url, &account(), "secret").with_connections(&connections);
    GlueCatalog::new(&aws).unwrap()
}

fn make(_: &Location, faults: &Faults) -> Arc<dyn Catalog> {
    Arc::new(Faulty { inner: glue(), faults: faults.clone() })
}

every_catalog!(make, rounds: 8);

const NAME: Named<'static> = Named { database: "logs", table: "t" };

fn definition() -> CatalogTable {
    let column = CatalogColumn::from(("a".to_owned(), HiveType::Int, None));
    let location = "s3://lake/logs/t/data/".into();
    CatalogTable { columns: vec![column], partition_keys: vec!["dt".into()], location, ..Default::default() }
        .with_watermark(0)
}

fn entry(location: &str, commit: u64) -> PartitionEntry {
    PartitionEntry { location: format!("s3://lake/{location}/"), commit }
}

fn days(from: usize, to: usize) -> Vec<PartitionChange> {
    let day = |n| PartitionChange { partition: format!("dt={n:05}").as_str().into(), from: None, to: entry("a", 1) };
    (from..to).map(day).collect()
}

/// Changes that are decided on now.
fn changes(glue: &GlueCatalog, definition: Option<TableChange>, partitions: Vec<PartitionChange>) -> Changes {
    let (database, table, decided_at) = ("logs".into(), "t".into(), glue.now());
    Changes { database, table, commit: 1, token: None, decided_at, definition, partitions }
}

/// A Glue with the table and so many partitions.
async fn glue_with(partitions: usize) -> GlueCatalog {
    let glue = glue();
    let made = changes(&glue, Some(TableChange::Create(definition())), days(0, partitions));
    assert_eq!(glue.apply(&made).await.unwrap(), Applied::Done);
    glue
}

/// The table as somebody else changes it.
async fn edit(glue: &GlueCatalog, edit: impl FnOnce(&mut aws_sdk_glue::types::TableInput)) {
    let there = glue.get(NAME).await.unwrap().unwrap();
    let mut input = convert::table_input("t", &convert::table(&there), Some(&there)).unwrap();
    edit(&mut input);
    glue.client.update_table().database_name("logs").table_input(input).send().await.unwrap();
}

#[tokio::test]
async fn many_partitions_go_in_batches_and_come_back_in_pages() {
    let glue = glue_with(2_550).await;
    let requests = glue.aws.requests().counts();
    // table, database, table again, then 26 batches; the first look at the table
    assert_eq!(requests.glue, 30);
    let all = glue.partitions("logs", "t", None).await.unwrap();
    assert_eq!((all.len(), all.first_key_value().unwrap().1), (2_550, &entry("a", 1)));
    let wanted: Vec<Partition> = days(0, 2_500).into_iter().map(|change| change.partition).collect();
    let before = glue.aws.requests().counts();
    assert_eq!(glue.partitions("logs", "t", Some(&wanted)).await.unwrap().len(), 2_500);
    assert_eq!(glue.aws.requests().counts().since(&before).glue, 3);

    // the same 250, moved; and 5 that are new
    let mut moved = days(0, 250);
    moved.iter_mut().for_each(|change| (change.from, change.to) = (Some(entry("a", 1)), entry("b", 2)));
    moved.extend(days(3_000, 3_005));
    assert_eq!(glue.apply(&changes(&glue, None, moved)).await.unwrap(), Applied::Done);
    let all = glue.partitions("logs", "t", None).await.unwrap();
    assert_eq!((all.len(), all.values().filter(|there| **there == entry("b", 2)).count()), (2_555, 250));
}

#[tokio::test]
async fn wanted_partitions_that_are_not_there_are_left_out() {
    let glue = glue_with(30).await;
    for missing in [5, 40] {
        let wanted: Vec<Partition> = days(29, 30 + missing).into_iter().map(|change| change.partition).collect();
        assert_eq!(glue.partitions("logs", "t", Some(&wanted)).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_changed_since_it_was_read_is_beaten() {
    let glue = glue_with(3).await;
    let there = glue.table("logs", "t").await.unwrap().unwrap();
    let update = |to: CatalogTable| Some(TableChange::Update { from: there.clone(), to });
    let mut stale = changes(&glue, update(there.clone().with_watermark(5)), vec![]);
    stale.token = there.token.clone();
    edit(&glue, |input| input.owner = Some("somebody".into())).await;
    assert_eq!(glue.apply(&stale).await.unwrap(), Applied::Beaten, "the version is another one");
    // a table that is there, a partition that is there, one that is not, a table that is gone
    let moves = |n, from| vec![PartitionChange { from, ..days(n, n + 1).remove(0) }];
    for changes in [
        changes(&glue, Some(TableChange::Create(definition())), vec![]),
        changes(&glue, None, moves(1, None)),
        changes(&glue, None, moves(9, Some(entry("a", 1)))),
    ] {
        assert_eq!(glue.apply(&changes).await.unwrap(), Applied::Beaten);
    }
    glue.client.delete_table().database_name("logs").name("t").send().await.unwrap();
    assert_eq!(glue.apply(&changes(&glue, None, moves(1, None))).await.unwrap(), Applied::Beaten);
    assert_eq!(glue.table("logs", "t").await.unwrap(), None);
    assert_eq!(glue.partitions("logs", "t", None).await.unwrap(), BTreeMap::new());
}

/// The table's definition with its column of another type, and so many changes of partitions.
async fn typed(glue: &GlueCatalog, hive_type: &str, partitions: Vec<PartitionChange>) -> Changes {
    let from = glue.table("logs", "t").await.unwrap().unwrap();
    let mut to = from.clone().with_watermark(1);
    to.columns[0].hive_type = hive_type.into();
    changes(glue, Some(TableChange::Update { from, to }), partitions)
}

fn types(partitions: &[GluePartition]) -> Vec<&str> {
    let columns = partitions.iter().flat_map(|there| there.storage_descriptor().unwrap().columns());
    columns.map(|column| column.r#type().unwrap()).collect()
}

/// The table is never narrower than a partition: Trino could read neither then.
#[tokio::test]
async fn types_grow_in_the_table_first_and_in_its_partitions_after_it() {
    let glue = glue_with(250).await;
    edit(&glue, |input| {
        input.owner = Some("somebody".into());
        input.parameters.as_mut().unwrap().insert("team".into(), "web".into());
    })
    .await;
    let requests = || glue.aws.requests().counts();
    let before = requests();
    assert_eq!(glue.apply(&typed(&glue, "bigint", vec![]).await).await.unwrap(), Applied::Done);
    assert_eq!(requests().since(&before).glue, 3, "GetTable twice, UpdateTable");
    let table = glue.table("logs", "t").await.unwrap().unwrap();
    assert!(table.widening && table.columns[0].hive_type == "bigint");
    assert!(types(&glue.all_partitions(NAME, true).await.unwrap()).iter().all(|of| *of == "int"));
    // whoever looks next goes on, also where this one died half-way
    let before = requests();
    assert_eq!(glue.apply(&typed(&glue, "bigint", vec![]).await).await.unwrap(), Applied::Done);
    assert!(requests().since(&before).glue <= 3 + 1 + 3, "a page, a batch for each hundred");
    let partitions = glue.all_partitions(NAME, true).await.unwrap();
    assert!(types(&partitions).iter().all(|of| *of == "bigint"));
    assert_eq!(convert::entry(&partitions[0]), entry("a", 1));
    assert!(!glue.table("logs", "t").await.unwrap().unwrap().widening);
    let table = glue.get(NAME).await.unwrap().unwrap();
    assert_eq!((table.owner(), &table.parameters().unwrap()["team"][..]), (Some("somebody"), "web"));
}

/// Widening reads locations that others may just have moved: it must not write those back that this change moves itself, and
/// need not write those that have the columns.
#[tokio::test]
async fn widening_leaves_alone_what_is_written_whole_after_it() {
    for moves in [true, false] {
        let glue = glue_with(2).await;
        let moved =
            days(0, 2).into_iter().map(|day| PartitionChange { from: Some(entry("a", 1)), to: entry("z", 2), ..day });
        let partitions: Vec<PartitionChange> = if moves { moved.collect() } else { Vec::new() };
        assert_eq!(glue.apply(&typed(&glue, "bigint", partitions.clone()).await).await.unwrap(), Applied::Done);
        let second = typed(&glue, "bigint", partitions).await;
        let before = glue.aws.requests().counts();
        assert_eq!(glue.apply(&second).await.unwrap(), Applied::Done);
        // GetTable, GetPartitions, UpdateTable, and one batch of partitions: as the change moves them, or with wider types
        assert_eq!(glue.aws.requests().counts().since(&before).glue, 4, "{moves}");
        let all = glue.all_partitions(NAME, true).await.unwrap();
        let expected = if moves { entry("z", 2) } else { entry("a", 1) };
        assert!(all.iter().all(|there| convert::entry(there) == expected));
        assert_eq!(types(&all), ["bigint", "bigint"]);
    }
}

/// Types that grow once more before the partitions have followed.
#[tokio::test]
async fn a_second_growth_waits_for_no_partition() {
    let glue = glue_with(2).await;
    for of in ["bigint", "decimal(38,0)"] {
        assert_eq!(glue.apply(&typed(&glue, of, vec![]).await).await.unwrap(), Applied::Done);
        assert!(glue.table("logs", "t").await.unwrap().unwrap().widening);
    }
    assert_eq!(glue.apply(&typed(&glue, "decimal(38,0)", vec![]).await).await.unwrap(), Applied::Done);
    assert_eq!(types(&glue.all_partitions(NAME, true).await.unwrap()), ["decimal(38,0)"; 2]);
}

#[tokio::test]
async fn what_others_did_is_told_and_repaired() {
    let mut rig = Rig::new(|_, _| Arc::new(glue()), true).await;
    let client = GlueCatalog::new(&crate::storage::Aws::standing_in("http://x", "y", "z"));
    assert!(client.is_ok(), "nothing is asked when it is opened");
    for commit in ["+1 +2", "+3 +r1", "+4"] {
        rig.commit(commit).await;
    }
    rig.publish_all().await;
    assert_eq!(rig.drift().await, [""; 0]);
    let catalog = rig.catalog.clone();
    let put = |n: u8, from: Option<PartitionEntry>, to: PartitionEntry| PartitionChange {
        partition: format!("dt={n}").as_str().into(),
        from,
        to,
    };
    let there = catalog.partitions("logs", "access", None).await.unwrap();
    let (right, wrong) = (there[&"dt=1".into()].clone(), PartitionEntry { location: "s3://other/".into(), commit: 1 });
    let foreign = Changes {
        database: "logs".into(),
        table: "access".into(),
        commit: 3,
        token: None,
        decided_at: catalog.now(),
        definition: None,
        partitions: vec![put(1, Some(right.clone()), wrong), put(77, None, entry("foreign", 0))],
    };
    assert_eq!(catalog.apply(&foreign).await.unwrap(), Applied::Done);
    let drift = rig.drift().await;
    assert_eq!(drift.len(), 2, "{drift:#?}");
    assert!(
        drift[0].starts_with("~ logs.access dt=1 points at s3://other/ (commit 1); the ledger is right: "),
        "{drift:#?}"
    );
    assert!(
        drift[1].starts_with("+ logs.access dt=77 at s3://lake/foreign/ is no partition of firelake"),
        "{drift:#?}"
    );
    rig.publish_reaching_all().await;
    let drift = rig.drift().await;
    assert!(drift.len() == 1 && drift[0].contains("dt=77"), "left alone: {drift:#?}");
    assert_eq!(catalog.partitions("logs", "access", None).await.unwrap()[&"dt=1".into()], right);
}

#[tokio::test]
async fn a_table_that_somebody_dropped_or_bent_is_made_again() {
    let glue = glue();
    KEPT.with_borrow_mut(|kept| *kept = Some(glue.clone()));
    let mut rig = Rig::new(|_, _| Arc::new(KEPT.with_borrow(|kept| kept.clone().unwrap())), true).await;
    rig.commit("+1 +r1").await;
    rig.publish_all().await;
    let by_hand = &glue.client;
    by_hand.delete_table().database_name("logs").name("access").send().await.unwrap();
    assert!(rig.drift().await[0].starts_with("- logs.access is not in the catalog"));
    rig.publish_all().await;
    assert_eq!(rig.drift().await, [""; 0]);

    let name = Named { database: "logs", table: "access_rejected" };
    let there = glue.get(name).await.unwrap().unwrap();
    let mut input = convert::table_input(name.table, &convert::table(&there), Some(&there)).unwrap();
    input.parameters.as_mut().unwrap().insert("projection.enabled".into(), "true".into());
    input.storage_descriptor.as_mut().unwrap().columns.as_mut().unwrap()[1].r#type = Some("array<int>".into());
    by_hand.update_table().database_name("logs").table_input(input).send().await.unwrap();
    by_hand.delete_partition().database_name("logs").table_name("access").partition_values("1").send().await.unwrap();
    let drift = rig.drift().await.join("\n");
    for expected in [
        "~ logs.access_rejected was changed: projection.enabled is true",
        "~ logs.access_rejected has no column byte_offset bigint",
        "~ logs.access_rejected has a column byte_offset array<int>",
    ] {
        assert!(drift.contains(expected), "{drift}");
    }
    rig.publish_reaching_all().await;
    assert_eq!(rig.drift().await, [""; 0]);
    rig.check_current().await;
}

thread_local! {
    /// What a rig's `make` gives, where a test also wants it itself.
    static KEPT: RefCell<Option<GlueCatalog>> = const { RefCell::new(None) };
}

fn table_answer() -> String {
    r#"{"Table": {"Name": "t", "VersionId": "3", "StorageDescriptor": {"Location": "s3://lake/logs/t/data/"},
        "PartitionKeys": [{"Name": "dt", "Type": "string"}]}}"#
        .into()
}

fn fault(code: &str, message: &str) -> (u16, String) {
    (400, format!(r#"{{"__type": "{code}", "Message": "{message}"}}"#))
}

/// Answers GetTable, and everything else with this.
fn stub(status: u16, body: &str) -> (Stub, GlueCatalog) {
    let body = body.to_owned();
    let stub = Stub::new(move |asked| match asked.action.as_str() {
        "GetTable" => (200, table_answer()),
        _ => (status, body.clone()),
    });
    let glue = at(&stub.url);
    (stub, glue)
}

#[tokio::test]
async fn changes_are_signed_with_the_time_of_their_reading_and_not_sent_when_it_is_old() {
    let (stub, glue) = stub(200, "{}");
    let aged = |seconds| Changes {
        decided_at: glue.now().map(|now| now - Duration::from_secs(seconds)),
        ..changes(&glue, Some(TableChange::Update { from: definition(), to: definition() }), days(0, 1))
    };
    let early = aged(200);
    assert_eq!(glue.apply(&early).await.unwrap(), Applied::Done);
    let time = chrono::DateTime::<chrono::Utc>::from(early.decided_at.unwrap()).format("%Y%m%dT%H%M%SZ").to_string();
    let signed: Vec<(String, bool)> =
        stub.asked().into_iter().map(|asked| (asked.action, asked.signed == time)).collect();
    let expected = [("GetTable", false), ("UpdateTable", true), ("BatchCreatePartition", true)];
    assert_eq!(signed, expected.map(|(action, early)| (action.to_owned(), early)));
    assert_eq!(glue.apply(&aged(241)).await.unwrap(), Applied::Beaten);
    assert_eq!(stub.asked().len(), 3, "nothing was sent");
    let unsaid = Changes { decided_at: None, ..aged(0) };
    assert_eq!(glue.apply(&unsaid).await.unwrap_err().kind(), Kind::Internal);
}

#[tokio::test]
async fn a_partition_that_glue_refuses_is_an_error_that_names_it() {
    let item = |values: &str, code: &str| {
        format!(
            r#"{{"PartitionValues": ["{values}"], "ErrorDetail": {{"ErrorCode": "{code}", "ErrorMessage": "so and so"}}}}"#
        )
    };
    let errors = |items: &[String]| format!(r#"{{"Errors": [{}]}}"#, items.join(","));
    let (_, glue_) =
        stub(200, &errors(&[item("00002", "AlreadyExistsException"), item("00001", "InvalidInputException")]));
    let error = glue_.apply(&changes(&glue_, None, days(0, 3))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert_eq!(error.message(), "1 of 3 partitions of table logs.t could not be changed: 00001");
    assert!(error.chain().join("|").contains("so and so (InvalidInputException)"), "{error:?}");
    let busy: Vec<String> = (0..5).map(|n| item(&n.to_string(), "InternalServiceException")).collect();
    let (_, glue_) = stub(200, &errors(&busy));
    let error = glue_.apply(&changes(&glue_, None, days(0, 5))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TryAgain);
    assert!(error.message().ends_with("could not be changed: 0, 1, 2 and 2 more"), "{error:?}");
}

#[tokio::test]
async fn only_a_table_that_is_not_there_is_none() {
    let refusing = |code: &'static str| {
        let stub = Stub::new(move |asked| match asked.action.as_str() {
            "" => (200, IDENTITY.into()),
            _ => fault(code, "in Glue's words"),
        });
        let glue = at(&stub.url);
        (stub, glue)
    };
    let (_, glue) = refusing("EntityNotFoundException");
    assert_eq!(glue.table("logs", "t").await.unwrap(), None);
    for (code, kind, told) in [
        ("ThrottlingException", Kind::TryAgain, "Glue has no time for this now (glue:GetTable on table logs.t)"),
        (
            "AccessDeniedException",
            Kind::Storage,
            "access denied: arn:aws:iam::1:user/me may not glue:GetTable on table logs.t",
        ),
        (
            "ExpiredTokenException",
            Kind::Credentials,
            "the AWS credentials have expired (glue:GetTable on table logs.t)",
        ),
        ("InvalidInputException", Kind::Storage, "Glue refused glue:GetTable on table logs.t"),
    ] {
        let (stub, glue) = refusing(code);
        let error = glue.table("logs", "t").await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, told));
        let tries = stub.actions().iter().filter(|action| *action == "GetTable").count();
        assert_eq!(tries, if kind == Kind::TryAgain { 3 } else { 1 }, "{code}");
        assert_eq!(glue.aws.requests().counts().glue, tries as u64, "each retry is counted");
    }
    assert_eq!(Kind::TryAgain.exit_code(), 75);
}

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:iam::1:user/me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>";

#[tokio::test]
async fn a_page_that_fails_fails_the_listing() {
    let stub = Stub::new(|asked| match asked.action.as_str() {
        "GetTable" => (200, table_answer()),
        _ if asked.body.contains("NextToken") => fault("InvalidInputException", "no such page"),
        _ => (200, r#"{"Partitions": [{"Values": ["1"]}], "NextToken": "x"}"#.into()),
    });
    let error = at(&stub.url).partitions("logs", "t", None).await.unwrap_err();
    assert_eq!(error.message(), "Glue refused glue:GetPartitions on table logs.t");
    let repeated = Stub::new(|asked| match asked.action.as_str() {
        "GetTable" => (200, table_answer()),
        _ => (200, r#"{"Partitions": [], "NextToken": "x"}"#.into()),
    });
    let error = at(&repeated.url).partitions("logs", "t", None).await.unwrap_err();
    assert!(error.message().contains("repeats a page"), "{error:?}");
}

#[tokio::test]
async fn what_glue_leaves_unprocessed_is_asked_for_again() {
    let asked_before = std::sync::atomic::AtomicBool::new(false);
    let stub = Stub::new(move |_| {
        let partition =
            |n| format!(r#"{{"Partitions": [{{"Values": ["{n}"], "StorageDescriptor": {{"Location": "s3://x"}}}}]"#);
        match asked_before.swap(true, std::sync::atomic::Ordering::Relaxed) {
            false => (200, partition("1") + r#", "UnprocessedKeys": [{"Values": ["2"]}]}"#),
            true => (200, partition("2") + "}"),
        }
    });
    let found = at(&stub.url).partitions("logs", "t", Some(&["dt=1".into(), "dt=2".into()])).await.unwrap();
    assert_eq!(
        found.into_values().collect::<Vec<_>>(),
        [(); 2].map(|()| PartitionEntry { location: "s3://x/".into(), commit: 0 })
    );
    assert_eq!(stub.actions(), ["BatchGetPartition"; 2]);
}

/// A signature that retries have made too old is refused: the changes are to be decided on anew.
#[tokio::test]
async fn a_signature_that_is_too_old_is_beaten_and_a_wrong_clock_is_told() {
    let (_, glue) = stub(400, &fault("InvalidSignatureException", "Signature expired: x is now earlier than y").1);
    let error = glue.apply(&changes(&glue, None, days(0, 1))).await.unwrap_err();
    assert!(error.message().contains("clock"), "{error:?}");
    let of = |code: &str| {
        let meta = aws_sdk_glue::error::ErrorMetadata::builder().code(code).message("x").build();
        aws_sdk_glue::operation::update_table::UpdateTableError::generic(meta)
    };
    let old = Signing(glue.aws.now() - Duration::from_secs(300));
    let response =
        || aws_smithy_runtime_api::client::orchestrator::HttpResponse::new(400.try_into().unwrap(), "".into());
    for (code, signing, beaten) in [
        ("InvalidSignatureException", old, true),
        ("InvalidSignatureException", Signing(glue.aws.now()), false),
        ("InvalidInputException", old, false),
    ] {
        let refused = glue.refused(signing, "glue:X", NAME, SdkError::service_error(of(code), response())).await;
        assert_eq!(refused.is_ok_and(|applied| applied == Applied::Beaten), beaten, "{code}");
    }
}

#[tokio::test]
async fn tables_of_others_are_read_and_reference_tables_made() {
    let glue = glue_with(2).await;
    let table = glue.foreign("logs", "t").await.unwrap().unwrap();
    assert_eq!((table.layout, &table.keys[0].0[..], &table.columns[0].1[..]), (Layout::Parquet, "dt", "int"));
    let partitions = glue.foreign_partitions("logs", "t").await.unwrap();
    assert_eq!(
        (partitions.len(), &partitions[0].values[..], &partitions[0].location[..]),
        (2, &["00000".to_owned()][..], "s3://lake/a/")
    );
    assert_eq!(glue.foreign("logs", "nothing").await.unwrap(), None);
    assert_eq!(glue.foreign_partitions("logs", "nothing").await.unwrap(), []);

    let mut reference = ReferenceTable {
        id: crate::table::TableId::new("logs", "hosts").unwrap(),
        columns: vec!["host".into()],
        location: "s3://lake/logs/hosts/1/".into(),
        layout: CsvLayout { header_lines: 1, ..Default::default() },
        checksum: "1".into(),
        origin: "hosts.csv".into(),
    };
    assert!(glue.publish_reference(&reference).await.unwrap());
    assert!(!glue.publish_reference(&reference).await.unwrap());
    let hosts = Named { database: "logs", table: "hosts" };
    let mut input = foreign::input(&reference, glue.get(hosts).await.unwrap().as_ref()).unwrap();
    input.parameters.as_mut().unwrap().insert("team".into(), "web".into());
    glue.client.update_table().database_name("logs").table_input(input).send().await.unwrap();
    (reference.checksum, reference.location) = ("2".into(), "s3://lake/logs/hosts/2/".into());
    assert!(glue.publish_reference(&reference).await.unwrap());
    assert_eq!(glue.get(hosts).await.unwrap().unwrap().parameters().unwrap()["team"], "web");
    let there = glue.foreign("logs", "hosts").await.unwrap().unwrap();
    assert_eq!(
        (there.location.as_deref(), there.layout),
        (Some("s3://lake/logs/hosts/2/"), Layout::Csv(reference.layout.clone()))
    );
    let of_another_lake = ReferenceTable { location: "s3://other/logs/hosts/2/".into(), ..reference.clone() };
    let error = glue.publish_reference(&of_another_lake).await.unwrap_err();
    assert!(error.kind() == Kind::Usage && error.message().contains("of another lake"), "{error:?}");
    reference.id = crate::table::TableId::new("logs", "t").unwrap();
    let error = glue.publish_reference(&reference).await.unwrap_err();
    assert!(error.kind() == Kind::Usage && error.message().contains("table logs.t is in Glue already"), "{error:?}");
}
