//! What a table was: queries and listings as of a commit, or of a time by the store's clock.

use super::{Two, commit, ledger, two};
use chrono::{TimeDelta, Utc};
use firelake::error::Kind;
use firelake::jobs::files::files;
use firelake::ledger::AsOf;

const COUNT: &str = "SELECT count(*) FROM access";

#[tokio::test]
async fn queries_answer_from_that_state() {
    let Two { lake, truths, .. } = two().await;
    let count = async |as_of| lake.ask_as_of(COUNT, as_of).await.unwrap()[0][0].clone().unwrap();
    let rows = |at: usize| truths[at].whole().count().to_string();
    assert_eq!(count(Some(AsOf::Commit(0))).await, "0");
    assert_eq!(count(Some(AsOf::Commit(1))).await, rows(0));
    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((count(None).await, count(Some(AsOf::Commit(2))).await), (rows(0), rows(1)));
    assert_eq!(count(Some(AsOf::Time(Utc::now() + TimeDelta::hours(1)))).await, rows(0));
    let second = ledger(&lake).stored_at(2).await.unwrap().unwrap();
    assert_eq!(count(Some(AsOf::Time(second))).await, rows(1));
    let rejected = "SELECT (SELECT count(*) FROM access_rejected) + (SELECT count(*) FROM access)";
    assert!(lake.ask_as_of(rejected, Some(AsOf::Commit(1))).await.is_ok(), "both are of one ledger");
}

#[tokio::test]
async fn states_that_never_were_are_refused() {
    let Two { lake, .. } = two().await;
    let refused = async |as_of, told: &str| {
        let error = lake.ask_as_of(COUNT, Some(as_of)).await.unwrap_err();
        assert!(error.kind() == Kind::Usage && error.message().contains(told), "{error:?}");
        let error = files(&lake.lake, "logs", "access", Some(as_of)).await.unwrap_err();
        assert!(error.kind() == Kind::Usage && error.message().contains(told), "{error:?}");
    };
    refused(AsOf::Commit(3), "there is no commit 3").await;
    refused(AsOf::Time("2001-01-01T00:00:00Z".parse().unwrap()), "there was no commit yet").await;
}

/// A file that gc deleted: an error, and never a part of the answer.
#[tokio::test]
async fn a_state_whose_files_are_deleted_is_an_error() {
    let Two { lake, .. } = two().await;
    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let gone = commit(&lake, 2).await.add.into_iter().find(|file| file.path.starts_with("data/")).unwrap();
    lake.delete(&format!("lake/logs/access/{}", gone.path)).await;
    let error = lake.ask_as_of("SELECT max(path) FROM access", Some(AsOf::Commit(2))).await.unwrap_err();
    assert!(error.kind() == Kind::Storage && error.hint_text().unwrap().contains("choose a later one"), "{error:?}");
    let error = files(&lake.lake, "logs", "access", Some(AsOf::Commit(2))).await.unwrap_err();
    assert!(error.message().contains("1 of the files") && error.message().contains(&gone.path), "{error:?}");
    assert_eq!(files(&lake.lake, "logs", "access", Some(AsOf::Commit(1))).await.unwrap().len(), 2);
    let error = lake.change(true).rollback(AsOf::Commit(2)).await.unwrap_err();
    assert!(error.kind() == Kind::Usage && error.message().contains("is not there"), "{error:?}");
}

/// Numbers of commits are a table's own, so one of them means nothing to another table.
#[tokio::test]
async fn one_commit_number_is_of_one_table() {
    let Two { lake, .. } = two().await;
    let job = firelake::jobs::compact::CompactJob {
        table: firelake::table::TableId::new("logs", "other").unwrap(),
        ..lake.job()
    };
    job.run().await.unwrap();
    let both = "SELECT (SELECT count(*) FROM access) + (SELECT count(*) FROM other)";
    let error = lake.ask_as_of(both, Some(AsOf::Commit(1))).await.unwrap_err();
    assert!(error.kind() == Kind::Usage && error.message().contains("several tables"), "{error:?}");
    assert!(lake.ask_as_of(both, Some(AsOf::Time(Utc::now() + TimeDelta::hours(1)))).await.is_ok());
}
