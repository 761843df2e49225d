//! Records become landed objects, as Firehose buffers and names them.

use super::encode::Encoder;
use super::event::Event;
use super::options::{Compression, GenerateOptions};
use super::traffic::{Hit, Traffic};
use crate::error::{Error, Result};
use chrono::{DateTime, Utc};
use flate2::GzBuilder;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hash::Hasher;
use std::io::Write;
use std::sync::Arc;

/// One object to land, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its key below the landing location, with the options' prefix.
    pub key: String,
    /// The time in its key: when its oldest record arrived. Its hour is the delivery hour.
    pub delivered: DateTime<Utc>,
    /// Its bytes, compressed as the options say.
    pub body: Vec<u8>,
    /// How many records it holds, the broken ones included.
    pub records: u64,
    /// How many of them are broken.
    pub broken: u64,
    /// How many of them are late.
    pub late: u64,
    /// The size before compression.
    pub raw_bytes: u64,
}

/// The objects in the order of their delivery. It holds one object's bytes and, in short form, the records on their way.
pub struct Objects {
    options: GenerateOptions,
    traffic: Traffic,
    encoder: Encoder,
    broken_rng: ChaCha8Rng,
    key_rng: ChaCha8Rng,
}

impl Objects {
    pub(super) fn new(options: &GenerateOptions) -> Self {
        let mut broken_rng = ChaCha8Rng::seed_from_u64(options.seed);
        broken_rng.set_stream(2);
        Objects {
            options: options.clone(),
            traffic: Traffic::new(options),
            encoder: Encoder::new(options),
            broken_rng,
            key_rng: ChaCha8Rng::seed_from_u64(fingerprint(options)),
        }
    }

    /// The next object, not compressed yet, and each record of it shown to `seen` with whether it is broken.
    fn fill(&mut self, mut seen: impl FnMut(&Encoder, &Hit, bool)) -> Option<Object> {
        let opened = self.traffic.peek()?.arrival;
        let closes = opened + i64::from(self.options.buffer_seconds);
        let delivered = time(opened);
        let key = self.key(delivered);
        let mut object = Object { key, delivered, body: Vec::new(), records: 0, broken: 0, late: 0, raw_bytes: 0 };
        while object.body.len() < self.options.max_object_bytes
            && let Some(hit) = self.traffic.next_before(closes)
        {
            let broken = self.broken_rng.random_bool(self.options.broken);
            match broken {
                true => self.encoder.write_broken(&hit, &mut self.broken_rng, &mut object.body),
                false => self.encoder.write(&hit, &mut object.body),
            }
            seen(&self.encoder, &hit, broken);
            object.records += 1;
            object.broken += u64::from(broken);
            object.late += u64::from(hit.late);
        }
        object.raw_bytes = object.body.len() as u64;
        Some(object)
    }

    /// `web/2026/11/20/03/web-access-1-2026-11-20-03-14-15-<uuid>.gz`
    fn key(&mut self, opened: DateTime<Utc>) -> String {
        let GenerateOptions { prefix, stream, compression, .. } = &self.options;
        let uuid = uuid::Builder::from_random_bytes(self.key_rng.random()).into_uuid();
        let suffix = match compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
        };
        format!(
            "{prefix}{}/{stream}-1-{}-{uuid}{suffix}",
            opened.format("%Y/%m/%d/%H"),
            opened.format("%Y-%m-%d-%H-%M-%S")
        )
    }

    fn compress(&self, object: &mut Object) -> Result<()> {
        match self.options.compression {
            Compression::None => {}
            Compression::Gzip => {
                object.body = gzip(&object.body)
                    .map_err(|e| Error::internal(format!("cannot compress {}", object.key)).caused_by(e))?;
            }
        }
        Ok(())
    }

    /// The events of the next object, and not its bytes.
    pub(super) fn next_events(&mut self) -> Option<Vec<Event>> {
        let format = self.options.format;
        let mut events = Vec::new();
        let object = self.fill(|encoder, hit, broken| {
            events.push(Event::of(hit, encoder.client(hit), format, broken));
        })?;
        let key: Arc<str> = object.key.into();
        for event in &mut events {
            (event.object, event.delivered) = (Arc::clone(&key), object.delivered);
        }
        Some(events)
    }
}

#[cfg(test)]
impl Objects {
    /// How many records are on their way.
    pub(super) fn held(&self) -> usize {
        self.traffic.held()
    }
}

impl Iterator for Objects {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut object = self.fill(|_, _, _| ())?;
        Some(self.compress(&mut object).map(|()| object))
    }
}

pub(super) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// One gzip member without a time, so that the same records are the same bytes.
fn gzip(raw: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        GzBuilder::new().mtime(0).write(Vec::with_capacity(raw.len() / 6), flate2::Compression::default());
    encoder.write_all(raw)?;
    encoder.finish()
}

/// Other options, other keys: bytes that differ never share a key. FNV-1a, which stays the same for ever.
fn fingerprint(options: &GenerateOptions) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
    }
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(format!("{options:?}").as_bytes());
    hash.finish()
}
