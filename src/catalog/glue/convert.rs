//! Between what firelake says of tables and partitions and what Glue wants to hear. Pure.
//!
//! Athena fails on descriptors that lack what Glue itself calls optional, so each is written in full: formats, SerDe, and
//! the number of buckets.

use crate::catalog::{COMMIT_PARAMETER, CatalogColumn, CatalogTable, PartitionEntry};
use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{
    Column, Partition as GluePartition, PartitionInput, SerDeInfo, StorageDescriptor, Table, TableInput,
};
use std::collections::{BTreeMap, HashMap};

pub(super) const INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
pub(super) const TABLE_TYPE: &str = "EXTERNAL_TABLE";
/// Parameters that every table has in Glue and that say nothing of it.
const FIXED: [(&str, &str); 2] = [("EXTERNAL", "TRUE"), ("classification", "parquet")];
/// With this one Athena makes partitions up and ignores those that are registered.
const PROJECTION: &str = "projection.enabled";

/// The parameter of a table whose types have grown while those of its partitions may not have.
const WIDENING: &str = "firelake.widening";

/// A table as Glue has it, in the words of every catalog.
pub(super) fn table(there: &Table) -> CatalogTable {
    let descriptor = there.storage_descriptor();
    let keys = there.partition_keys().iter().map(|key| key.name().to_owned());
    CatalogTable {
        description: there.description().unwrap_or_default().into(),
        columns: descriptor.map_or(&[][..], StorageDescriptor::columns).iter().map(column).collect(),
        partition_keys: keys.collect(),
        location: descriptor
            .and_then(StorageDescriptor::location)
            .filter(|location| !location.is_empty())
            .map(with_slash)
            .unwrap_or_default(),
        parameters: parameters(there).filter(|kept| !FIXED.contains(kept) && kept.0 != WIDENING).map(owned).collect(),
        widening: is_widening(there),
        odd: odd(there),
        token: there.version_id().map(str::to_owned),
    }
}

/// Whether partitions may be narrower than the table.
pub(super) fn is_widening(there: &Table) -> bool {
    parameters(there).any(|(key, _)| key == WIDENING)
}

/// The same table, remembering that its partitions are yet to be brought along.
pub(super) fn widening(mut input: TableInput) -> TableInput {
    input.parameters.get_or_insert_default().insert(WIDENING.into(), "true".into());
    input
}

fn column(there: &Column) -> CatalogColumn {
    CatalogColumn {
        name: there.name().into(),
        hive_type: there.r#type().unwrap_or_default().into(),
        comment: there.comment().filter(|comment| !comment.is_empty()).map(str::to_owned),
    }
}

fn with_slash(location: &str) -> String {
    format!("{}/", location.trim_end_matches('/'))
}

fn parameters(there: &Table) -> impl Iterator<Item = (&str, &str)> {
    there.parameters().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.into(), value.into())
}

/// What would keep Athena from reading the table as firelake means it.
fn odd(there: &Table) -> Vec<String> {
    let descriptor = there.storage_descriptor();
    let serde = descriptor.and_then(StorageDescriptor::serde_info).and_then(SerDeInfo::serialization_library);
    let parameter = |wanted: &str| parameters(there).find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let told = |what: &str, found: Option<&str>, wanted: &str| {
        (found != Some(wanted)).then(|| format!("its {what} is {}, not {wanted}", found.unwrap_or("missing")))
    };
    let mut odd: Vec<String> = [
        told("table type", there.table_type(), TABLE_TYPE),
        told("input format", descriptor.and_then(StorageDescriptor::input_format), INPUT),
        told("output format", descriptor.and_then(StorageDescriptor::output_format), OUTPUT),
        told("SerDe", serde, SERDE),
    ]
    .into_iter()
    .chain(FIXED.map(|(key, wanted)| told(&format!("parameter {key}"), parameter(key), wanted)))
    .flatten()
    .collect();
    if parameter(PROJECTION).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        odd.push(format!("{PROJECTION} is true: Athena would ignore its partitions"));
    }
    let strings = there.partition_keys().iter().filter(|key| key.r#type() != Some("string"));
    odd.extend(strings.map(|key| format!("its partition key {} is no string", key.name())));
    odd
}

/// What to send so that Glue's table is `to`. Of the one that is `there`, whatever is not ours stays: owner, retention,
/// times, others' parameters and comments, sort columns, the SerDe's and the descriptor's parameters.
pub(super) fn table_input(name: &str, to: &CatalogTable, there: Option<&Table>) -> Result<TableInput, BuildError> {
    let columns = columns(&to.columns, there.and_then(Table::storage_descriptor))?;
    let mut parameters: HashMap<String, String> = to.parameters.clone().into_iter().collect();
    parameters.extend(FIXED.map(|(key, value)| (key.into(), value.into())));
    if parameters.get(PROJECTION).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        parameters.remove(PROJECTION);
    }
    TableInput::builder()
        .name(name)
        .set_description((!to.description.is_empty()).then(|| to.description.clone()))
        .set_owner(there.and_then(|there| there.owner.clone()))
        .retention(there.map_or(0, |there| there.retention))
        .set_last_access_time(there.and_then(|there| there.last_access_time))
        .set_last_analyzed_time(there.and_then(|there| there.last_analyzed_time))
        .storage_descriptor(descriptor(there.and_then(Table::storage_descriptor), columns, &to.location))
        .set_partition_keys(Some(keys(&to.partition_keys, there)?))
        .table_type(TABLE_TYPE)
        .set_parameters(Some(parameters))
        .build()
}

/// Ours, with the comment of the one that is there where we have none, and with its parameters.
fn columns(to: &[CatalogColumn], there: Option<&StorageDescriptor>) -> Result<Vec<Column>, BuildError> {
    let find = |name: &str| there?.columns().iter().find(|column| column.name() == name);
    let build = |column: &CatalogColumn| {
        let old = find(&column.name);
        Column::builder()
            .name(&column.name)
            .r#type(&column.hive_type)
            .set_comment(column.comment.clone().or_else(|| old?.comment.clone()))
            .set_parameters(old.and_then(|old| old.parameters.clone()))
            .build()
    };
    to.iter().map(build).collect()
}

fn keys(names: &[String], there: Option<&Table>) -> Result<Vec<Column>, BuildError> {
    let find = |name: &str| there?.partition_keys().iter().find(|key| key.name() == name);
    let build = |name: &String| {
        let comment = find(name).and_then(|key| key.comment.clone());
        Column::builder().name(name).r#type("string").set_comment(comment).build()
    };
    names.iter().map(build).collect()
}

/// A descriptor in full. Trino fails on one without a number of buckets.
pub(super) fn descriptor(there: Option<&StorageDescriptor>, columns: Vec<Column>, location: &str) -> StorageDescriptor {
    let serde = there.and_then(StorageDescriptor::serde_info);
    let mut serde_parameters = serde.and_then(|serde| serde.parameters.clone()).unwrap_or_default();
    serde_parameters.insert("serialization.format".into(), "1".into());
    let serde = SerDeInfo::builder()
        .set_name(serde.and_then(|serde| serde.name.clone()))
        .serialization_library(SERDE)
        .set_parameters(Some(serde_parameters))
        .build();
    StorageDescriptor::builder()
        .set_columns(Some(columns))
        .location(location)
        .input_format(INPUT)
        .output_format(OUTPUT)
        .compressed(false)
        .number_of_buckets(-1)
        .serde_info(serde)
        .set_bucket_columns(Some(Vec::new()))
        .set_sort_columns(Some(there.and_then(|there| there.sort_columns.clone()).unwrap_or_default()))
        .set_parameters(Some(there.and_then(|there| there.parameters.clone()).unwrap_or_default()))
        .stored_as_sub_directories(false)
        .build()
}

/// A partition with a descriptor of its own; `table` is its table's. Partitions are ours whole: what others wrote into one
/// (statistics of other files) does not follow to another place.
pub(super) fn partition_input(values: Vec<String>, to: &PartitionEntry, table: &StorageDescriptor) -> PartitionInput {
    PartitionInput::builder()
        .set_values(Some(values))
        .storage_descriptor(descriptor(Some(table), table.columns().to_vec(), &to.location))
        .parameters(COMMIT_PARAMETER, to.commit.to_string())
        .build()
}

/// Whether a partition's own columns are these, by name and type.
pub(super) fn has_columns(there: &GluePartition, columns: &[Column]) -> bool {
    let words = |columns: &[Column]| -> Vec<(String, Option<String>)> {
        columns.iter().map(|column| (column.name.clone(), column.r#type.clone())).collect()
    };
    there.storage_descriptor().is_some_and(|own| words(own.columns()) == words(columns))
}

/// A partition's own columns brought to its table's; all else stays as it is.
pub(super) fn with_columns(there: GluePartition, columns: &[Column]) -> PartitionInput {
    let descriptor = there.storage_descriptor.map(|mut descriptor| {
        descriptor.columns = Some(columns.to_vec());
        descriptor
    });
    PartitionInput::builder()
        .set_values(there.values)
        .set_storage_descriptor(descriptor)
        .set_parameters(there.parameters)
        .set_last_access_time(there.last_access_time)
        .set_last_analyzed_time(there.last_analyzed_time)
        .build()
}

/// A partition as Glue has it; commit 0 where firelake did not write it.
pub(super) fn entry(there: &GluePartition) -> PartitionEntry {
    let location = there
        .storage_descriptor()
        .and_then(StorageDescriptor::location)
        .filter(|location| !location.is_empty())
        .map(with_slash);
    let commit = there.parameters().and_then(|parameters| parameters.get(COMMIT_PARAMETER));
    PartitionEntry {
        location: location.unwrap_or_default(),
        commit: commit.and_then(|commit| commit.parse().ok()).unwrap_or(0),
    }
}

/// Whether partitions that are registered with columns `from` need those of `to` in their own descriptors.
///
/// | change | |
/// |---|---|
/// | a column is new, gone or elsewhere in the order | no: columns are found by name |
/// | a column has another type: promoted, or a struct with another field | yes: Athena compares a partition's type with its table's |
///
/// The table goes first: of a table that is wider than its partitions Trino reads every row, and of one that is narrower none
/// (`HIVE_PARTITION_SCHEMA_MISMATCH`).
pub(super) fn cascades(from: &[CatalogColumn], to: &[CatalogColumn]) -> bool {
    let types: BTreeMap<&str, &str> =
        from.iter().map(|column| (column.name.as_str(), column.hive_type.as_str())).collect();
    to.iter().any(|column| types.get(column.name.as_str()).is_some_and(|old| *old != column.hive_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(columns: &[(&str, &str)]) -> CatalogTable {
        let column = |(name, hive_type): &(&str, &str)| CatalogColumn {
            name: (*name).into(),
            hive_type: (*hive_type).into(),
            comment: None,
        };
        let table = CatalogTable {
            description: "a table".into(),
            columns: columns.iter().map(column).collect(),
            partition_keys: vec!["dt".into()],
            location: "s3://lake/logs/t/data/".into(),
            ..Default::default()
        };
        table.with_watermark(7)
    }

    /// As Glue would give back what it was sent.
    fn stored(input: TableInput) -> Table {
        Table::builder()
            .name(input.name)
            .set_description(input.description)
            .set_owner(input.owner)
            .retention(input.retention)
            .set_storage_descriptor(input.storage_descriptor)
            .set_partition_keys(input.partition_keys)
            .set_table_type(input.table_type)
            .set_parameters(input.parameters)
            .version_id("3")
            .build()
            .unwrap()
    }

    #[test]
    fn a_table_goes_there_and_back() {
        let to = made(&[("a", "int"), ("b", "decimal(10,2)")]);
        let back = table(&stored(table_input("t", &to, None).unwrap()));
        assert_eq!(CatalogTable { token: None, ..back.clone() }, to);
        assert_eq!(back.token.as_deref(), Some("3"));
    }

    #[test]
    fn descriptors_are_whole() {
        let input = table_input("t", &made(&[("a", "int")]), None).unwrap();
        let table = input.storage_descriptor().unwrap();
        let entry = PartitionEntry { location: "s3://lake/p/".into(), commit: 5 };
        let partition = partition_input(vec!["2026-11-20".into()], &entry, table);
        let own = partition.storage_descriptor().unwrap();
        assert_eq!(own.location(), Some("s3://lake/p/"));
        for descriptor in [table, own] {
            assert_eq!((descriptor.number_of_buckets(), descriptor.input_format()), (-1, Some(INPUT)));
            assert_eq!((descriptor.columns().len(), descriptor.output_format()), (1, Some(OUTPUT)));
            let serde = descriptor.serde_info().unwrap();
            assert_eq!(
                (serde.serialization_library(), &serde.parameters().unwrap()["serialization.format"][..]),
                (Some(SERDE), "1")
            );
            assert!(
                descriptor.bucket_columns.is_some()
                    && descriptor.sort_columns.is_some()
                    && descriptor.parameters.is_some()
            );
        }
        assert_eq!((input.table_type(), input.parameters().unwrap().len()), (Some(TABLE_TYPE), 3));
        assert_eq!(partition.parameters().unwrap()[COMMIT_PARAMETER], "5");
    }

    #[test]
    fn a_table_without_keys_says_so() {
        let to = CatalogTable { partition_keys: Vec::new(), ..made(&[("a", "int")]) };
        assert_eq!(table_input("t", &to, None).unwrap().partition_keys, Some(Vec::new()));
    }

    #[test]
    fn what_is_not_ours_stays() {
        let mut there = stored(table_input("t", &made(&[("a", "int"), ("gone", "int")]), None).unwrap());
        there.owner = Some("somebody".into());
        there.retention = 9;
        there.parameters.as_mut().unwrap().insert("team".into(), "web".into());
        let descriptor = there.storage_descriptor.as_mut().unwrap();
        descriptor.columns.as_mut().unwrap()[0].comment = Some("theirs".into());
        descriptor.parameters = Some(HashMap::from([("x".into(), "y".into())]));
        let read = table(&there);
        assert_eq!(read.parameters["team"], "web");
        let to = CatalogTable { parameters: read.parameters, ..made(&[("a", "bigint"), ("b", "int")]) };
        let input = table_input("t", &to, Some(&there)).unwrap();
        assert_eq!(
            (input.owner(), input.retention(), &input.parameters().unwrap()["team"][..]),
            (Some("somebody"), 9, "web")
        );
        let descriptor = input.storage_descriptor().unwrap();
        assert_eq!((descriptor.columns()[0].comment(), descriptor.columns().len()), (Some("theirs"), 2));
        assert_eq!(descriptor.parameters().unwrap()["x"], "y");
    }

    #[test]
    fn what_athena_would_stumble_over_is_odd_and_is_repaired() {
        let mut there = stored(table_input("t", &made(&[("a", "int")]), None).unwrap());
        assert_eq!(table(&there).odd, [""; 0]);
        let parameters = there.parameters.as_mut().unwrap();
        parameters.insert(PROJECTION.into(), "TRUE".into());
        parameters.remove("EXTERNAL");
        parameters.insert("classification".into(), "csv".into());
        there.table_type = None;
        there.partition_keys.as_mut().unwrap()[0].r#type = Some("date".into());
        let read = table(&there);
        assert_eq!(read.odd.len(), 5, "{:?}", read.odd);
        let repaired = table(&stored(table_input("t", &read, Some(&there)).unwrap()));
        assert_eq!((repaired.odd, repaired.parameters.len()), (vec![], 1));
    }

    #[test]
    fn a_table_of_another_kind_is_read_as_far_as_it_goes() {
        let view = Table::builder().name("v").table_type("VIRTUAL_VIEW").build().unwrap();
        let read = table(&view);
        assert!(read.location.is_empty() && read.columns.is_empty() && read.watermark().is_err());
    }

    #[test]
    fn only_changed_types_cascade() {
        let columns = |columns: &[(&str, &str)]| made(columns).columns;
        let from = columns(&[("a", "int"), ("s", "struct<x:int>")]);
        for (to, expected) in [
            (columns(&[("a", "int"), ("s", "struct<x:int>")]), false),
            (columns(&[("a", "int"), ("s", "struct<x:int>"), ("b", "int")]), false),
            (columns(&[("s", "struct<x:int>"), ("a", "int")]), false),
            (columns(&[("a", "int")]), false),
            (columns(&[("a", "bigint"), ("s", "struct<x:int>")]), true),
            (columns(&[("a", "int"), ("s", "struct<x:int,y:int>")]), true),
        ] {
            assert_eq!(cascades(&from, &to), expected, "{to:?}");
        }
    }

    #[test]
    fn a_partition_takes_its_tables_columns_and_stays_where_it_is() {
        let table = table_input("t", &made(&[("a", "bigint")]), None).unwrap().storage_descriptor.unwrap();
        let old = StorageDescriptor::builder().location("s3://lake/p/").build();
        let there = GluePartition::builder().values("x").storage_descriptor(old).parameters("k", "v").build();
        let input = with_columns(there, table.columns());
        let descriptor = input.storage_descriptor().unwrap();
        assert_eq!((descriptor.location(), descriptor.columns()), (Some("s3://lake/p/"), table.columns()));
        assert_eq!(input.parameters().unwrap()["k"], "v");
    }
}
