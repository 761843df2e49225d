//! A server of a few lines, for answers that the stand-in does not give: each request is answered by a function of its
//! action and body, and remembered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `GetTable`; empty for STS, which speaks otherwise.
    pub(super) action: String,
    /// Its `x-amz-date`.
    pub(super) signed: String,
    pub(super) body: String,
}

type Answer = Arc<dyn Fn(&Asked) -> (u16, String) + Send + Sync>;

pub(super) struct Stub {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Listens until the process ends.
    pub(super) fn new(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen): (Answer, _) = (Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), seen.clone());
                std::thread::spawn(move || serve(&stream, &answer, &seen));
            }
        });
        Stub { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The actions in the order of their arrival.
    pub(super) fn actions(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.action).collect()
    }
}

fn serve(stream: &TcpStream, answer: &Answer, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        seen.lock().unwrap().push(asked.clone());
        let (status, body) = answer(&asked);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}",
            body.len()
        );
        if write!(&mut &*stream, "{head}\r\n\r\n{body}").is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let (mut action, mut signed, mut length) = (String::new(), String::new(), 0);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ").or_else(|| line.trim_end().split_once(':')) else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => action = value.rsplit('.').next().unwrap_or_default().into(),
            "x-amz-date" => signed = value.into(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { action, signed, body: String::from_utf8(body).unwrap() })
}
