//! Who asks: our own applications' hosts, which a reference CSV names, and the public. No address is anybody's: they
//! are private, or reserved for documentation and benchmarks.

/// A host of the reference CSV; an empty text is an empty field.
struct Host {
    host: &'static str,
    application: &'static str,
    contact: &'static str,
}

const fn host(host: &'static str, application: &'static str, contact: &'static str) -> Host {
    Host { host, application, contact }
}

/// Hosts that send requests, the busiest first.
const HOSTS: [Host; 26] = [
    host("10.20.1.11", "Order Portal", "orders@example.com"),
    host("10.20.4.7", "Search Indexer", "\"Search, Team\" <search@example.com>"),
    host("10.20.1.12", "Order Portal", "orders@example.com"),
    host("batch-01.internal.example", "Nightly Reports", "Doe, Jane"),
    host("10.20.2.31", "Mobile Backend", "mobile@example.com"),
    host("2001:db8:20::15", "Billing", "billing@example.com"),
    host("10.20.2.32", "Mobile Backend", "mobile@example.com"),
    host("10.20.9.2", "Uptime Monitor", ""),
    host("10.20.5.40", "Warehouse Sync", "Müller, Jörg"),
    host("10.20.2.33", "Mobile Backend", "mobile@example.com"),
    host("batch-02.internal.example", "Nightly Reports", "Doe, Jane"),
    host("10.20.6.18", "", "platform@example.com"),
    host("2001:db8:20::16", "Billing", "billing@example.com"),
    host("10.20.1.13", "Order Portal", "orders@example.com"),
    host("10.20.7.77", "Fraud Check", "risk@example.com"),
    host("partner-gw.example.net", "Partner Gateway", "partners@example.com"),
    host("10.20.5.41", "Warehouse Sync", "Müller, Jörg"),
    host("10.20.8.5", "Newsletter", ""),
    host("10.20.6.19", "", ""),
    host("10.20.7.78", "Fraud Check", "risk@example.com"),
    host("2001:db8:20:1::a", "Image Resizer", "media@example.com"),
    host("10.20.8.6", "Newsletter", ""),
    host("10.20.3.3", "Customer Care", "care@example.com"),
    host("10.20.3.4", "Customer Care", "care@example.com"),
    host("staging-3.internal.example", "Staging", "platform@example.com"),
    host("10.20.11.200", "Data Science", "Roe, Richard"),
];

/// Hosts of the reference CSV that never send anything.
const SILENT: [Host; 4] = [
    host("10.20.1.14", "Order Portal", "orders@example.com"),
    host("10.20.12.1", "Decommissioned CRM", "crm@example.com"),
    host("batch-03.internal.example", "Nightly Reports", "Doe, Jane"),
    host("2001:db8:20::17", "Billing", "billing@example.com"),
];

/// Inside addresses that send requests and that the reference CSV does not know.
const UNLISTED: [&str; 4] = ["10.20.99.5", "10.20.99.6", "dev-laptop-17.internal.example", "2001:db8:20:ff::9"];

/// Clients with a lower number are applications' hosts, with a higher one the public.
pub(super) const INSIDE: u32 = (HOSTS.len() + UNLISTED.len()) as u32;

/// How many clients the public is.
pub(super) const PUBLIC: u32 = 20_000;

/// The `host` of each client, by its number.
pub(super) fn clients() -> Vec<String> {
    let hosts = HOSTS.iter().map(|host| host.host);
    let inside = hosts.chain(UNLISTED).map(str::to_owned);
    inside.chain((0..PUBLIC).map(public)).collect()
}

/// The address of a client of the public: one in eight by IPv6, one in sixteen by name. No two are alike.
fn public(number: u32) -> String {
    let scattered = number.wrapping_mul(40_503).wrapping_add(77_321) % (1 << 17);
    let [_, high, middle, low] = scattered.to_be_bytes();
    match number % 16 {
        3 | 11 => format!("2001:db8:{:x}:{number:x}::{:x}", 0x100 + u32::from(low), middle % 16 + 1),
        7 => format!("dsl-{number}-{low}.pool.example.net"),
        _ => format!("198.{}.{middle}.{low}", 18 + high),
    }
}

/// The reference CSV, `Host,ApplicationName,Contact`: what the sources inside are. Some fields are empty, some quoted, some
/// hosts never occur in the log, and most of the log's clients do not occur here.
pub fn hosts_csv() -> String {
    let mut csv = String::from("Host,ApplicationName,Contact\n");
    for Host { host, application, contact } in HOSTS.iter().chain(&SILENT) {
        csv.push_str(&format!("{host},{},{}\n", csv_field(application), csv_field(contact)));
    }
    csv
}

fn csv_field(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_clients_are_alike_and_all_parse() {
        let clients = clients();
        assert_eq!(clients.iter().collect::<HashSet<_>>().len(), (INSIDE + PUBLIC) as usize);
        for client in &clients {
            let address = client.parse::<std::net::IpAddr>().is_ok();
            assert!(address || client.contains(".example"), "{client}");
        }
    }

    #[test]
    fn the_hosts_csv_reads_back() {
        let csv = hosts_csv();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), &["Host", "ApplicationName", "Contact"][..]);
        let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), HOSTS.len() + SILENT.len());
        for (row, host) in rows.iter().zip(HOSTS.iter().chain(&SILENT)) {
            assert_eq!(row, &[host.host, host.application, host.contact][..]);
        }
        assert!(csv.contains("\"Doe, Jane\"") && csv.contains("10.20.9.2,Uptime Monitor,\n"));
    }
}
