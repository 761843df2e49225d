//! A hit becomes bytes: one record as a producer writes it, or as something on the way broke it.

use super::clients::clients;
use super::options::{Delimiter, GenerateFormat, GenerateOptions};
use super::session::{Filled, Referer, Target};
use super::site::SITE;
use super::traffic::Hit;
use chrono::DateTime;
use memchr::{memchr, memmem};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What makes a record undecodable, beyond repair: what a careful reader repairs (a bare `-`, Apache's `\x41`) is no
/// breakage.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Breakage {
    /// Cut off anywhere, perhaps within a character. The next record is safe by its line feed only.
    Truncated,
    /// A line of the log that nobody turned into JSON.
    RawLine,
    /// `"host":"…",,"ident":…`: the braces still match.
    DoubledComma,
    /// `"host" "…"`: the braces still match.
    MissingColon,
    /// `"response":undefined`: the braces still match.
    Undefined,
}

impl Breakage {
    fn draw(delimiter: Delimiter, rng: &mut ChaCha8Rng) -> Self {
        use Breakage::{DoubledComma, MissingColon, RawLine, Truncated, Undefined};
        match delimiter {
            Delimiter::Newline => {
                [Truncated, RawLine, Truncated, DoubledComma, MissingColon, Undefined][rng.random_range(0..6)]
            }
            Delimiter::None => [DoubledComma, MissingColon, Undefined][rng.random_range(0..3)],
        }
    }
}

/// Writes records, one after the other, to the end of a buffer.
pub(super) struct Encoder {
    clients: Vec<String>,
    format: GenerateFormat,
    delimiter: Delimiter,
    /// The day that `day_text` is: most records share it.
    day: i64,
    day_text: String,
}

impl Encoder {
    pub(super) fn new(options: &GenerateOptions) -> Self {
        let (format, delimiter) = (options.format, options.delimiter);
        Encoder { clients: clients(), format, delimiter, day: i64::MIN, day_text: String::new() }
    }

    pub(super) fn client(&self, hit: &Hit) -> &str {
        &self.clients[hit.client as usize]
    }

    /// Appends the record of `hit` and the delimiter.
    pub(super) fn write(&mut self, hit: &Hit, out: &mut Vec<u8>) {
        self.write_record(hit, out);
        self.delimit(out);
    }

    /// Appends the record of `hit` so that no reader can decode it, and the delimiter.
    pub(super) fn write_broken(&mut self, hit: &Hit, rng: &mut ChaCha8Rng, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_record(hit, out);
        match Breakage::draw(self.delimiter, rng) {
            Breakage::Truncated => out.truncate(rng.random_range(start + 2..out.len())),
            Breakage::RawLine => {
                out.truncate(start);
                self.write_raw_line(hit, out);
            }
            Breakage::DoubledComma => replace(out, start, b",", b",,"),
            Breakage::MissingColon => replace(out, start, b":", b" "),
            Breakage::Undefined => undefine_status(out, start),
        }
        self.delimit(out);
    }

    fn delimit(&self, out: &mut Vec<u8>) {
        if self.delimiter == Delimiter::Newline {
            out.push(b'\n');
        }
    }

    fn write_record(&mut self, hit: &Hit, out: &mut Vec<u8>) {
        match self.format {
            GenerateFormat::CombinedApache => self.write_combined(hit, out),
            GenerateFormat::ApacheJson => self.write_apache(hit, out),
        }
    }

    /// As LOGTOJSON writes it: compact, in the order of the log line, what the log shows as `-` is null.
    fn write_combined(&mut self, hit: &Hit, out: &mut Vec<u8>) {
        put(out, "{\"host\":\"");
        put(out, self.client(hit));
        put(out, "\",\"ident\":null,\"authuser\":");
        put_nullable(out, hit.user, put);
        put(out, ",\"datetime\":\"");
        self.put_time(hit.ts, out);
        put(out, "\",\"request\":");
        put_nullable(out, hit.visit.request, |out, request| {
            put(out, request.method);
            put(out, " ");
            put_target(out, &request.target);
            put(out, " ");
            put(out, request.protocol);
        });
        put(out, ",\"response\":\"");
        put_number(out, u32::from(hit.visit.status));
        put(out, "\",\"bytes\":");
        put_nullable(out, hit.visit.bytes, put_number);
        put(out, ",\"referer\":");
        put_nullable(out, hit.visit.referer, put_referer);
        put(out, ",\"agent\":");
        put_nullable(out, hit.agent, |out, agent| put(out, agent.json));
        put(out, "}");
    }

    /// As a hand-written `LogFormat` writes it: `%B` is 0 where there is no body, all else is `-` where there is none.
    fn write_apache(&mut self, hit: &Hit, out: &mut Vec<u8>) {
        put(out, "{ \"request_time\":\"[");
        self.put_time(hit.ts, out);
        put(out, "]\", \"client_ip\":\"");
        put(out, self.client(hit));
        put(out, "\", \"client_hostname\":\"www.example.com\", \"server_ip\":\"10.0.0.7\", \"request\":\"");
        if let Some(request) = &hit.visit.request {
            put_target(out, &request.target);
        }
        put(out, "\", \"http_method\":\"");
        put(out, hit.visit.request.map_or("-", |request| request.method));
        put(out, "\", \"status\":\"");
        put_number(out, u32::from(hit.visit.status));
        put(out, "\", \"size\":\"");
        put_number(out, hit.visit.bytes.unwrap_or(0));
        put(out, "\", \"userAgent\":\"");
        put(out, hit.agent.map_or("-", |agent| agent.json));
        put(out, "\", \"referer\":\"");
        put_or_dash(out, hit.visit.referer, put_referer);
        put(out, "\" }");
    }

    fn write_raw_line(&mut self, hit: &Hit, out: &mut Vec<u8>) {
        put(out, self.client(hit));
        put(out, " - ");
        put(out, hit.user.unwrap_or("-"));
        put(out, " [");
        self.put_time(hit.ts, out);
        put(out, "] \"");
        put_or_dash(out, hit.visit.request, |out, request| {
            put(out, request.method);
            put(out, " ");
            put_target(out, &request.target);
            put(out, " ");
            put(out, request.protocol);
        });
        put(out, "\" ");
        put_number(out, u32::from(hit.visit.status));
        put(out, " ");
        put_or_dash(out, hit.visit.bytes, put_number);
        put(out, " \"");
        put_or_dash(out, hit.visit.referer, put_referer);
        put(out, "\" \"");
        put(out, hit.agent.map_or("-", |agent| agent.json));
        put(out, "\"");
    }

    /// `20/May/2015:21:05:00 +0000`
    fn put_time(&mut self, ts: i64, out: &mut Vec<u8>) {
        let (day, second) = (ts.div_euclid(86_400), ts.rem_euclid(86_400));
        if day != self.day {
            let date = DateTime::from_timestamp(ts, 0).unwrap_or_default();
            (self.day, self.day_text) = (day, date.format("%d/%b/%Y").to_string());
        }
        put(out, &self.day_text);
        for part in [second / 3600, second / 60 % 60, second % 60] {
            out.extend_from_slice(&[b':', b'0' + (part / 10) as u8, b'0' + (part % 10) as u8]);
        }
        put(out, " +0000");
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A JSON string, or null.
fn put_nullable<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => put(out, "null"),
        Some(value) => {
            put(out, "\"");
            write(out, value);
            put(out, "\"");
        }
    }
}

fn put_or_dash<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => put(out, "-"),
        Some(value) => write(out, value),
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[first..]);
        }
    }
}

/// The template with its number in the place of `{}`.
pub(super) fn put_filled(out: &mut Vec<u8>, text: &Filled) {
    match memchr(b'{', text.template.as_bytes()) {
        None => put(out, text.template),
        Some(at) => {
            put(out, &text.template[..at]);
            put_number(out, text.number);
            put(out, &text.template[at + 2..]);
        }
    }
}

fn put_target(out: &mut Vec<u8>, target: &Target) {
    put_filled(out, &target.path);
    if let Some(query) = &target.query {
        put(out, "?");
        put_filled(out, query);
    }
}

pub(super) fn put_referer(out: &mut Vec<u8>, referer: Referer) {
    match referer {
        Referer::Elsewhere(url) => put(out, url),
        Referer::Page(target) => {
            put(out, SITE);
            put_target(out, &target);
        }
    }
}

/// Replaces the first `old` from `start` on.
fn replace(out: &mut Vec<u8>, start: usize, old: &[u8], new: &[u8]) {
    if let Some(at) = memmem::find(&out[start..], old) {
        let at = start + at;
        out.splice(at..at + old.len(), new.iter().copied());
    }
}

/// The status, by either name, loses its quotes and its value.
fn undefine_status(out: &mut Vec<u8>, start: usize) {
    for field in ["\"response\":", "\"status\":"] {
        if let Some(at) = memmem::find(&out[start..], field.as_bytes()) {
            let value = start + at + field.len();
            out.splice(value..value + "\"200\"".len(), *b"undefined");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::generate::session::{Request, Visit};
    use crate::jobs::generate::site::ODD;
    use crate::jobs::generate::traffic::Traffic;
    use rand::SeedableRng;

    const FORMATS: [GenerateFormat; 2] = [GenerateFormat::CombinedApache, GenerateFormat::ApacheJson];

    fn hit() -> Hit {
        let target = Target {
            path: Filled { template: "/blog/2026/{}", number: 17 },
            query: Some(Filled { template: "page={}", number: 2 }),
        };
        let request = Request { method: "GET", target, protocol: "HTTP/1.1" };
        Hit {
            ts: 1_432_155_900,
            arrival: 1_432_155_903,
            late: false,
            client: 0,
            agent: Some(&ODD[3]),
            user: Some("alice"),
            visit: Visit {
                request: Some(request),
                status: 200,
                bytes: Some(5043),
                referer: Some(Referer::Page(target)),
            },
        }
    }

    fn mute(hit: Hit) -> Hit {
        let visit = Visit { request: None, status: 408, bytes: None, referer: None };
        Hit { agent: None, user: None, visit, ..hit }
    }

    fn written(format: GenerateFormat, hit: &Hit) -> String {
        let mut out = Vec::new();
        Encoder::new(&GenerateOptions { format, ..Default::default() }).write(hit, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_combined_record_looks_as_the_agent_writes_it() {
        assert_eq!(
            written(GenerateFormat::CombinedApache, &hit()),
            concat!(
                r#"{"host":"10.20.1.11","ident":null,"authuser":"alice","datetime":"20/May/2015:21:05:00 +0000","#,
                r#""request":"GET /blog/2026/17?page=2 HTTP/1.1","response":"200","bytes":"5043","#,
                r#""referer":"https://www.example.com/blog/2026/17?page=2","agent":"Mozilla/4.0 (compatible; MSIE 7.0; \\"}"#,
                "\n"
            )
        );
        assert_eq!(
            written(GenerateFormat::CombinedApache, &mute(hit())),
            concat!(
                r#"{"host":"10.20.1.11","ident":null,"authuser":null,"datetime":"20/May/2015:21:05:00 +0000","#,
                r#""request":null,"response":"408","bytes":null,"referer":null,"agent":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_apache_record_looks_as_a_log_format_writes_it() {
        assert_eq!(
            written(GenerateFormat::ApacheJson, &hit()),
            concat!(
                r#"{ "request_time":"[20/May/2015:21:05:00 +0000]", "client_ip":"10.20.1.11", "#,
                r#""client_hostname":"www.example.com", "server_ip":"10.0.0.7", "request":"/blog/2026/17?page=2", "#,
                r#""http_method":"GET", "status":"200", "size":"5043", "userAgent":"Mozilla/4.0 (compatible; MSIE 7.0; \\", "#,
                r#""referer":"https://www.example.com/blog/2026/17?page=2" }"#,
                "\n"
            )
        );
        assert_eq!(
            written(GenerateFormat::ApacheJson, &mute(hit())),
            concat!(
                r#"{ "request_time":"[20/May/2015:21:05:00 +0000]", "client_ip":"10.20.1.11", "#,
                r#""client_hostname":"www.example.com", "server_ip":"10.0.0.7", "request":"", "http_method":"-", "#,
                r#""status":"408", "size":"0", "userAgent":"-", "referer":"-" }"#,
                "\n"
            )
        );
    }

    /// Where the first value ends for a framer that counts braces outside of strings.
    fn framed(record: &[u8]) -> Option<usize> {
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        for (at, &byte) in record.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 && byte == b'}' && !quoted {
                return Some(at + 1);
            }
        }
        None
    }

    #[test]
    fn a_broken_record_never_decodes_and_stays_one() {
        for (format, delimiter) in FORMATS.into_iter().flat_map(|f| Delimiter::ALL.iter().map(move |&d| (f, d))) {
            let options = GenerateOptions { format, delimiter, hours: 1, ..Default::default() };
            let mut encoder = Encoder::new(&options);
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            for hit in Traffic::new(&options) {
                let mut out = Vec::new();
                encoder.write_broken(&hit, &mut rng, &mut out);
                let text = String::from_utf8_lossy(&out);
                let lines: Vec<_> = text.split_inclusive('\n').collect();
                assert_eq!(lines.len(), 1, "{text}");
                assert!(lines[0].len() > 2, "{text}");
                assert!(serde_json::from_slice::<serde_json::Value>(&out).is_err(), "{text}");
                if delimiter == Delimiter::None {
                    assert_eq!(framed(&out), Some(out.len()), "{text}");
                }
            }
        }
    }

    #[test]
    fn numbers_of_any_length() {
        for number in [0, 7, 10, 4_294_967_295] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
