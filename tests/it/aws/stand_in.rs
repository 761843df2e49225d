//! The stand-in itself: it answers, and keeps accounts apart.

use crate::support::stand_in;

#[test]
fn the_stand_in_answers_and_accounts_are_apart() {
    let (one, other) = (stand_in::account(), stand_in::account());
    let bucket = stand_in::bucket_name("answers");
    stand_in::create_bucket(&one, &bucket);
    let listed = stand_in::request(&one, "s3", "GET", &format!("/{bucket}?list-type=2"), "", b"").unwrap();
    assert!(listed.starts_with("HTTP/1.1 200"), "{listed}");

    stand_in::glue(&one, "CreateDatabase", r#"{"DatabaseInput": {"Name": "logs"}}"#).unwrap();
    assert!(stand_in::glue(&one, "GetDatabases", "{}").unwrap().contains(r#""Name": "logs""#));
    assert!(stand_in::glue(&other, "GetDatabases", "{}").unwrap().contains(r#""DatabaseList": []"#));
}
