//! Records that each have an id of their own: what is missing, or there twice, has a name.

use super::process::Sandbox;
use firelake::table::TableSchema;
use std::collections::BTreeSet;

/// Where [`Numbered::write`] puts the schema.
pub const SCHEMA_FILE: &str = "numbered.toml";

const SCHEMA: &str = r#"
[[column]]
name = "ts"
type = "timestamp"
event_time = true

[[column]]
name = "id"
type = "string"
"#;

/// Landed objects of such records, around a midnight: each has rows of two partitions, and a record that cannot be decoded.
pub struct Numbered {
    /// Key below the landing prefix, and body.
    pub objects: Vec<(String, Vec<u8>)>,
    pub whole: BTreeSet<String>,
    pub broken: BTreeSet<String>,
}

pub fn schema() -> TableSchema {
    TableSchema::parse("numbered", SCHEMA_FILE, SCHEMA).unwrap()
}

impl Numbered {
    /// So many objects of so many records, of about `width` bytes each. `first` numbers the objects.
    pub fn new(first: usize, objects: usize, records: usize, width: usize) -> Numbered {
        let mut made = Numbered { objects: Vec::new(), whole: BTreeSet::new(), broken: BTreeSet::new() };
        (first..first + objects).for_each(|object| made.object(object, records, width));
        made
    }

    fn object(&mut self, object: usize, records: usize, width: usize) {
        let mut body = Vec::new();
        for record in 0..records {
            let id = format!("o{object}-r{record}");
            let ts = match record % 2 {
                0 => format!("2026-11-19T23:{:02}:{:02}", record / 60 % 60, record % 60),
                _ => format!("2026-11-20T00:{:02}:{:02}", record / 60 % 60, record % 60),
            };
            match record {
                3 => body.extend(format!("{{\"id\":\"{id}\",\"ts\":}}\n").bytes()),
                _ => body.extend(format!("{{\"id\":\"{id}\",\"ts\":\"{ts}\",\"more\":\"{id:>width$}\"}}\n").bytes()),
            }
            if record == 3 { &mut self.broken } else { &mut self.whole }.insert(id);
        }
        let (hour, minute) = (object / 60 % 24, object % 60);
        let key = format!(
            "2026/11/20/{hour:02}/numbered-1-2026-11-20-{hour:02}-{minute:02}-00-{object:08x}-0000-4000-8000-000000000000"
        );
        self.objects.push((key, body));
    }

    /// Into a folder of the sandbox, the schema beside it.
    pub fn write(&self, sandbox: &Sandbox, landing: &str) {
        sandbox.write(SCHEMA_FILE, SCHEMA);
        self.objects.iter().for_each(|(key, body)| sandbox.write(&format!("{landing}/{key}"), body));
    }

    /// Into a bucket, the schema into the sandbox.
    pub fn put(&self, sandbox: &Sandbox, bucket: &str, landing: &str) {
        sandbox.write(SCHEMA_FILE, SCHEMA);
        self.objects.iter().for_each(|(key, body)| sandbox.put(bucket, &format!("{landing}/{key}"), body));
    }

    pub fn add(&mut self, more: Numbered) {
        self.objects.extend(more.objects);
        self.whole.extend(more.whole);
        self.broken.extend(more.broken);
    }

    pub fn records(&self) -> usize {
        self.whole.len() + self.broken.len()
    }

    /// Checks that each id is among `rows` once, and each broken record once among `rejected`.
    #[track_caller]
    pub fn check(
        &self,
        rows: impl IntoIterator<Item = String>,
        rejected: impl IntoIterator<Item = String>,
        told: &str,
    ) {
        once(&self.whole, rows, told);
        let id = |raw: String| raw.split('"').nth(3).map(str::to_owned).unwrap_or(raw);
        once(&self.broken, rejected.into_iter().map(id), told);
    }

    /// Checks a table by what the program itself answers: each record once, and `verify --deep` finds no damage.
    #[track_caller]
    pub fn check_table(&self, sandbox: &Sandbox, lake: &str, table: &str) {
        let answer = |sql: &str| {
            let answer = sandbox.ok(&format!("query --lake {lake} --format csv \"{sql}\"")).stdout;
            answer.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let rows = answer(&format!("SELECT id FROM {table}"));
        let rejected = answer(&format!("SELECT CAST(raw AS varchar) FROM {table}_rejected"));
        let rejected = rejected.into_iter().map(|raw| raw.replace("\"\"", "\"").replacen('"', "", 1));
        self.check(rows, rejected, &format!("{lake} {table}"));
        let verified = sandbox.ok(&format!("verify --lake {lake} --table {table} --deep --json")).stdout;
        let verified: serde_json::Value = serde_json::from_str(verified.lines().last().unwrap()).unwrap();
        // What runs that died or were beaten have written is noted, once, for gc.
        let expected = (&true.into(), true, &self.records().into());
        let notes = verified["notes"].as_u64().is_some_and(|notes| notes <= 1);
        assert_eq!((&verified["clean"], notes, &verified["records_compared"]), expected, "{verified}");
    }
}

#[track_caller]
fn once(expected: &BTreeSet<String>, found: impl IntoIterator<Item = String>, told: &str) {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = found.into_iter().filter(|id| !seen.insert(id.clone())).collect();
    let missing: Vec<&String> = expected.difference(&seen).collect();
    let strange: Vec<&String> = seen.difference(expected).collect();
    assert!(
        twice.is_empty() && missing.is_empty() && strange.is_empty(),
        "{told}: of {} records {} are missing: {:?}; {} there twice: {:?}; {} strange: {:?}",
        expected.len(),
        missing.len(),
        missing.first(),
        twice.len(),
        twice.first(),
        strange.len(),
        strange.first()
    );
}
