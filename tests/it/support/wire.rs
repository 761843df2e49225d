//! A proxy between firelake and the stand-in for AWS, where one request goes wrong at the wire.
//!
//! Requests are known by a label that says what they do (`PUT commit`, `GET landed`, `GetTable`) and are counted by it. The one
//! that is to fail does so once, or each time it is sent again.

use super::stand_in;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 503 SlowDown, of Glue a ThrottlingException; nothing happened.
    Throttled,
    /// 500; nothing happened.
    Internal,
    /// The connection ends before the request was taken.
    Reset,
    /// It took effect, and the connection ends without an answer.
    Lost,
    /// It took effect, and the answer breaks off half-way.
    Cut,
    /// It was not taken, and nothing is said until the client gives up.
    Unheard,
    /// It took effect, and nothing is said until the client gives up.
    Silent,
    /// 409, and nothing happened: S3 about a conditional write.
    Conflict,
    /// 200 with an error in the answer, and nothing happened: S3 about a copy.
    HiddenError,
    /// 403; nothing happened.
    Denied,
}

impl Trouble {
    pub const ALL: [Trouble; 10] = [
        Trouble::Throttled,
        Trouble::Internal,
        Trouble::Reset,
        Trouble::Lost,
        Trouble::Cut,
        Trouble::Unheard,
        Trouble::Silent,
        Trouble::Conflict,
        Trouble::HiddenError,
        Trouble::Denied,
    ];

    /// Whether such a request can meet it.
    pub fn concerns(self, label: &str) -> bool {
        match self {
            Trouble::Conflict => label.starts_with("PUT"),
            Trouble::HiddenError => label.starts_with("COPY"),
            Trouble::Cut => !label.starts_with("HEAD") && !label.starts_with("PUT"), // no answer to cut
            _ => true,
        }
    }
}

/// What is to go wrong: the request of this label that is the `nth`, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub label: String,
    pub nth: usize,
    pub trouble: Trouble,
    /// How often: the first time it is sent, or each time.
    pub always: bool,
}

/// The proxy; it ends with the test process.
pub struct Wire {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    seen: BTreeMap<String, usize>,
    /// The request that fails each time it is sent again, once it is known.
    victim: Option<Vec<u8>>,
    hits: usize,
}

impl Wire {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let served = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = served.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Wire { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on requests are counted anew, and this goes wrong.
    pub fn arm(&self, plan: Plan) {
        *self.state.lock().unwrap() = State { plan: Some(plan), ..State::default() };
    }

    /// Nothing goes wrong any more; gives how often something did.
    pub fn disarm(&self) -> usize {
        std::mem::take(&mut *self.state.lock().unwrap()).hits
    }

    /// How many requests of each label came since [`arm`](Self::arm) or [`disarm`](Self::disarm), those sent again included.
    pub fn seen(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().seen.clone()
    }
}

impl State {
    fn next(&mut self, request: &Request) -> Option<Trouble> {
        let seen = self.seen.entry(request.label.clone()).or_default();
        let number = *seen;
        *seen += 1;
        let plan = self.plan.as_ref()?;
        let fails = match &self.victim {
            Some(victim) => plan.always && *victim == request.sent_again(),
            None => request.label == plan.label && number == plan.nth,
        };
        if !fails {
            return None;
        }
        self.victim.get_or_insert_with(|| request.sent_again());
        self.hits += 1;
        Some(plan.trouble)
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let request = Request::read(&stream)?;
    let trouble = state.lock().unwrap().next(&request);
    match trouble {
        None => stream.write_all(&request.passed_on()?).ok(),
        Some(Trouble::Throttled) if request.is_glue => stream.write_all(&glue_error(400, "ThrottlingException")).ok(),
        Some(Trouble::Internal) if request.is_glue => {
            stream.write_all(&glue_error(500, "InternalServiceException")).ok()
        }
        Some(Trouble::Denied) if request.is_glue => stream.write_all(&glue_error(400, "AccessDeniedException")).ok(),
        Some(Trouble::Throttled) => stream.write_all(&s3_error(503, "SlowDown")).ok(),
        Some(Trouble::Internal) => stream.write_all(&s3_error(500, "InternalError")).ok(),
        Some(Trouble::Denied) => stream.write_all(&s3_error(403, "AccessDenied")).ok(),
        Some(Trouble::Conflict) => stream.write_all(&s3_error(409, "ConditionalRequestConflict")).ok(),
        Some(Trouble::HiddenError) => stream.write_all(&s3_error(200, "InternalError")).ok(),
        Some(Trouble::Reset) => None,
        Some(Trouble::Lost) => request.passed_on().and(None),
        Some(Trouble::Cut) => {
            let whole = request.passed_on()?;
            let body = whole.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
            stream.write_all(&whole[..body + (whole.len() - body) / 2]).ok()
        }
        Some(Trouble::Unheard) => until_given_up(&mut stream),
        Some(Trouble::Silent) => request.passed_on().and(until_given_up(&mut stream)),
    }
}

fn until_given_up(stream: &mut TcpStream) -> Option<()> {
    stream.read_to_end(&mut Vec::new()).ok().map(drop)
}

fn answer(status: u16, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn s3_error(status: u16, code: &str) -> Vec<u8> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Told by a test.</Message></Error>");
    answer(status, "application/xml", &body)
}

fn glue_error(status: u16, code: &str) -> Vec<u8> {
    let body = format!("{{\"__type\":\"{code}\",\"Message\":\"Told by a test.\"}}");
    answer(status, "application/x-amz-json-1.1", &body)
}

/// A request as it came.
struct Request {
    label: String,
    is_glue: bool,
    /// The first line, then the headers but for `Connection`, each with its end.
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut action, mut copies, mut length) = (Vec::new(), None, false, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => action = value.trim().rsplit('.').next().map(str::to_owned),
                "x-amz-copy-source" => copies = true,
                "content-length" => length = value.trim().parse().ok()?,
                "connection" => continue,
                _ => {}
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let is_glue = action.is_some();
        let label = action.unwrap_or_else(|| of_s3(&head[0], copies));
        Some(Request { label, is_glue, head, body })
    }

    /// What is the same each time a client sends it again.
    fn sent_again(&self) -> Vec<u8> {
        [self.label.as_bytes(), self.head[0].as_bytes(), &self.body].concat()
    }

    /// The whole answer.
    fn passed_on(&self) -> Option<Vec<u8>> {
        let mut server = TcpStream::connect(stand_in::url().trim_start_matches("http://")).ok()?;
        let head = self.head.concat();
        server.write_all(&[head.as_bytes(), b"Connection: close\r\n\r\n", &self.body].concat()).ok()?;
        let mut whole = Vec::new();
        server.read_to_end(&mut whole).ok()?;
        Some(whole)
    }
}

/// What a request of S3 does, by its first line.
fn of_s3(line: &str, copies: bool) -> String {
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let method = match method {
        "GET" if target.contains("list-type=") => "LIST",
        "PUT" if copies => "COPY",
        method => method,
    };
    let what = match target {
        _ if target.contains("checkpoint") => "checkpoint",
        _ if target.contains("_ledger") => "commit",
        _ if target.contains("landing") => "landed",
        _ => "file",
    };
    format!("{method} {what}")
}
