//! A table of the stand-in's Glue, changed past firelake.

use super::stand_in;
use serde_json::{Value, json};

/// Changes a table's definition; false where there is none.
pub fn edit_table(account: &str, database: &str, table: &str, change: impl FnOnce(&mut Value)) -> bool {
    let named = json!({"DatabaseName": database, "Name": table}).to_string();
    let Ok(found) = stand_in::glue(account, "GetTable", &named) else { return false };
    let mut input = serde_json::from_str::<Value>(&found).unwrap()["Table"].take();
    let taken = ["Name", "Description", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters"];
    input.as_object_mut().unwrap().retain(|field, _| taken.contains(&field.as_str()));
    change(&mut input);
    let body = json!({"DatabaseName": database, "TableInput": input}).to_string();
    stand_in::glue(account, "UpdateTable", &body).unwrap();
    true
}
