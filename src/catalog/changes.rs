//! What a catalog is told, as plain data, and how it prints.

use super::{CatalogColumn, CatalogTable, PartitionEntry};
use crate::table::Partition;
use std::fmt;
use std::time::SystemTime;

/// What is to change in a catalog for one of its tables. Prints one change a line: `+` new, `~` moved, `-` gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The database.
    pub database: String,
    /// The catalog's table: `access` or `access_rejected`.
    pub table: String,
    /// The ledger's head that they were computed from: with them, the table is as of this commit.
    pub commit: u64,
    /// [`CatalogTable::token`] of the reading that they were decided on.
    pub token: Option<String>,
    /// [`Catalog::now`](super::Catalog::now) from before the ledger and the catalog were read for them.
    pub decided_at: Option<SystemTime>,
    /// The table itself. A moved watermark is an update of the definition, and so is a moved table without partition keys.
    pub definition: Option<TableChange>,
    /// Partitions to create or to move, in order.
    pub partitions: Vec<PartitionChange>,
}

/// A table that is new, or that is to be defined otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// There is none.
    Create(CatalogTable),
    /// Replaces the whole definition.
    Update {
        /// As it was read.
        from: CatalogTable,
        /// As it shall be, with what is not ours carried over.
        to: CatalogTable,
    },
}

/// A partition that is new, or whose files are to be found elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionChange {
    /// Which.
    pub partition: Partition,
    /// What the catalog said; `None` for a new one.
    pub from: Option<PartitionEntry>,
    /// What it is to say.
    pub to: PartitionEntry,
}

impl Changes {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.definition.is_none() && self.partitions.is_empty()
    }
}

impl TableChange {
    /// The definition as it shall be.
    pub fn to(&self) -> &CatalogTable {
        match self {
            TableChange::Create(to) | TableChange::Update { to, .. } => to,
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{}.{}", self.database, self.table);
        match &self.definition {
            Some(TableChange::Create(table)) => {
                writeln!(f, "+ {name} at {} ({} columns)", table.location, table.columns.len())?;
            }
            Some(TableChange::Update { from, to }) => update(f, &name, from, to)?,
            None => {}
        }
        self.partitions.iter().try_for_each(|change| writeln!(f, "{}", Line(&name, change)))
    }
}

fn update(f: &mut fmt::Formatter<'_>, name: &str, from: &CatalogTable, to: &CatalogTable) -> fmt::Result {
    if from.location != to.location {
        writeln!(f, "~ {name} from {} to {}", from.location, to.location)?;
    }
    from.odd.iter().try_for_each(|odd| writeln!(f, "~ {name} repaired: {odd}"))?;
    if from.widening {
        writeln!(f, "~ {name} its wider types in all partitions")?;
    }
    let lacks = |table: &CatalogTable, column: &CatalogColumn| {
        !table.columns.iter().any(|other| (&other.name, &other.hive_type) == (&column.name, &column.hive_type))
    };
    for column in from.columns.iter().filter(|column| lacks(to, column)) {
        writeln!(f, "- {name} column {} {}", column.name, column.hive_type)?;
    }
    for column in to.columns.iter().filter(|column| lacks(from, column)) {
        writeln!(f, "+ {name} column {} {}", column.name, column.hive_type)?;
    }
    for (key, value) in to.parameters.iter().filter(|(key, value)| from.parameters.get(*key) != Some(*value)) {
        match from.parameters.get(key) {
            Some(old) => writeln!(f, "~ {name} {key} from {old} to {value}")?,
            None => writeln!(f, "+ {name} {key} {value}")?,
        }
    }
    Ok(())
}

struct Line<'a>(&'a str, &'a PartitionChange);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(name, PartitionChange { partition, from, to }) = self;
        match from {
            None => write!(f, "+ {name} {partition} at {} (commit {})", to.location, to.commit),
            Some(from) => write!(
                f,
                "~ {name} {partition} from {} (commit {}) to {} (commit {})",
                from.location, from.commit, to.location, to.commit
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::HiveType;

    #[test]
    fn changes_print_one_a_line() {
        let column = |name: &str| CatalogColumn::from((name.to_owned(), HiveType::Int, None));
        let table = |columns: &[&str], commit| {
            CatalogTable {
                description: String::new(),
                columns: columns.iter().map(|name| column(name)).collect(),
                partition_keys: vec!["dt".into()],
                location: "s3://lake/logs/access/data/".into(),
                ..Default::default()
            }
            .with_watermark(commit)
        };
        let entry = |location: &str, commit| PartitionEntry { location: location.into(), commit };
        let move_ = |day: &str, from, to| PartitionChange { partition: day.into(), from, to };
        let mut changes = Changes {
            database: "logs".into(),
            table: "access".into(),
            commit: 8,
            token: None,
            decided_at: None,
            definition: Some(TableChange::Update { from: table(&["a"], 3), to: table(&["a", "b"], 8) }),
            partitions: vec![
                move_("dt=1", None, entry("s3://x/", 7)),
                move_("dt=2", Some(entry("s3://y/", 2)), entry("s3://z/", 8)),
            ],
        };
        let lines = "+ logs.access column b int\n\
                     ~ logs.access firelake.commit from 3 to 8\n\
                     + logs.access dt=1 at s3://x/ (commit 7)\n\
                     ~ logs.access dt=2 from s3://y/ (commit 2) to s3://z/ (commit 8)\n";
        assert_eq!(changes.to_string(), lines);
        changes.definition = Some(TableChange::Create(table(&["a"], 0)));
        changes.partitions.clear();
        assert_eq!(changes.to_string(), "+ logs.access at s3://lake/logs/access/data/ (1 columns)\n");
    }
}
