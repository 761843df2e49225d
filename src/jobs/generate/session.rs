//! What one client does in one go: people read pages with all that belongs to them, crawlers crawl, scanners probe.

use super::clients::{INSIDE, PUBLIC};
use super::site::{self, Agent};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// A text of the site with its number: `/products/{}` and 17.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Filled {
    pub(super) template: &'static str,
    pub(super) number: u32,
}

/// What is asked for: the path and the query string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    pub(super) path: Filled,
    pub(super) query: Option<Filled>,
}

/// A request line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) target: Target,
    pub(super) protocol: &'static str,
}

/// Where a request says that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Referer {
    Page(Target),
    Elsewhere(&'static str),
}

/// One request and its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    /// `None`: the client connected and said nothing.
    pub(super) request: Option<Request>,
    pub(super) status: u16,
    pub(super) bytes: Option<u32>,
    pub(super) referer: Option<Referer>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Person,
    Crawler,
    Reader,
    Scanner,
    Application,
    Monitor,
    /// Connects, and lets the server wait.
    Mute,
}

/// A client's kind follows from its number, so that it stays what it is.
const KINDS: [Kind; 16] = {
    use Kind::{Crawler, Mute, Person, Reader, Scanner};
    [
        Crawler, Person, Person, Reader, Person, Person, Person, Person, //
        Person, Scanner, Person, Person, Crawler, Person, Mute, Person,
    ]
};

/// The host of the uptime monitor among the clients.
const MONITOR: u32 = 7;

/// A client at work.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: u32,
    pub(super) agent: Option<&'static Agent>,
    pub(super) user: Option<&'static str>,
    kind: Kind,
    protocol: &'static str,
    visits_left: u32,
    page: Option<Target>,
    assets_left: u32,
}

impl Session {
    /// The next client: one session in five is an application's, the rest the public's, a few clients most of the time.
    pub(super) fn begin(rng: &mut ChaCha8Rng) -> Self {
        let client = if rng.random_bool(0.2) { skewed(rng, INSIDE) } else { INSIDE + skewed(rng, PUBLIC) };
        let kind = kind_of(client);
        Session {
            client,
            agent: agent(kind, client, rng),
            user: user(kind, rng),
            kind,
            protocol: protocol(kind, client),
            visits_left: visits(kind, rng),
            page: None,
            assets_left: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.visits_left == 0
    }

    /// The client's next request, and the answer of servers that are well, or `failing`.
    pub(super) fn visit(&mut self, failing: bool, rng: &mut ChaCha8Rng) -> Visit {
        self.visits_left -= 1;
        let (request, referer, mut status) = match self.kind {
            Kind::Person => self.read(rng),
            Kind::Crawler => self.crawl(rng),
            Kind::Reader => self.poll_feed(rng),
            Kind::Scanner => self.probe(rng),
            Kind::Application => self.call(rng),
            Kind::Monitor => self.check_health(),
            Kind::Mute => return Visit { request: None, status: 408, bytes: None, referer: None },
        };
        if failing && rng.random_bool(0.35) {
            status = pick(rng, &[500, 502, 503, 503, 504]);
        }
        Visit { request: Some(request), status, bytes: bytes(&request, status, rng), referer }
    }

    fn read(&mut self, rng: &mut ChaCha8Rng) -> (Request, Option<Referer>, u16) {
        let before = self.page.map(Referer::Page);
        if self.assets_left > 0 {
            self.assets_left -= 1;
            let asset = Target { path: filled(rng, site::ASSETS), query: None };
            return (self.request("GET", asset), before, odds(rng, 200, &[(300, 304), (10, 404), (5, 206)]));
        }
        let page = page(rng);
        let referer = before.or_else(|| rng.random_bool(0.6).then(|| Referer::Elsewhere(chosen(rng, site::REFERERS))));
        self.page = Some(page);
        self.assets_left = skewed(rng, 9);
        let form = matches!(page.path.template, "/login" | "/cart" | "/contact") && rng.random_bool(0.4);
        match form {
            true => (self.request("POST", page), referer, odds(rng, 302, &[(300, 200), (60, 401), (20, 403)])),
            false => (
                self.request("GET", page),
                referer,
                odds(rng, 200, &[(60, 304), (25, 301), (20, 404), (5, 403), (1, 500)]),
            ),
        }
    }

    fn crawl(&mut self, rng: &mut ChaCha8Rng) -> (Request, Option<Referer>, u16) {
        let robots = self.page.is_none();
        let path = if robots { fixed("/robots.txt") } else { filled(rng, site::PAGES) };
        let target = Target { path, query: None };
        self.page = Some(target);
        let method = if rng.random_bool(0.05) { "HEAD" } else { "GET" };
        (self.request(method, target), None, odds(rng, 200, &[(120, 304), (60, 404), (40, 301)]))
    }

    fn poll_feed(&mut self, rng: &mut ChaCha8Rng) -> (Request, Option<Referer>, u16) {
        let target = Target { path: filled(rng, site::FEEDS), query: None };
        (self.request("GET", target), None, odds(rng, 200, &[(550, 304)]))
    }

    fn probe(&mut self, rng: &mut ChaCha8Rng) -> (Request, Option<Referer>, u16) {
        let target = Target { path: filled(rng, site::PROBES), query: None };
        let method = pick(rng, &["GET", "GET", "GET", "POST", "HEAD"]);
        (self.request(method, target), None, odds(rng, 404, &[(60, 403), (10, 400), (5, 405)]))
    }

    fn call(&mut self, rng: &mut ChaCha8Rng) -> (Request, Option<Referer>, u16) {
        let path = filled(rng, site::ENDPOINTS);
        let query = rng.random_bool(0.3).then(|| filled(rng, site::CALLS));
        let method = pick(rng, &["GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
        let usual = match method {
            "POST" => 201,
            "DELETE" | "OPTIONS" => 204,
            _ => 200,
        };
        let status = odds(rng, usual, &[(15, 404), (12, 400), (8, 401), (8, 429), (4, 409), (2, 500)]);
        (self.request(method, Target { path, query }), None, status)
    }

    fn check_health(&self) -> (Request, Option<Referer>, u16) {
        (self.request("HEAD", Target { path: fixed("/health"), query: None }), None, 200)
    }

    fn request(&self, method: &'static str, target: Target) -> Request {
        Request { method, target, protocol: self.protocol }
    }
}

fn kind_of(client: u32) -> Kind {
    match client {
        MONITOR => Kind::Monitor,
        inside if inside < INSIDE => Kind::Application,
        public => KINDS[((public - INSIDE) % 16) as usize],
    }
}

/// A client keeps its agent, but for one person's session in fifty, which shows something odd.
fn agent(kind: Kind, client: u32, rng: &mut ChaCha8Rng) -> Option<&'static Agent> {
    let of_client =
        |agents: &'static [Agent]| Some(&agents[client.wrapping_mul(2_654_435_761) as usize % agents.len()]);
    match kind {
        Kind::Person if rng.random_bool(0.02) => Some(chosen_ref(rng, site::ODD)),
        Kind::Person => of_client(site::BROWSERS),
        Kind::Crawler => of_client(site::BOTS),
        Kind::Reader => of_client(site::READERS),
        Kind::Scanner if client.is_multiple_of(3) => None,
        Kind::Scanner => of_client(site::SCANNERS),
        Kind::Application => of_client(site::LIBRARIES),
        Kind::Monitor => Some(&site::MONITOR),
        Kind::Mute => None,
    }
}

fn user(kind: Kind, rng: &mut ChaCha8Rng) -> Option<&'static str> {
    let share = match kind {
        Kind::Application => 0.1,
        Kind::Person => 0.01,
        _ => return None,
    };
    rng.random_bool(share).then(|| chosen(rng, site::USERS))
}

fn protocol(kind: Kind, client: u32) -> &'static str {
    match kind {
        Kind::Person if !client.is_multiple_of(4) => "HTTP/2.0",
        Kind::Scanner | Kind::Reader if client.is_multiple_of(2) => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn visits(kind: Kind, rng: &mut ChaCha8Rng) -> u32 {
    match kind {
        Kind::Person => rng.random_range(3..40),
        Kind::Crawler => rng.random_range(5..60),
        Kind::Reader => rng.random_range(1..3),
        Kind::Scanner => rng.random_range(10..60),
        Kind::Application => rng.random_range(8..50),
        Kind::Monitor => rng.random_range(1..6),
        Kind::Mute => 1,
    }
}

fn page(rng: &mut ChaCha8Rng) -> Target {
    let path = filled(rng, site::PAGES);
    let share = if path.template == "/search" { 0.95 } else { 0.15 };
    Target { path, query: rng.random_bool(share).then(|| filled(rng, site::QUERIES)) }
}

/// The size of the answer's body, log-normal; none where the server sends none.
fn bytes(request: &Request, status: u16, rng: &mut ChaCha8Rng) -> Option<u32> {
    if request.method == "HEAD" || matches!(status, 204 | 304) {
        return None;
    }
    let path = request.target.path.template;
    let (median, spread) = match status {
        300.. => (300.0_f64, 0.3),
        _ if path.starts_with("/files/") || path.starts_with("/downloads/") => (900_000.0, 1.4),
        _ if path.starts_with("/images/") => (60_000.0, 1.0),
        _ if path.starts_with("/api/") => (1_200.0, 1.1),
        _ => (9_000.0, 1.2),
    };
    Some((median * (spread * normal(rng)).exp()) as u32)
}

/// A draw from the standard normal distribution (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

/// A number below `n`; k is drawn as often as 1/(k + 1) says, roughly as Zipf found.
fn skewed(rng: &mut ChaCha8Rng, n: u32) -> u32 {
    (f64::from(n + 1).powf(rng.random()) as u32 - 1).min(n - 1)
}

/// The usual status, or by chances in a thousand another.
fn odds(rng: &mut ChaCha8Rng, usual: u16, others: &[(u32, u16)]) -> u16 {
    let mut draw = rng.random_range(0..1000_u32);
    for &(chances, status) in others {
        if draw < chances {
            return status;
        }
        draw -= chances;
    }
    usual
}

fn filled(rng: &mut ChaCha8Rng, templates: &'static [&'static str]) -> Filled {
    let template = chosen(rng, templates);
    Filled { template, number: if template.contains("{}") { skewed(rng, 5000) + 1 } else { 0 } }
}

fn fixed(template: &'static str) -> Filled {
    Filled { template, number: 0 }
}

/// One of a table, the first ones most of the time.
fn chosen(rng: &mut ChaCha8Rng, table: &'static [&'static str]) -> &'static str {
    table[skewed(rng, table.len() as u32) as usize]
}

fn chosen_ref<T>(rng: &mut ChaCha8Rng, table: &'static [T]) -> &'static T {
    &table[rng.random_range(0..table.len())]
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, table: &[T]) -> T {
    table[rng.random_range(0..table.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_first_are_drawn_most_and_none_is_out_of_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<u32> = (0..10_000).map(|_| skewed(&mut rng, 100)).collect();
        let share = |k: u32| draws.iter().filter(|&&draw| draw == k).count();
        assert!(draws.iter().all(|&draw| draw < 100));
        assert!(share(0) > 1200 && share(0) > share(1) && share(1) > share(20), "{} {}", share(0), share(1));
    }

    #[test]
    fn no_body_no_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let target = Target { path: fixed("/"), query: None };
        let request = |method| Request { method, target, protocol: "HTTP/1.1" };
        assert_eq!(bytes(&request("HEAD"), 200, &mut rng), None);
        assert_eq!(bytes(&request("GET"), 304, &mut rng), None);
        assert!(bytes(&request("GET"), 200, &mut rng).is_some());
    }

    #[test]
    fn a_client_stays_what_it_is() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let bot = agent(Kind::Crawler, 40, &mut rng).unwrap().value;
        assert_eq!(agent(Kind::Crawler, 40, &mut rng).unwrap().value, bot);
        assert_eq!(kind_of(MONITOR), Kind::Monitor);
        assert_eq!(super::super::clients::clients()[MONITOR as usize], "10.20.9.2");
    }
}
