use super::*;
use crate::catalog::{Applied, Catalog, CatalogTable, Changes, PartitionEntry};
use crate::query::local::LocalEngine;
use crate::query::{Engine, QueryText};
use crate::storage::Stores;
use crate::table::Partition;
use arrow::array::{Int32Array, StringArray};
use parquet::arrow::ArrowWriter;

/// A catalog of one table.
struct One(ForeignTable, Vec<ForeignPartition>);

#[async_trait::async_trait]
impl Catalog for One {
    fn name(&self) -> &'static str {
        "one"
    }

    fn settles(&self) -> Option<std::time::Duration> {
        None
    }

    async fn tables(&self, _: &str) -> Result<BTreeMap<String, CatalogTable>> {
        let table = CatalogTable {
            description: String::new(),
            columns: Vec::new(),
            partition_keys: Vec::new(),
            location: String::new(),
            parameters: Default::default(),
            odd: Vec::new(),
            widening: false,
            token: None,
        };
        Ok([("theirs".to_owned(), table)].into())
    }

    async fn table(&self, _: &str, _: &str) -> Result<Option<CatalogTable>> {
        Ok(None)
    }

    async fn partitions(
        &self,
        _: &str,
        _: &str,
        _: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        Ok(BTreeMap::new())
    }

    async fn apply(&self, _: &Changes) -> Result<Applied> {
        Ok(Applied::Done)
    }

    async fn foreign(&self, database: &str, table: &str) -> Result<Option<ForeignTable>> {
        Ok((database == "logs" && table == "theirs").then(|| self.0.clone()))
    }

    async fn foreign_partitions(&self, _: &str, _: &str) -> Result<Vec<ForeignPartition>> {
        Ok(self.1.clone())
    }
}

struct Rig {
    dir: tempfile::TempDir,
    table: ForeignTable,
    partitions: Vec<ForeignPartition>,
}

fn words(columns: &[(&str, &str)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, word)| (name.to_string(), word.to_string())).collect()
}

impl Rig {
    fn new(columns: &[(&str, &str)], keys: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let location = Some(dir.path().display().to_string());
        let table = ForeignTable { columns: words(columns), keys: words(keys), location, layout: Layout::Parquet };
        Rig { dir, table, partitions: Vec::new() }
    }

    /// A Parquet file of a partition in a folder of its own.
    fn partition(&mut self, folder: &str, values: &[&str], names: [&str; 2], rows: &[(i32, &str)]) {
        let folder = self.dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|(number, _)| *number)));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, text)| *text)));
        let batch = RecordBatch::try_from_iter([(names[0], numbers), (names[1], texts)]).unwrap();
        let file = std::fs::File::create(folder.join("x.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        std::fs::write(folder.join("_SUCCESS"), "").unwrap();
        let values = values.iter().map(|value| value.to_string()).collect();
        let location = format!("file://{}/", folder.display());
        self.partitions.push(ForeignPartition { values, location, layout: Layout::Parquet });
    }

    async fn ask(&self, sql: &str) -> Result<String> {
        let lake = self.dir.path().join("lake");
        let engine = LocalEngine::new(LocalConfig {
            lake: Location::open(lake.to_str().unwrap())?,
            database: "logs".into(),
            references: Vec::new(),
            unpublished: Vec::new(),
            as_of: None,
            aliases: Default::default(),
            catalog: Some(Arc::new(One(self.table.clone(), self.partitions.clone()))),
            stores: Stores::default(),
        })?;
        let bound = QueryText::parse("a test", sql)?.bind(&[], chrono::DateTime::UNIX_EPOCH)?;
        let batches: Vec<RecordBatch> = engine.run(&bound).await?.batches.try_collect().await?;
        Ok(arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string())
    }
}

const COLUMNS: [(&str, &str); 3] = [("n", "bigint"), ("text", "varchar(9)"), ("added", "double")];

#[tokio::test]
async fn parquet_is_read_by_its_partitions_locations() {
    let mut rig = Rig::new(&COLUMNS, &[("day", "date"), ("part", "int")]);
    rig.partition("a", &["2026-11-20", "7"], ["n", "text"], &[(1, "x"), (2, "y")]);
    rig.partition("b", &["2026-11-21", "8"], ["n", "text"], &[(3, "z")]);
    std::fs::write(rig.dir.path().join("superseded.parquet"), "no Parquet").unwrap();
    std::fs::create_dir_all(rig.dir.path().join("a/_temporary/0")).unwrap();
    std::fs::write(rig.dir.path().join("a/_temporary/0/x.parquet"), "no Parquet").unwrap();
    let all = rig.ask("SELECT n, text, added, day, part FROM theirs ORDER BY n").await.unwrap();
    let expected = "\
+---+------+-------+------------+------+
| n | text | added | day        | part |
+---+------+-------+------------+------+
| 1 | x    |       | 2026-11-20 | 7    |
| 2 | y    |       | 2026-11-20 | 7    |
| 3 | z    |       | 2026-11-21 | 8    |
+---+------+-------+------------+------+";
    assert_eq!(all, expected);
    assert!(rig.ask("SHOW TABLES").await.unwrap().contains("| theirs "));
    // only the partition that is left is listed
    std::fs::remove_dir_all(rig.dir.path().join("a")).unwrap();
    std::fs::write(rig.dir.path().join("a"), "a file where the folder was").unwrap();
    let one =
        rig.ask("SELECT count(*) AS n FROM logs.theirs WHERE part > 7 AND day = DATE '2026-11-21'").await.unwrap();
    assert!(one.contains("| 1 |"), "{one}");
}

#[tokio::test]
async fn a_column_of_another_case_is_an_error_and_not_null() {
    let mut rig = Rig::new(&COLUMNS, &[("day", "string")]);
    rig.partition("a", &["1"], ["N", "text"], &[(1, "x")]);
    let error = rig.ask("SELECT n FROM theirs").await.unwrap_err();
    assert!(error.message().contains("writes a column as N"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("--engine athena"));
    // a column that the table does not have may be called anything
    let mut rig = Rig::new(&[("text", "string")], &[("day", "string")]);
    rig.partition("a", &["1"], ["N", "text"], &[(1, "x")]);
    assert!(rig.ask("SELECT text FROM theirs").await.unwrap().contains("| x "));
}

#[tokio::test]
async fn what_the_engine_cannot_read_names_the_one_that_can() {
    let mut rig = Rig::new(&COLUMNS, &[]);
    for (layout, told) in [
        (Layout::Other("an Iceberg table".into()), "logs.theirs is an Iceberg table"),
        (Layout::Csv(CsvLayout::default()), "logs.theirs is CSV"),
    ] {
        rig.table.layout = layout;
        let error = rig.ask("SELECT 1 FROM theirs").await.unwrap_err();
        assert!(error.message().starts_with(told), "{error:?}");
        assert_eq!(error.hint_text(), Some("ask Athena: --engine athena"));
    }
    rig.table = ForeignTable { columns: words(&[("u", "uniontype<int>")]), layout: Layout::Parquet, ..rig.table };
    let error = rig.ask("SELECT 1 FROM theirs").await.unwrap_err();
    assert!(error.message().starts_with("column u of logs.theirs is of type uniontype<int>"), "{error:?}");
    assert!(rig.ask("SELECT 1 FROM nobodys").await.unwrap_err().message().starts_with("there is no table nobodys"));
}

#[tokio::test]
async fn small_csv_of_strings_is_read_as_its_serde_does() {
    let mut rig = Rig::new(&[("host", "string"), ("name", "string"), ("more", "string")], &[]);
    let folder = rig.dir.path().join("hosts");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("hosts.csv"), "host,name\n\"10.0.0.1\",\"say \\\"a\\\\b\\\"\"\n10.0.0.2,\n").unwrap();
    rig.table.location = Some(format!("file://{}/", folder.display()));
    rig.table.layout = Layout::Csv(CsvLayout { header_lines: 1, ..Default::default() });
    let all = rig.ask("SELECT host, name, more IS NULL AS missing FROM theirs ORDER BY 1").await.unwrap();
    assert!(all.contains(r#"| 10.0.0.1 | say "a\b" | true    |"#), "{all}");
    assert!(all.contains("| 10.0.0.2 |           | true    |"), "{all}");
    std::fs::write(folder.join("hosts.csv"), "host,name\n1,\"a\nb\"\n").unwrap();
    let error = rig.ask("SELECT host FROM theirs").await.unwrap_err();
    assert!(error.message().ends_with("hosts.csv, line 2: a quote is not closed in its line"), "{error:?}");
    std::fs::write(folder.join("hosts.csv"), "host,name\n\n\"a\"\"b\",\"c,d\"\n").unwrap();
    let rows = rig.ask("SELECT host, name FROM theirs ORDER BY 1").await.unwrap();
    assert!(rows.contains("|      |      |") && rows.contains("| a\"b  | c,d  |"), "{rows}");
}
