//! Rows and types of one engine against those of the other.

use super::{Published, Told, ask, statements};
use arrow::datatypes::DataType;
use firelake::query::Library;

/// Asks both; says where they differ. Widths of integers are looked at in `strict` only: see docs/query-file.md.
async fn differences(published: &Published, queries: &[&str], strict: bool) -> Vec<String> {
    let (local, athena) = (published.local().await, published.athena().await);
    let mut differences = Vec::new();
    for query in queries {
        match (ask(&local, query).await, ask(&athena, query).await) {
            (Ok(one), Ok(other)) if alike(&one, &other, strict) && !one.rows.is_empty() => {}
            (Ok(one), Ok(other)) => differences.push(format!("{query}\n{}", difference(&one, &other))),
            (one, other) => differences.push(format!("{query}\n  local: {:?}\n  athena: {:?}", one.err(), other.err())),
        }
    }
    differences
}

fn alike(one: &Told, other: &Told, strict: bool) -> bool {
    let family = |kind: &DataType| match kind.is_integer() && !strict {
        true => DataType::Int64,
        false => kind.clone(),
    };
    one.rows == other.rows && one.types.iter().map(family).eq(other.types.iter().map(family))
}

fn difference(one: &Told, other: &Told) -> String {
    if one.types != other.types {
        return format!("  local types:  {:?}\n  athena types: {:?}", one.types, other.types);
    }
    let at = one.rows.iter().zip(&other.rows).position(|(one, other)| one != other).unwrap_or(0);
    let row = |told: &Told| format!("{} rows, row {at}: {:?}", told.rows.len(), told.rows.get(at));
    format!("  local:  {}\n  athena: {}", row(one), row(other))
}

#[tokio::test(flavor = "multi_thread")]
async fn named_queries_and_more() {
    let published = Published::new();
    published.deliver_samples();
    let named = Library::default().all().unwrap();
    let named: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let differences = [
        differences(&published, statements::SAMPLES, true).await,
        differences(&published, &named, true).await,
        differences(&published, statements::SHARED, false).await,
    ]
    .concat();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "asks a real Trino: tests/trino/run"]
async fn what_only_a_trino_can_tell() {
    let published = Published::new();
    let differences = differences(&published, statements::TRINO, false).await;
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
