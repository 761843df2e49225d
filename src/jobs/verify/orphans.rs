//! What lies beside the table's files: attempts that no commit names, and what firelake did not write. No damage: nobody reads it.

use super::books::Books;
use super::{Check, Verdict, VerifyReport, Watch, counted};
use crate::jobs::gc::inventory::{Folder, Owner};
use crate::jobs::gc::list;
use crate::storage::Location;
use crate::table::TableSchema;

pub(super) async fn check(folder: &Location, books: &Books, watch: &Watch, report: &mut VerifyReport) {
    let pins = books.pins.as_ref().filter(|_| books.whole);
    let schema = pins.map(|pins| TableSchema::parse(&pins.schema_name, "pinned in the ledger", &pins.schema));
    let Some(Ok(schema)) = schema else { return };
    watch("other files", 0, 0);
    let inventory = match list(folder, &schema.partitions).await {
        Ok(inventory) => inventory,
        Err(error) => return report.unchecked(Check::File, folder, &error),
    };
    let attempts = books.attempts();
    let is_orphan = |folder: &&Folder| matches!(folder.owner, Owner::Attempt(attempt) if !attempts.contains(&attempt));
    let orphans: Vec<&Folder> = inventory.folders.values().filter(is_orphan).collect();
    if let Some(first) = orphans.first().and_then(|folder| folder.objects.first()) {
        let files = orphans.iter().map(|folder| folder.objects.len()).sum();
        let bytes: u64 = orphans.iter().map(|folder| folder.bytes()).sum();
        let told =
            format!("{} ({bytes} bytes) of attempts that no commit names, such as this one", counted(files, "file"));
        let hint = "firelake gc condemns and deletes them, unless a run is still writing them";
        report.add(Verdict::Note, Check::File, folder.url_of(&first.key), told, hint);
    }
    if let Some(first) = inventory.unknown.first() {
        let objects = counted(inventory.unknown.len(), "object");
        let told = format!("{objects} that firelake did not write, such as this one");
        report.add(
            Verdict::Note,
            Check::File,
            folder.url_of(&first.key),
            told,
            "firelake never deletes them: remove them, if nobody needs them",
        );
    }
}
