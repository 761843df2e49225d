//! What a remote query took, and what it costs.

use std::fmt;
use std::time::Duration;

/// Of a query that another service ran: known once it is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The service's own name for this run: Athena's query execution id.
    pub query_id: String,
    /// How long it waited for its turn.
    pub queued: Duration,
    /// How long it ran.
    pub ran: Duration,
    /// Bytes that it read.
    pub scanned: u64,
    /// What that costs; `None` where it is not paid by bytes (reserved capacity).
    pub dollars: Option<f64>,
    /// Whether an earlier run's result was taken, at no charge.
    pub reused: bool,
}

/// Dollars for a terabyte scanned; most regions' price.
const DOLLARS_PER_TB: f64 = 5.0;
const MB: u64 = 1 << 20;
const MB_PER_TB: f64 = (1 << 20) as f64;
/// The least that a query is charged for.
const LEAST_MB: u64 = 10;

impl Cost {
    /// What Athena charges for a question that scanned this much: whole megabytes, ten at least.
    pub fn of_scan(bytes: u64) -> f64 {
        bytes.div_ceil(MB).max(LEAST_MB) as f64 * DOLLARS_PER_TB / MB_PER_TB
    }
}

/// `0.12 s queued, 1.84 s run, 12.3 MB scanned, $0.00006 (query 8f3c…)`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queued, ran) = (self.queued.as_secs_f64(), self.ran.as_secs_f64());
        write!(f, "{queued:.2} s queued, {ran:.2} s run, {} scanned", size(self.scanned))?;
        match self.dollars {
            _ if self.reused => f.write_str(", an earlier result reused, free")?,
            Some(dollars) if dollars > 0.0 => write!(f, ", ${}", price(dollars))?,
            Some(_) => f.write_str(", free")?,
            None => f.write_str(", on reserved capacity")?,
        }
        write!(f, " (query {})", self.query_id)
    }
}

/// Cents where that says enough, else two digits that count.
fn price(dollars: f64) -> String {
    let digits = if dollars >= 1.0 { 2 } else { (1 - dollars.log10().floor() as i32).max(2) as usize };
    format!("{dollars:.digits$}")
}

/// As Athena's console says it.
fn size(bytes: u64) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{size:.2} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_charged_by_the_megabyte_ten_at_least() {
        let megabyte = 5.0 / MB_PER_TB;
        for (bytes, megabytes) in [(0, 10), (1, 10), (10 * MB, 10), (10 * MB + 1, 11), (1 << 40, 1 << 20)] {
            assert_eq!(Cost::of_scan(bytes), f64::from(megabytes) * megabyte, "{bytes}");
        }
        assert_eq!(Cost::of_scan(1 << 40), 5.0);
    }

    #[test]
    fn a_footer_says_it_all() {
        let cost = Cost {
            query_id: "id".into(),
            queued: Duration::from_millis(120),
            ran: Duration::from_millis(1840),
            scanned: 12_900_000,
            dollars: Some(Cost::of_scan(12_900_000)),
            reused: false,
        };
        assert_eq!(cost.to_string(), "0.12 s queued, 1.84 s run, 12.30 MB scanned, $0.000062 (query id)");
        let reused = Cost { scanned: 0, dollars: Some(0.0), reused: true, ..cost.clone() };
        assert_eq!(
            reused.to_string(),
            "0.12 s queued, 1.84 s run, 0 bytes scanned, an earlier result reused, free (query id)"
        );
        for (dollars, text) in [(5.0, "5.00"), (0.5, "0.50"), (0.0123, "0.012"), (0.0000476, "0.000048")] {
            assert_eq!(price(dollars), text);
        }
    }
}
