//! The stand-in itself: it answers, and keeps accounts apart.

use crate::support::stand_in;

/// One request to the stand-in's Glue, as the named account.
fn glue(account: &str, action: &str, body: &str) -> String {
    let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSGlue.{action}\r\n");
    stand_in::request(account, "glue", "POST", "/", &headers, body.as_bytes()).unwrap()
}

#[test]
fn the_stand_in_answers_and_accounts_are_apart() {
    let (one, other) = (stand_in::account(), stand_in::account());
    let bucket = stand_in::bucket_name("answers");
    stand_in::create_bucket(&one, &bucket);
    let listed = stand_in::request(&one, "s3", "GET", &format!("/{bucket}?list-type=2"), "", b"").unwrap();
    assert!(listed.starts_with("HTTP/1.1 200"), "{listed}");

    let created = glue(&one, "CreateDatabase", r#"{"DatabaseInput": {"Name": "logs"}}"#);
    assert!(created.starts_with("HTTP/1.1 200"), "{created}");
    assert!(glue(&one, "GetDatabases", "{}").contains(r#""Name": "logs""#));
    assert!(glue(&other, "GetDatabases", "{}").contains(r#""DatabaseList": []"#));
}
