//! A table's identity: database and name, in the words that Glue and Athena accept.

use crate::error::{Error, Result};
use std::fmt;

/// A table of a database. Both names follow Glue's rules: lower case letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    database: String,
    table: String,
}

impl TableId {
    /// Checks both names: Athena reads no others (database at most 252 characters, table 255, `_rejected` included).
    pub fn new(database: &str, table: &str) -> Result<Self> {
        check_name("database", database, 252)?;
        check_name("table", table, 255 - "_rejected".len())?;
        if table.ends_with("_rejected") {
            return Err(Error::usage(format!("the table name {table} ends in _rejected"))
                .hint("firelake keeps the rejected records of a table t in t_rejected; pass --table t"));
        }
        Ok(TableId { database: database.into(), table: table.into() })
    }

    /// The database, `logs` unless told.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The table's own name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The name of the table that holds what could not be decoded.
    pub fn rejected_table(&self) -> String {
        format!("{}_rejected", self.table)
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// Glue's rule for names that Athena, Trino and Hive all read without quotes.
pub(crate) fn check_name(what: &str, name: &str, longest: usize) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > longest || !name.chars().all(fits) {
        return Err(Error::usage(format!("{what} name {name:?} is not one that Athena reads"))
            .hint(format!("use 1 to {longest} lower case letters, digits and _")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_glue() {
        assert!(TableId::new("logs", "access").is_ok());
        for (database, table) in
            [("Logs", "access"), ("logs", ""), ("logs", "a-b"), ("logs", "../x"), ("logs", "t_rejected")]
        {
            assert!(TableId::new(database, table).is_err(), "{database}.{table}");
        }
    }
}
