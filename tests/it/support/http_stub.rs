//! A server that answers as it was told: for what the stand-in for AWS cannot do, such as refuse, throttle, or lose an answer.
//!
//! Answers are scripted by action: the last part of `x-amz-target` (`StartQueryExecution`, `GetTable`), the `Action` of a form
//! (`GetCallerIdentity`), else what S3 would be asked for (`LIST`, `GET`, `PUT`). The last answer of an action is given again and
//! again. Every request is kept.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What an action is answered with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status and a JSON body.
    Json(u16, Value),
    /// A status and an XML body, as S3 and STS write them.
    Xml(u16, String),
    /// The request is taken, and the connection ends: its answer is lost.
    Lost,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub action: String,
    pub body: Value,
}

/// The server; it ends with the test process.
pub struct Stub {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    script: BTreeMap<String, VecDeque<Answer>>,
    asked: Vec<Asked>,
}

/// 200 and what AWS would say.
pub fn ok(body: Value) -> Answer {
    Answer::Json(200, body)
}

/// An error as AWS's JSON services write it.
pub fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::Json(status, serde_json::json!({"__type": code, "message": message, "Message": message}))
}

/// An error as S3 writes it.
pub fn s3_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::Xml(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
}

impl Stub {
    pub fn new(script: impl IntoIterator<Item = (&'static str, Vec<Answer>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = script.into_iter().map(|(action, answers)| (action.to_owned(), answers.into())).collect();
        let state = Arc::new(Mutex::new(State { script, asked: Vec::new() }));
        let served = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = served.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Stub { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The requests of an action, in order.
    pub fn asked(&self, action: &str) -> Vec<Asked> {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|asked| asked.action == action).cloned().collect()
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let asked = read(&stream)?;
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let answers = state.script.entry(asked.action.clone()).or_default();
        match answers.len() {
            0 => error(400, "UnknownOperationException", &format!("{:?} is not scripted", asked.action)),
            1 => answers[0].clone(),
            _ => answers.pop_front()?,
        }
    };
    let (status, kind, body) = match answer {
        Answer::Json(status, body) => (status, "application/x-amz-json-1.1", body.to_string()),
        Answer::Xml(status, body) => (status, "application/xml", body),
        Answer::Lost => return None,
    };
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let (mut action, mut length) = (asked_of_s3(&first), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => action = value.trim().rsplit('.').next()?.to_owned(),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if let Some(form) = std::str::from_utf8(&body).ok().and_then(|body| body.strip_prefix("Action=")) {
        action = form.split('&').next()?.to_owned();
    }
    Some(Asked { action, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// By the request's first line.
fn asked_of_s3(line: &str) -> String {
    match line.split_once(' ') {
        Some(("GET", rest)) if rest.contains("list-type=") => "LIST".into(),
        Some((method, _)) => method.into(),
        None => String::new(),
    }
}
