//! Tables that are no tables of a lake: those that others made, as readers must know them; and reference tables, which
//! firelake makes of small CSV files for engines that read only what Glue names.

use super::{Applied, GlueCatalog, Named, Signing, convert, is, unbuilt};
use crate::catalog::{CsvLayout, ForeignPartition, ForeignTable, Layout, REFERENCE_PARAMETER, ReferenceTable};
use crate::error::{Error, Kind, Result};
use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{Column, SerDeInfo, StorageDescriptor, Table, TableInput};
use std::collections::HashMap;

const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
const CSV_SERDE: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
const HEADER_LINES: &str = "skip.header.line.count";
/// How often a reference table is looked at again where others change it meanwhile.
const LOOKS: usize = 5;

type Parameters = HashMap<String, String>;

/// A table as its readers must know it.
pub(super) fn table(there: &Table) -> ForeignTable {
    let words = |columns: &[Column]| -> Vec<(String, String)> {
        columns.iter().map(|one| (one.name().to_owned(), one.r#type().unwrap_or_default().to_owned())).collect()
    };
    let descriptor = there.storage_descriptor();
    let location = descriptor.and_then(StorageDescriptor::location).filter(|location| !location.is_empty());
    ForeignTable {
        columns: words(descriptor.map(StorageDescriptor::columns).unwrap_or_default()),
        keys: words(there.partition_keys()),
        location: location.map(str::to_owned),
        layout: kind(there).unwrap_or_else(|| layout(descriptor, &[there.parameters()])),
    }
}

/// What is no table of files that a reader can list.
fn kind(there: &Table) -> Option<Layout> {
    let parameter =
        |name: &str| there.parameters().and_then(|all| all.get(name)).map(|value| value.to_ascii_lowercase());
    let told = if there.table_type() == Some("VIRTUAL_VIEW") {
        "a view"
    } else if there.target_table().is_some() {
        "a link to a table of another database"
    } else if parameter("table_type").as_deref() == Some("iceberg") {
        "an Iceberg table"
    } else if [parameter("spark.sql.sources.provider"), parameter("table_type")].contains(&Some("delta".into())) {
        "a Delta table"
    } else if parameter("spark.sql.sources.provider").as_deref() == Some("hudi") {
        "a Hudi table"
    } else if parameter("projection.enabled").as_deref() == Some("true") {
        "a table with partition projection"
    } else {
        return None;
    };
    Some(Layout::Other(told.into()))
}

/// By the SerDe, as Athena does it. `parameters`: where the number of header lines may stand, the nearest first.
fn layout(descriptor: Option<&StorageDescriptor>, parameters: &[Option<&Parameters>]) -> Layout {
    let serde = descriptor.and_then(StorageDescriptor::serde_info);
    let library = serde.and_then(SerDeInfo::serialization_library).unwrap_or_default();
    let name = library.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let other = |told: &str| Layout::Other(told.into());
    let input = descriptor.and_then(StorageDescriptor::input_format).unwrap_or_default();
    match name.as_str() {
        // Hudi's tables have this SerDe, too, and files of which only some count
        "parquethiveserde" if input == convert::INPUT => Layout::Parquet,
        "parquethiveserde" => Layout::Other(format!("a table of {input}")),
        "opencsvserde" => csv(serde.and_then(SerDeInfo::parameters), parameters),
        "orcserde" => other("ORC"),
        "avroserde" => other("Avro"),
        "lazysimpleserde" => other("delimited text"),
        _ if name.contains("json") => other("JSON"),
        "" => other("a table without a SerDe"),
        _ => Layout::Other(format!("a table of {library}")),
    }
}

fn csv(serde: Option<&Parameters>, parameters: &[Option<&Parameters>]) -> Layout {
    let plain = CsvLayout::default();
    let byte = |name: &str, default: u8| match serde.and_then(|all| all.get(name)).map(String::as_bytes) {
        None => Some(default),
        Some([byte]) => Some(*byte),
        Some(_) => None,
    };
    let (separator, quote) = (byte("separatorChar", plain.separator), byte("quoteChar", plain.quote));
    let (Some(separator), Some(quote), Some(escape)) = (separator, quote, byte("escapeChar", plain.escape)) else {
        return Layout::Other("CSV with a separator, quote or escape of more than one byte".into());
    };
    let lines = parameters.iter().flatten().find_map(|all| all.get(HEADER_LINES));
    let header_lines = lines.and_then(|lines| lines.trim().parse().ok()).unwrap_or(0);
    Layout::Csv(CsvLayout { separator, quote, escape, header_lines })
}

/// What makes a reference table: all of its columns are strings. Of the one that is `there`, others' parameters, its owner and the
/// comments of its columns stay.
pub(super) fn input(reference: &ReferenceTable, there: Option<&Table>) -> Result<TableInput, BuildError> {
    let old = |name: &str| there?.storage_descriptor()?.columns().iter().find(|column| column.name() == name);
    let column = |name: &String| {
        Column::builder().name(name).r#type("string").set_comment(old(name).and_then(|old| old.comment.clone())).build()
    };
    let columns = reference.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let mut descriptor = convert::descriptor(None, columns, &reference.location);
    let one = |byte: u8| char::from(byte).to_string();
    let CsvLayout { separator, quote, escape, header_lines } = reference.layout;
    let serde = SerDeInfo::builder()
        .serialization_library(CSV_SERDE)
        .parameters("serialization.format", "1")
        .parameters("separatorChar", one(separator))
        .parameters("quoteChar", one(quote))
        .parameters("escapeChar", one(escape));
    descriptor.serde_info = Some(serde.build());
    descriptor.input_format = Some(TEXT_INPUT.into());
    descriptor.output_format = Some(TEXT_OUTPUT.into());
    TableInput::builder()
        .name(reference.id.table())
        .description(format!("Copy of {}", reference.origin))
        .storage_descriptor(descriptor)
        .set_partition_keys(Some(Vec::new()))
        .table_type(convert::TABLE_TYPE)
        .set_owner(there.and_then(|there| there.owner.clone()))
        .retention(there.map_or(0, |there| there.retention))
        .set_parameters(there.and_then(|there| there.parameters.clone()))
        .parameters("EXTERNAL", "TRUE")
        .parameters("classification", "csv")
        .parameters(HEADER_LINES, header_lines.to_string())
        .parameters(REFERENCE_PARAMETER, &reference.checksum)
        .build()
}

/// Whether Glue's table shows this very copy.
fn shows(there: &Table, reference: &ReferenceTable) -> bool {
    let read = table(there);
    let columns = read.columns.iter().map(|(name, word)| (name.as_str(), word.as_str()));
    there.parameters().and_then(|all| all.get(REFERENCE_PARAMETER)) == Some(&reference.checksum)
        && columns.eq(reference.columns.iter().map(|name| (name.as_str(), "string")))
        && read.location.as_deref() == Some(&reference.location)
        && read.layout == Layout::Csv(reference.layout.clone())
}

/// Whether it shows a copy in the same folder of the same lake: another lake's is another table, though its name is the same.
fn is_of_same_lake(there: &Table, reference: &ReferenceTable) -> bool {
    let folder = reference.location.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
    let location = there.storage_descriptor().and_then(StorageDescriptor::location).unwrap_or_default();
    location.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn elsewhere(name: Named<'_>, there: &Table) -> Error {
    let location = there.storage_descriptor().and_then(StorageDescriptor::location).unwrap_or_default();
    Error::usage(format!("{name} is in Glue already, as a reference table of another lake: {location}"))
        .hint("choose another --database, or give the reference table another name")
}

impl GlueCatalog {
    pub(super) async fn foreign_table(&self, name: Named<'_>) -> Result<Option<ForeignTable>> {
        Ok(self.get(name).await?.as_ref().map(table))
    }

    pub(super) async fn partitions_of_foreign(&self, name: Named<'_>) -> Result<Vec<ForeignPartition>> {
        let Some(definition) = self.get(name).await? else { return Ok(Vec::new()) };
        let partitions = self.all_partitions(name, false).await?;
        let read = |there: aws_sdk_glue::types::Partition| ForeignPartition {
            location: there.storage_descriptor().and_then(StorageDescriptor::location).unwrap_or_default().into(),
            layout: layout(there.storage_descriptor(), &[there.parameters(), definition.parameters()]),
            values: there.values.unwrap_or_default(),
        };
        Ok(partitions.into_iter().map(read).collect())
    }

    pub(super) async fn put_reference(&self, reference: &ReferenceTable) -> Result<bool> {
        let name = Named { database: reference.id.database(), table: reference.id.table() };
        for _ in 0..LOOKS {
            let there = self.get(name).await?;
            let input = input(reference, there.as_ref()).map_err(unbuilt)?;
            let made = match there {
                None => self.make(name, input, Signing(self.aws.now())).await?,
                Some(there) if there.parameters().is_none_or(|all| !all.contains_key(REFERENCE_PARAMETER)) => {
                    return Err(Error::usage(format!(
                        "{name} is in Glue already, and firelake did not make it of a CSV file"
                    ))
                    .hint("give the reference table another name, or drop that one in Glue"));
                }
                Some(there) if !is_of_same_lake(&there, reference) => return Err(elsewhere(name, &there)),
                Some(there) if shows(&there, reference) => return Ok(false),
                Some(there) => self.replace(name, input, there.version_id).await?,
            };
            if made == Applied::Done {
                return Ok(true);
            }
        }
        Err(Error::new(Kind::TryAgain, format!("others kept changing {name}")).hint("run the same command again"))
    }

    async fn replace(&self, name: Named<'_>, input: TableInput, version: Option<String>) -> Result<Applied> {
        let call = self.client.update_table().database_name(name.database).table_input(input);
        match call.set_version_id(version).skip_archive(true).send().await {
            Ok(_) => Ok(Applied::Done),
            Err(error) if is(&error, "ConcurrentModificationException") || is(&error, "EntityNotFoundException") => {
                Ok(Applied::Beaten)
            }
            Err(error) => Err(self.aws.error("glue:UpdateTable", &name.to_string(), error).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableId;

    fn with_serde(library: &str, parameters: &[(&str, &str)]) -> StorageDescriptor {
        let words = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let serde = SerDeInfo::builder().serialization_library(library).set_parameters(Some(words.collect())).build();
        StorageDescriptor::builder().location("s3://x/").input_format(convert::INPUT).serde_info(serde).build()
    }

    #[test]
    fn layouts_by_serde() {
        let header = HashMap::from([(HEADER_LINES.to_owned(), "2".to_owned())]);
        let told = |library: &str, parameters: &[(&str, &str)]| {
            layout(Some(&with_serde(library, parameters)), &[None, Some(&header)])
        };
        let csv = CsvLayout { header_lines: 2, ..Default::default() };
        assert_eq!(told("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", &[]), Layout::Parquet);
        assert_eq!(told(CSV_SERDE, &[]), Layout::Csv(csv.clone()));
        assert_eq!(told(CSV_SERDE, &[("separatorChar", ";")]), Layout::Csv(CsvLayout { separator: b';', ..csv }));
        let mut hudi = with_serde("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", &[]);
        hudi.input_format = Some("org.apache.hudi.hadoop.HoodieParquetInputFormat".into());
        assert_ne!(layout(Some(&hudi), &[]), Layout::Parquet);
        for (library, parameters, expected) in [
            (CSV_SERDE, &[("quoteChar", "''")][..], "CSV with a separator"),
            ("org.openx.data.jsonserde.JsonSerDe", &[], "JSON"),
            ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", &[], "delimited text"),
            ("some.Serde", &[], "a table of some.Serde"),
            ("", &[], "a table without a SerDe"),
        ] {
            let Layout::Other(words) = told(library, parameters) else { panic!("{library}") };
            assert!(words.starts_with(expected), "{words}");
        }
    }

    #[test]
    fn what_is_no_table_of_files() {
        let made = |table_type: &str, name: &str, value: &str| {
            let table = Table::builder().name("t").table_type(table_type).parameters(name, value);
            table.storage_descriptor(with_serde(CSV_SERDE, &[])).build().unwrap()
        };
        for (there, expected) in [
            (made("VIRTUAL_VIEW", "presto_view", "true"), Some("a view")),
            (made("EXTERNAL_TABLE", "table_type", "ICEBERG"), Some("an Iceberg table")),
            (made("EXTERNAL_TABLE", "spark.sql.sources.provider", "delta"), Some("a Delta table")),
            (made("EXTERNAL_TABLE", "projection.enabled", "true"), Some("a table with partition projection")),
            (made("EXTERNAL_TABLE", "projection.enabled", "false"), None),
        ] {
            assert_eq!(kind(&there), expected.map(|told| Layout::Other(told.into())));
        }
    }

    #[test]
    fn a_reference_table_reads_as_it_was_told() {
        let reference = ReferenceTable {
            id: TableId::new("logs", "hosts").unwrap(),
            columns: vec!["host".into(), "name".into()],
            location: "s3://lake/logs/hosts/0123/".into(),
            layout: CsvLayout { header_lines: 1, ..Default::default() },
            checksum: "0123".into(),
            origin: "hosts.csv".into(),
        };
        let made = input(&reference, None).unwrap();
        let there = Table::builder()
            .name("hosts")
            .set_storage_descriptor(made.storage_descriptor)
            .set_parameters(made.parameters)
            .set_table_type(made.table_type)
            .build()
            .unwrap();
        assert!(shows(&there, &reference));
        for other in [
            ReferenceTable { checksum: "4567".into(), ..reference.clone() },
            ReferenceTable { location: "s3://other/".into(), ..reference.clone() },
            ReferenceTable { columns: vec!["host".into()], ..reference.clone() },
        ] {
            assert!(!shows(&there, &other));
        }
    }
}
