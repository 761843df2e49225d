//! What there is to ask for, and with which programs. Tables only.
//!
//! In a path `{}` stands for a number. Nothing here holds a space, a brace, a line break or what JSON has to escape, but
//! for agents, which come with their JSON.

/// What stands in front of a path of the site in a referer.
pub(super) const SITE: &str = "https://www.example.com";

/// A user agent: what a reader gets, and how it stands in JSON between the quotes.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) value: &'static str,
    pub(super) json: &'static str,
}

const fn plain(value: &'static str) -> Agent {
    Agent { value, json: value }
}

/// Pages that people and crawlers read, the most popular first.
pub(super) const PAGES: &[&str] = &[
    "/",
    "/products/{}",
    "/search",
    "/blog/",
    "/products/",
    "/cart",
    "/blog/2026/{}",
    "/account/orders",
    "/login",
    "/docs/getting-started.html",
    "/docs/reference/section-{}.html",
    "/caf%C3%A9/men%C3%BC",
    "/files/report-{}.pdf",
    "/blog/%E6%97%A5%E6%9C%AC%E8%AA%9E",
    "/about",
    "/contact",
    "/jobs/{}",
    "/downloads/firmware-{}.bin",
    "/press/",
    "/legal/imprint.html",
    "/~alice/photos/{}",
    "/forum/thread/{}",
    "/a%20page%20with%20spaces",
    "/old/index.php",
];

/// What a page brings along.
pub(super) const ASSETS: &[&str] = &[
    "/assets/app.min.js",
    "/assets/site.css",
    "/images/logo.png",
    "/images/product-{}.jpg",
    "/favicon.ico",
    "/assets/fonts/Inter-Bold.woff2",
    "/images/banner-{}.webp",
    "/assets/vendor/chart.js",
];

/// Query strings of pages.
pub(super) const QUERIES: &[&str] = &[
    "page={}",
    "q=blue+shoes&page={}",
    "utm_source=newsletter&utm_medium=email&utm_campaign={}",
    "id={}&lang=de",
    "q=caf%C3%A9+cr%C3%A8me",
    "sort=price&order=asc",
    "session={}&next=/cart?step=2",
    "flav=rss20",
];

/// What our own applications call.
pub(super) const ENDPOINTS: &[&str] = &[
    "/api/v1/orders/{}",
    "/api/v1/orders",
    "/api/v1/customers/{}/addresses",
    "/api/v1/stock",
    "/api/v2/search",
    "/api/v1/invoices/{}",
    "/api/v1/sessions",
    "/internal/metrics",
];

/// Query strings of our own applications' calls.
pub(super) const CALLS: &[&str] = &["limit=100&offset={}", "since={}", "fields=id,name&expand=true", "q=sku:{}"];

/// What feed readers fetch.
pub(super) const FEEDS: &[&str] = &["/blog/feed.xml", "/blog/index.rss", "/press/atom.xml"];

/// What scanners probe for. None of it exists.
pub(super) const PROBES: &[&str] = &[
    "/wp-login.php",
    "/.env",
    "/phpmyadmin/index.php",
    "/wp-content/plugins/backup-{}/readme.txt",
    "/.git/config",
    "/cgi-bin/test.cgi",
    "/admin/config.php",
    "/xmlrpc.php",
    "/backup-{}.sql.gz",
    "/actuator/env",
    "/%2e%2e/%2e%2e/etc/passwd",
];

/// Where people come from.
pub(super) const REFERERS: &[&str] = &[
    "https://www.google.com/",
    "https://www.google.com/search?q=caf%C3%A9+example",
    "https://duckduckgo.com/",
    "https://news.example.org/item?id=4711",
    "https://www.bing.com/search?q=example+shop&form=QBLH",
    "https://m.social.example.net/feed",
    "android-app://com.example.mail/",
];

/// Who HTTP authentication lets in.
pub(super) const USERS: &[&str] = &["deploy", "alice", "svc-orders", "bob@example.com", "ci_bot"];

pub(super) const BROWSERS: &[Agent] = &[
    plain(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    plain(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    ),
    plain(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    ),
    plain(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    ),
    plain("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    plain(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    plain(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    ),
    plain("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    plain("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"),
    plain(
        "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
    ),
    plain(
        "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    ),
    plain("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"),
    plain("Opera/9.80 (Windows NT 6.1; U; en) Presto/2.10.289 Version/12.02"),
];

pub(super) const BOTS: &[Agent] = &[
    plain("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    plain("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    plain("Mozilla/5.0 (compatible; archive.org_bot +http://www.archive.org/details/archive.org_bot)"),
    plain("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    plain("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
    plain("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"),
    plain("msnbot/2.0b (+http://search.msn.com/msnbot.htm)"),
];

pub(super) const READERS: &[Agent] = &[
    plain("Tiny Tiny RSS/24.1 (http://tt-rss.org/)"),
    plain("FeedBurner/1.0 (http://www.FeedBurner.com)"),
    plain("UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/"),
];

pub(super) const SCANNERS: &[Agent] = &[
    plain("Mozilla/5.0 zgrab/0.x"),
    plain("python-requests/2.32.3"),
    plain("Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)"),
];

pub(super) const LIBRARIES: &[Agent] = &[
    plain("okhttp/4.12.0"),
    plain("python-requests/2.31.0"),
    plain("Java/21.0.4"),
    plain("curl/8.9.1"),
    plain("Go-http-client/1.1"),
];

pub(super) const MONITOR: Agent = plain("ELB-HealthChecker/2.0");

/// Rare agents with what is hard to carry: other alphabets, and bytes that a log line or JSON escapes. `\x22` is text here,
/// as Apache writes a quote into a log; the agent (LOGTOJSON) cuts another at its backslash.
pub(super) const ODD: &[Agent] = &[
    plain("Mozilla/5.0 (Linux; Android 13) Яндекс.Браузер/24.1 Mobile"),
    plain("ニュースリーダー/3.2 (日本語; 🦊)"),
    plain("Café-Client/1.0 (größer)"),
    Agent { value: r"Mozilla/4.0 (compatible; MSIE 7.0; \", json: r"Mozilla/4.0 (compatible; MSIE 7.0; \\" },
    Agent { value: r"My \x22quoted\x22 Agent/1.0", json: r"My \\x22quoted\\x22 Agent/1.0" },
    Agent { value: "Mozilla/5.0 (C:\\Program Files\\x)", json: r"Mozilla/5.0 (C:\\Program Files\\x)" },
    Agent { value: "Probe/1.0 \u{1f}\t(ctl)", json: r"Probe/1.0 \u001F\u0009(ctl)" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agents_json_is_its_value() {
        let agents = [BROWSERS, BOTS, READERS, SCANNERS, LIBRARIES, ODD];
        for agent in agents.into_iter().flatten().chain([&MONITOR]) {
            assert_eq!(serde_json::from_str::<String>(&format!("\"{}\"", agent.json)).unwrap(), agent.value);
            assert!(!agent.value.contains(['{', '}', '\n', '"']), "{}", agent.value);
        }
    }

    #[test]
    fn the_other_tables_need_no_escape() {
        let tables = [PAGES, ASSETS, QUERIES, ENDPOINTS, CALLS, FEEDS, PROBES, REFERERS, USERS, &[SITE]];
        for text in tables.into_iter().flatten() {
            let text = text.replacen("{}", "", 1);
            let escaped = |c: char| !c.is_ascii_graphic() || "{}\"\\".contains(c);
            assert!(!text.contains(escaped), "{text}");
        }
    }
}
