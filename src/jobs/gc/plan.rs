//! What is garbage, since when, and what may be done about it. Pure.
//!
//! Three times count, all by the store's clock: *now*, that of a commit; *the bound*, the grace before now; and the *past*,
//! from the newest commit that was written at the bound or before, up to the state that is judged.
//!
//! | of a folder | condemned where |
//! |---|---|
//! | of an attempt with nothing live in all of the past, whole | its newest file was written at the bound or before |
//! | of one partition of any other attempt | no file in it was live in all of the past |
//! | a published copy as of commit n | in all of the past, later commits had changed its partition |
//!
//! Never what the catalog names, nor what is live, nor what is condemned already. Where no commit is as old as the bound, nothing.
//!
//! The first rule needs not to know whether the attempt was ever committed. If it was, its files are dead like those of the
//! second rule. If it was not, no reader has ever seen it, and its commit, if one is still to come, meets the condemn: they
//! conflict, whichever is first (`conflict`: has files ▶ condemned its attempt; condemn ▶ made live what it condemns). The age
//! of its files keeps that from happening to runs that are at work.

use super::inventory::{Folder, Inventory, Object, Owner};
use crate::ledger::Snapshot;
use crate::sabotage::{Broken, broken};
use crate::table::{FileSet, Partition};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What becomes of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was condemned long enough ago.
    Delete,
    /// A commit says that it may be deleted, once the grace is over.
    Condemn,
    /// It is garbage, and stays for now.
    Keep,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Of an attempt that nothing is live of: never committed, or all of it was taken out or replaced.
    DeadAttempt,
    /// Its files were taken out or replaced.
    DeadFolder,
    /// A published copy of an earlier state.
    OldCopy,
    /// A commit condemned it.
    Condemned,
    /// It was written, read from or pointed at less than the grace ago.
    Recent,
    /// The catalog points at it, or at a folder above or below it.
    InCatalog,
    /// It is live though it was condemned: this protocol does not do that.
    Live,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::DeadAttempt => "nothing of its attempt is live: never committed, or replaced whole",
            Why::DeadFolder => "its files were replaced or taken out",
            Why::OldCopy => "a published copy of an earlier state",
            Why::Condemned => "condemned",
            Why::Recent => "written, or live, less than the grace ago",
            Why::InCatalog => "the catalog points at it",
            Why::Live => "live, though condemned",
        })
    }
}

/// A folder of garbage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Relative to the table's, with a last slash.
    pub folder: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Why.
    pub why: Why,
    /// Of a condemned one: when that was, by the store's clock.
    pub condemned_at: Option<DateTime<Utc>>,
    /// Files in it.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Each folder of garbage once.
    pub(super) judged: Vec<Judged>,
    /// Condemned folders that nothing is left of.
    pub(super) forgotten: Vec<String>,
    /// What is deleted.
    pub(super) doomed: Vec<Object>,
}

impl Plan {
    /// The folders that are condemned.
    pub(super) fn condemned(&self) -> Vec<String> {
        let condemned = self.judged.iter().filter(|judged| judged.fate == Fate::Condemn);
        condemned.map(|judged| judged.folder.clone()).collect()
    }
}

/// What a plan is made of, beside the listing.
pub(super) struct Facts<'a> {
    /// The state that is judged.
    pub(super) snapshot: &'a Snapshot,
    /// `None` where the table is younger than the grace.
    pub(super) past: Option<Past>,
    /// When each commit of the state's `condemned` was written.
    pub(super) condemned_at: BTreeMap<u64, DateTime<Utc>>,
    /// What the catalog names.
    pub(super) named: Named,
    /// What was written then or before is older than the grace.
    pub(super) bound: DateTime<Utc>,
}

/// What happened between the newest commit that is older than the grace and the state that is judged.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Files that were live and are not.
    pub(super) removed: BTreeSet<String>,
    /// The commit that had last changed each partition at its beginning.
    pub(super) changed: BTreeMap<(FileSet, Partition), u64>,
}

/// The locations that a catalog names, as URLs with a last slash.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The table's folder.
    pub(super) table: String,
    pub(super) locations: BTreeSet<String>,
}

impl Named {
    /// Whether a reader of any of the locations reads from the folder: it is below the location, or the reverse.
    fn touches(&self, folder: &str) -> bool {
        let folder = format!("{}{folder}", self.table);
        !broken(Broken::GcWithoutCatalog)
            && self.locations.iter().any(|location| folder.starts_with(location) || location.starts_with(&folder))
    }
}

/// Judges all that is listed.
pub(super) fn plan(inventory: &Inventory, facts: &Facts) -> Plan {
    let judge = Judge { inventory, facts, plan: Plan::default() };
    judge.condemned().uncondemned()
}

/// Whether there is anything that is not in use: what a plan could be about.
pub(super) fn has_garbage(inventory: &Inventory, snapshot: &Snapshot) -> bool {
    let in_use = |(name, folder): (&String, &Folder)| match folder.owner {
        Owner::Attempt(_) => is_live(snapshot, name),
        Owner::Copy(number) => is_current(snapshot, folder, number),
    };
    !snapshot.condemned.is_empty() || !inventory.folders.iter().all(in_use)
}

fn is_live(snapshot: &Snapshot, folder: &str) -> bool {
    first_below(snapshot.files.range(folder.to_owned()..).map(|(path, _)| path), folder)
}

fn first_below<'a>(mut sorted: impl Iterator<Item = &'a String>, folder: &str) -> bool {
    sorted.next().is_some_and(|path| path.starts_with(folder))
}

/// Whether publishing might still point at the copy. What no commit is known to have changed is not judged.
fn is_current(snapshot: &Snapshot, folder: &Folder, number: u64) -> bool {
    let changed = snapshot.changed.get(&(folder.set, folder.partition.clone()));
    changed.is_none_or(|changed| *changed <= number)
}

struct Judge<'a> {
    inventory: &'a Inventory,
    facts: &'a Facts<'a>,
    plan: Plan,
}

impl<'a> Judge<'a> {
    /// What a commit condemned: deleted, or not yet, or gone.
    fn condemned(mut self) -> Self {
        let mut doomed = BTreeSet::new();
        for (folder, commit) in &self.facts.snapshot.condemned {
            let held: Vec<&Folder> = self.inventory.below(folder).map(|(_, held)| held).collect();
            if held.is_empty() {
                self.plan.forgotten.push(folder.clone());
                continue;
            }
            let at = self.facts.condemned_at.get(commit).copied();
            let (fate, why) = match () {
                () if is_live(self.facts.snapshot, folder) => (Fate::Keep, Why::Live),
                () if self.facts.named.touches(folder) => (Fate::Keep, Why::InCatalog),
                () if at.is_some_and(|at| at <= self.facts.bound) => (Fate::Delete, Why::Condemned),
                () => (Fate::Keep, Why::Condemned),
            };
            if fate == Fate::Delete {
                let new = held.iter().flat_map(|held| &held.objects).filter(|object| doomed.insert(&object.path));
                self.plan.doomed.extend(new.cloned());
            }
            self.judged(folder.clone(), &held, fate, why, at);
        }
        self
    }

    fn judged(&mut self, folder: String, held: &[&Folder], fate: Fate, why: Why, at: Option<DateTime<Utc>>) {
        if fate == Fate::Condemn && broken(Broken::GcOneStep) {
            self.plan.doomed.extend(held.iter().flat_map(|held| held.objects.clone()));
        }
        let files = held.iter().map(|held| held.objects.len() as u64).sum();
        let bytes = held.iter().map(|held| held.bytes()).sum();
        self.plan.judged.push(Judged { folder, fate, why, condemned_at: at, files, bytes });
    }

    fn uncondemned(mut self) -> Plan {
        let mut attempts: BTreeMap<Owner, Vec<(&String, &Folder)>> = BTreeMap::new();
        let inventory = self.inventory;
        for (name, folder) in &inventory.folders {
            match folder.owner {
                _ if self.is_condemned(name) => {}
                Owner::Copy(number) => self.copy(name, folder, number),
                owner => attempts.entry(owner).or_default().push((name, folder)),
            }
        }
        for (owner, folders) in attempts {
            self.attempt(owner, &folders);
        }
        self.plan
    }

    fn is_condemned(&self, folder: &str) -> bool {
        folder.match_indices('/').any(|(at, _)| self.facts.snapshot.condemned.contains_key(&folder[..=at]))
    }

    fn copy(&mut self, name: &str, folder: &Folder, number: u64) {
        if is_current(self.facts.snapshot, folder, number) {
            return;
        }
        let partition = (folder.set, folder.partition.clone());
        let is_old = |past: &Past| past.changed.get(&partition).is_some_and(|changed| *changed > number);
        let is_old = self.facts.past.as_ref().is_some_and(is_old);
        self.judge(name.into(), &[folder], is_old, Why::OldCopy);
    }

    fn attempt(&mut self, owner: Owner, folders: &[(&String, &Folder)]) {
        let Owner::Attempt(attempt) = owner else { return };
        let whole = FileSet::BOTH.map(|set| format!("{}/{attempt}/", set.folder()));
        if whole.iter().any(|whole| is_live(self.facts.snapshot, whole) || self.was_live(whole)) {
            for (name, folder) in folders.iter().filter(|(name, _)| !is_live(self.facts.snapshot, name)) {
                self.judge((*name).clone(), &[folder], !self.was_live(name), Why::DeadFolder);
            }
            return;
        }
        // One that is still being written is so in both sets.
        let is_old = folders.iter().all(|(_, folder)| self.is_old(folder));
        for whole in whole {
            let held: Vec<&Folder> =
                folders.iter().filter(|(name, _)| name.starts_with(&whole)).map(|(_, held)| *held).collect();
            if !held.is_empty() {
                self.judge(whole, &held, is_old, Why::DeadAttempt);
            }
        }
    }

    /// Whether a file in it was live in the past, and is not.
    fn was_live(&self, folder: &str) -> bool {
        let removed = self.facts.past.as_ref().map(|past| &past.removed);
        removed.is_some_and(|removed| first_below(removed.range(folder.to_owned()..), folder))
    }

    fn is_old(&self, folder: &Folder) -> bool {
        folder.newest().is_none_or(|newest| newest <= self.facts.bound)
    }

    /// `dead`: nothing in it was in use in all of the past.
    fn judge(&mut self, name: String, held: &[&Folder], dead: bool, why: Why) {
        let is_old = dead && self.facts.past.is_some() && held.iter().all(|held| self.is_old(held));
        let (fate, why) = match () {
            () if self.facts.named.touches(&name) => (Fate::Keep, Why::InCatalog),
            () if is_old => (Fate::Condemn, why),
            () => (Fate::Keep, Why::Recent),
        };
        self.judged(name, held, fate, why, None);
    }
}

#[cfg(test)]
mod tests;
