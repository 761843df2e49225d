//! The stand-in for S3, Glue and Athena: `tests/aws/serve`, once for each test process, stopped with it.
//!
//! Only the standard library: the unit tests in `src/` take this file by its path.

#![allow(dead_code, reason = "who takes this file by its path uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static SERVER: OnceLock<Server> = OnceLock::new();
/// How many names and accounts this process has drawn.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// The server ends when its stdin closes: `process` holds the other end until this process is gone, however it goes.
struct Server {
    url: String,
    process: Child,
}

/// Where it listens, as `http://127.0.0.1:PORT`. The first call starts it, unless `FIRELAKE_STAND_IN` says that one runs.
pub fn url() -> &'static str {
    static RUNNING: OnceLock<Option<String>> = OnceLock::new();
    match RUNNING.get_or_init(|| std::env::var("FIRELAKE_STAND_IN").ok()) {
        Some(url) => url,
        None => &SERVER.get_or_init(start).url,
    }
}

fn start() -> Server {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/serve");
    let mut process = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    let mut line = String::new();
    let told = process.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
    let url = line.trim_end().to_owned();
    if !url.starts_with("http://127.0.0.1:") {
        panic!("{program} gave no address, its own message is above: {told:?}, {line:?}, {:?}", process.wait());
    }
    Server { url, process }
}

/// An access key id of 12 digits, never given twice: the stand-in takes it for the account, each with its own Glue.
/// With `FIRELAKE_STAND_IN_ACCOUNT` it is that one each time, since a Trino behind the stand-in knows the Glue of one account.
pub fn account() -> String {
    if let Ok(account) = std::env::var("FIRELAKE_STAND_IN_ACCOUNT") {
        return account;
    }
    format!("{:012}", 100_000_000_000 + unique() % 900_000_000_000)
}

/// A name that no other test has: buckets of all accounts share their names.
pub fn bucket_name(prefix: &str) -> String {
    format!("{prefix}-{:x}", unique())
}

/// The time, and then a count.
fn unique() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    now.wrapping_mul(1_000).wrapping_add(DRAWN.fetch_add(1, Ordering::Relaxed) % 1_000)
}

/// Creates a bucket for an account, as its owner.
pub fn create_bucket(account: &str, name: &str) {
    let answer = request(account, "s3", "PUT", &format!("/{name}"), "", b"").unwrap_or_else(|error| panic!("{error}"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// One plain request; of the signature only account and service are looked at. Each header ends with `\r\n`.
pub fn request(
    account: &str,
    service: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<String> {
    let host = url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\
         Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n",
        body.len(),
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A call of Glue; the answer's body, or all of it where it is an error.
pub fn glue(account: &str, action: &str, body: &str) -> Result<String, String> {
    let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSGlue.{action}\r\n");
    let answer = request(account, "glue", "POST", "/", &headers, body.as_bytes()).map_err(|error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(answer),
    }
}
