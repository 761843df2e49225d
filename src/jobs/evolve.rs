//! A schema file that has changed since the table was made: what it asks for is a commit of its own, before the run's work.

use super::compact::CompactJob;
use crate::decode::Decoder;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Action, Appended, Commit, Ledger, PinnedSchema, Snapshot};
use crate::table::{Change, Evolution, TableSchema};
use serde::Serialize;

/// How often a lost race is decided again. Another run that evolves the same table is rare, and one with the same file is no race.
const REPLANS: usize = 20;

/// A change of a table's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evolved {
    /// The commit that made it.
    pub commit: u64,
    /// Its steps, for people: `tenant string is new`.
    pub changes: Vec<String>,
}

impl CompactJob {
    /// The steps from the table's schema to the one that the run was given; none where it was given none, or the same.
    ///
    /// # Errors
    /// Usage: the table cannot become that, or the new schema cannot be decoded with. Nothing was changed.
    pub(super) fn schema_changes(&self, snapshot: &Snapshot) -> Result<Vec<Change>> {
        let Some(asked) = &self.schema else { return Ok(Vec::new()) };
        let pinned = snapshot.schema()?;
        match pinned.evolution_to(asked) {
            Evolution::Same => Ok(Vec::new()),
            Evolution::Refused { reason, way_out } => Err(match asked.evolution_to(&pinned) {
                Evolution::Changes(more) if snapshot.schema_commit > 0 => self.is_older(asked, snapshot, &more),
                _ => self.cannot_become(asked, snapshot, &reason, way_out),
            }),
            Evolution::Changes(changes) => {
                // A schema is pinned for good, so what only decoding finds wrong is told before.
                Decoder::new(asked)?;
                Ok(changes)
            }
        }
    }

    /// Commits the change that the run's schema asks for, if any. A run that was faster may have made it, or another one.
    ///
    /// # Errors
    /// Those of [`schema_changes`](Self::schema_changes), of the schema that there is by then. Those of the ledger.
    pub(super) async fn evolve(&self, ledger: &Ledger, snapshot: &mut Snapshot) -> Result<Option<Evolved>> {
        for _ in 0..REPLANS {
            let changes: Vec<String> = self.schema_changes(snapshot)?.iter().map(Change::to_string).collect();
            let Some(asked) = self.schema.as_ref().filter(|_| !changes.is_empty()) else { return Ok(None) };
            let schema = PinnedSchema { name: asked.name.clone(), text: asked.text.clone(), changes: changes.clone() };
            let commit = Commit { schema: Some(schema), ..Commit::new(Action::Evolve, self.now, &self.writer) };
            if let Appended::Committed(commit) = ledger.append(snapshot, commit).await? {
                return Ok(Some(Evolved { commit: commit.number, changes }));
            }
        }
        Err(Error::new(Kind::TryAgain, format!("others changed the schema of {} {REPLANS} times", self.table))
            .hint("nothing was changed; see firelake history, and run the same command again"))
    }

    fn is_older(&self, asked: &TableSchema, snapshot: &Snapshot, more: &[Change]) -> Error {
        let more: Vec<String> = more.iter().map(Change::to_string).collect();
        Error::usage(format!(
            "the schema {} has less than the one that {} has since commit {}: there {}",
            asked.name,
            self.table,
            snapshot.schema_commit,
            more.join("; ")
        ))
        .hint(format!(
            "nothing was changed. A column is never dropped and no type made narrower. If this is an older file, pass the newer one (commit {} \
             has its text whole), or no schema at all: then the run goes on with the table's own",
            snapshot.schema_commit
        ))
    }

    fn cannot_become(&self, asked: &TableSchema, snapshot: &Snapshot, reason: &str, way_out: &str) -> Error {
        let of = match snapshot.schema_commit {
            0 => "was made with".into(),
            since => format!("has since commit {since}"),
        };
        Error::usage(format!(
            "the schema {} is not the one that {} {of}: {reason}",
            asked.name, self.table
        ))
        .hint(format!("nothing was changed: {way_out}; without a schema the run goes on with the table's own, and with --table and a new \
                 name it makes another table"))
    }
}
