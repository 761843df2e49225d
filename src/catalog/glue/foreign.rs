//! What Glue says of tables that firelake did not make, and the reference tables that it did. Pure.

use super::convert::with_slash;
use crate::catalog::{CsvLayout, ForeignPartition, ForeignTable, Layout, REFERENCE_PARAMETER, ReferenceTable};
use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{Column, Partition as GluePartition, SerDeInfo, StorageDescriptor, Table, TableInput};
use std::collections::HashMap;

const CSV_SERDE: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
const HEADER_LINES: &str = "skip.header.line.count";

/// A table whoever made it.
pub(super) fn table(there: &Table) -> ForeignTable {
    let descriptor = there.storage_descriptor();
    ForeignTable {
        columns: words(descriptor.map_or(&[], StorageDescriptor::columns)),
        keys: words(there.partition_keys()),
        location: descriptor.and_then(StorageDescriptor::location).filter(|at| !at.is_empty()).map(with_slash),
        layout: unreadable(there).map(Layout::Other).unwrap_or_else(|| layout(descriptor, header_lines(there))),
    }
}

/// A partition of such a table.
pub(super) fn partition(there: &GluePartition, table: &Table) -> ForeignPartition {
    let own = there.storage_descriptor();
    let location = own.and_then(StorageDescriptor::location).unwrap_or_default();
    let described = own.is_some_and(|own| own.serde_info().and_then(SerDeInfo::serialization_library).is_some());
    let descriptor = if described { own } else { table.storage_descriptor() };
    ForeignPartition {
        values: there.values().to_vec(),
        location: with_slash(location),
        layout: layout(descriptor, header_lines(table)),
    }
}

fn words(columns: &[Column]) -> Vec<(String, String)> {
    columns.iter().map(|column| (column.name().to_lowercase(), column.r#type().unwrap_or_default().into())).collect()
}

/// Tables whose files are not all there is to know: what they are, in words that go into "… is X".
fn unreadable(there: &Table) -> Option<String> {
    let parameter = |name: &str| there.parameters().and_then(|all| all.get(name)).map(|value| value.to_lowercase());
    let is = |name: &str, value: &str| parameter(name).as_deref() == Some(value);
    let what = if there.target_table().is_some() {
        "a link to a table of another database"
    } else if there.table_type() == Some("VIRTUAL_VIEW") {
        "a view"
    } else if is("table_type", "iceberg") {
        "an Iceberg table"
    } else if is("table_type", "delta") || is("spark.sql.sources.provider", "delta") {
        "a Delta table"
    } else if is("spark.sql.sources.provider", "hudi") {
        "a Hudi table"
    } else if is("projection.enabled", "true") {
        "a table whose partitions are computed (partition projection)"
    } else {
        return None;
    };
    Some(what.into())
}

fn layout(descriptor: Option<&StorageDescriptor>, header_lines: usize) -> Layout {
    let serde = descriptor.and_then(StorageDescriptor::serde_info);
    let library = serde.and_then(SerDeInfo::serialization_library).unwrap_or_default();
    match library.rsplit('.').next().unwrap_or_default() {
        "ParquetHiveSerDe" => Layout::Parquet,
        "OpenCSVSerde" => Layout::Csv(csv(serde, header_lines)),
        "" => Layout::Other("a table without a SerDe".into()),
        name => Layout::Other(format!("a table that is read by {name}")),
    }
}

fn csv(serde: Option<&SerDeInfo>, header_lines: usize) -> CsvLayout {
    let byte = |name: &str, default: u8| {
        let parameter = serde.and_then(|serde| serde.parameters()?.get(name));
        parameter.and_then(|text| text.bytes().next()).unwrap_or(default)
    };
    let defaults = CsvLayout::default();
    CsvLayout {
        separator: byte("separatorChar", defaults.separator),
        quote: byte("quoteChar", defaults.quote),
        escape: byte("escapeChar", defaults.escape),
        header_lines,
    }
}

fn header_lines(there: &Table) -> usize {
    let parameter = there.parameters().and_then(|all| all.get(HEADER_LINES));
    parameter.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The content that a reference table shows; `None` for any other table.
pub(super) fn reference_shown(there: &Table) -> Option<&str> {
    there.parameters()?.get(REFERENCE_PARAMETER).map(String::as_str)
}

/// What to send so that Glue has this reference table. Others' parameters, and comments of columns that stay, are carried over.
pub(super) fn reference_input(reference: &ReferenceTable, there: Option<&Table>) -> Result<TableInput, BuildError> {
    let mut parameters: HashMap<String, String> = there.and_then(Table::parameters).cloned().unwrap_or_default();
    let ours = [
        ("EXTERNAL", "TRUE"),
        ("classification", "csv"),
        (HEADER_LINES, &reference.layout.header_lines.to_string()),
        (REFERENCE_PARAMETER, &reference.checksum),
    ];
    parameters.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
    TableInput::builder()
        .name(reference.id.table())
        .description(format!("Reference table, a copy of {}", reference.origin))
        .set_owner(there.and_then(|there| there.owner.clone()))
        .retention(there.map_or(0, |there| there.retention))
        .storage_descriptor(descriptor(reference, there.and_then(Table::storage_descriptor))?)
        .set_partition_keys(Some(Vec::new()))
        .table_type("EXTERNAL_TABLE")
        .set_parameters(Some(parameters))
        .build()
}

fn descriptor(reference: &ReferenceTable, there: Option<&StorageDescriptor>) -> Result<StorageDescriptor, BuildError> {
    let layout = &reference.layout;
    let serde = SerDeInfo::builder()
        .serialization_library(CSV_SERDE)
        .parameters("separatorChar", char::from(layout.separator).to_string())
        .parameters("quoteChar", char::from(layout.quote).to_string())
        .parameters("escapeChar", char::from(layout.escape).to_string())
        .parameters("serialization.format", "1")
        .build();
    let comment = |name: &str| there?.columns().iter().find(|column| column.name() == name)?.comment.clone();
    let column = |name: &String| Column::builder().name(name).r#type("string").set_comment(comment(name)).build();
    Ok(StorageDescriptor::builder()
        .set_columns(Some(reference.columns.iter().map(column).collect::<Result<_, _>>()?))
        .location(&reference.location)
        .input_format("org.apache.hadoop.mapred.TextInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat")
        .compressed(false)
        .number_of_buckets(-1)
        .serde_info(serde)
        .set_bucket_columns(Some(Vec::new()))
        .set_sort_columns(Some(Vec::new()))
        .set_parameters(Some(HashMap::new()))
        .stored_as_sub_directories(false)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glue_table(serde: &str, parameters: &[(&str, &str)]) -> Table {
        let serde = SerDeInfo::builder().serialization_library(serde).build();
        let column = Column::builder().name("Host").r#type("string").build().unwrap();
        let descriptor = StorageDescriptor::builder().location("s3://b/x").columns(column).serde_info(serde).build();
        let parameters = parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Table::builder().name("t").storage_descriptor(descriptor).set_parameters(Some(parameters)).build().unwrap()
    }

    #[test]
    fn layouts_by_example() {
        let parquet = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
        let other = |what: &str| Layout::Other(what.into());
        for (serde, parameters, expected) in [
            (parquet, vec![("classification", "parquet")], Layout::Parquet),
            (parquet, vec![("table_type", "ICEBERG")], other("an Iceberg table")),
            (parquet, vec![("spark.sql.sources.provider", "delta")], other("a Delta table")),
            (
                parquet,
                vec![("projection.enabled", "TRUE")],
                other("a table whose partitions are computed (partition projection)"),
            ),
            (CSV_SERDE, vec![(HEADER_LINES, "1")], Layout::Csv(CsvLayout { header_lines: 1, ..Default::default() })),
            ("org.openx.data.jsonserde.JsonSerDe", vec![], other("a table that is read by JsonSerDe")),
        ] {
            let found = table(&glue_table(serde, &parameters));
            assert_eq!(found.layout, expected);
            assert_eq!(found.location.as_deref(), Some("s3://b/x/"));
            assert_eq!(found.columns, [("host".to_owned(), "string".to_owned())]);
        }
        let mut view = glue_table("", &[]);
        view.table_type = Some("VIRTUAL_VIEW".into());
        assert_eq!(table(&view).layout, other("a view"));
    }
}
