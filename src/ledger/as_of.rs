//! Which state of a table is meant: the one after a commit, or the one that it had at a time.

use super::snapshot::Snapshot;
use super::store::Ledger;
use crate::config::Moment;
use crate::error::{Error, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt;

/// A state of a table in its past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// That after the commit of this number. Numbers are a table's own.
    Commit(u64),
    /// That of the newest commit which the store had written by then.
    Time(DateTime<Utc>),
}

impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Ok(AsOf::Commit(number)),
            Err(_) => {
                let Moment(time) =
                    text.parse().map_err(|why: String| format!("a commit's number, or a moment: {why}"))?;
                Ok(AsOf::Time(time))
            }
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AsOf::Commit(number) => write!(f, "commit {number}"),
            AsOf::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

impl Ledger {
    /// The number of the commit that is meant; `None` where there is no table.
    ///
    /// # Errors
    /// Usage: the table is younger than that time. Those of the store.
    pub async fn number_as_of(&self, as_of: AsOf) -> Result<Option<u64>> {
        let Some(created) = self.stored_at(0).await? else { return Ok(None) };
        let number = match as_of {
            AsOf::Commit(number) => Some(number),
            AsOf::Time(time) => self.number_at(time).await?,
        };
        number.map(Some).ok_or_else(|| {
            let created = created.to_rfc3339_opts(SecondsFormat::Secs, true);
            Error::usage(format!("there was no commit yet in {} at {as_of}", self.folder.url()))
                .hint(format!("the first one was written at {created}, by the store's clock"))
        })
    }

    /// The state that is meant, with the schema that the table has now: it reads all files, those of then too, and is the one that
    /// a rollback would leave in place. `None` where there is no table.
    ///
    /// # Errors
    /// Usage: there is no such commit, or the table is younger. Those of [`load_at`](Self::load_at) and of [`load`](Self::load).
    pub async fn load_as_of(&self, as_of: AsOf) -> Result<Option<Snapshot>> {
        let Some(number) = self.number_as_of(as_of).await? else { return Ok(None) };
        let mut state = self.load_at(number).await?;
        if let Some(now) = self.load_lean().await? {
            (state.pins.schema_name, state.pins.schema) = (now.pins.schema_name, now.pins.schema);
            state.schema_commit = now.schema_commit;
        }
        Ok(Some(state))
    }
}
