//! Questions in the SQL that both engines speak. Each puts its rows in order, or gives one.

/// What the stand-in over DuckDB answers as a Trino would.
pub const SHARED: &[&str] = &[
    "SELECT count(*) AS n, count(bytes) AS sized, count(user_name) AS users FROM access",
    "SELECT dt, count(*) AS n FROM access GROUP BY dt ORDER BY dt",
    "SELECT status, count(*) AS n, sum(bytes) AS bytes FROM access GROUP BY status ORDER BY status",
    "SELECT status, min(ts) AS first, max(ts) AS last FROM access GROUP BY status ORDER BY status",
    "SELECT date_trunc('hour', ts) AS hour, count(*) AS n FROM access GROUP BY 1 ORDER BY 1",
    "SELECT ts, client_ip, method, path, status, bytes, referer, agent FROM access ORDER BY ts, client_ip, path, agent LIMIT 40",
    "SELECT * FROM access WHERE status >= 400 ORDER BY ts, client_ip, path, agent LIMIT 20",
    "SELECT client_ip, count(*) AS n FROM access WHERE dt = '2026-11-20' GROUP BY client_ip ORDER BY n DESC, client_ip LIMIT 10",
    "SELECT count(*) AS n FROM access WHERE ts >= TIMESTAMP '2026-11-20 01:00:00' AND ts < TIMESTAMP '2026-11-20 02:00:00'",
    "SELECT count(DISTINCT client_ip) AS clients, count(DISTINCT dt) AS days FROM access",
    "SELECT method, avg(CAST(status AS double)) AS mean FROM access GROUP BY method ORDER BY method NULLS FIRST",
    "SELECT coalesce(user_name, 'nobody') AS who, count(*) AS n FROM access GROUP BY 1 ORDER BY 1",
    "SELECT CASE WHEN status < 400 THEN 'good' WHEN status < 500 THEN 'client' ELSE 'server' END AS class, count(*) AS n FROM access GROUP BY 1 ORDER BY 1",
    "SELECT upper(method) AS m, lower(protocol) AS p, count(*) AS n FROM access GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST",
    "SELECT substr(path, 1, 4) AS head, length(path) AS l, count(*) AS n FROM access GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 15",
    "SELECT split_part(path, '/', 2) AS first, count(*) AS n FROM access GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    "SELECT count(*) AS n FROM access WHERE agent LIKE '%bot%' OR referer IS NULL",
    "SELECT count(*) AS n FROM access WHERE bytes BETWEEN 100 AND 1000 AND NOT (status = 200)",
    "SELECT status, n FROM (SELECT status, count(*) AS n FROM access GROUP BY status) AS t WHERE n > 5 ORDER BY status",
    "WITH per AS (SELECT client_ip, count(*) AS n FROM access GROUP BY 1) SELECT n, count(*) AS clients FROM per GROUP BY n ORDER BY n",
    "SELECT client_ip, ts, row_number() OVER (PARTITION BY client_ip ORDER BY ts, path, status) AS nth FROM access ORDER BY client_ip, ts, nth LIMIT 30",
    "SELECT a.status, b.n FROM (SELECT DISTINCT status FROM access) AS a JOIN (SELECT status, count(*) AS n FROM access GROUP BY 1) AS b ON a.status = b.status ORDER BY 1",
    "SELECT status FROM access WHERE dt = '2026-11-19' UNION SELECT status FROM access WHERE dt = '2026-11-20' ORDER BY 1",
    "SELECT status, count(*) AS n FROM access GROUP BY status HAVING count(*) > 10 ORDER BY status",
    "SELECT hosts.applicationname AS application, count(*) AS n FROM access JOIN hosts ON access.client_ip = hosts.host GROUP BY 1 ORDER BY 1",
    "SELECT count(*) AS n FROM access LEFT JOIN hosts ON access.client_ip = hosts.host WHERE hosts.host IS NULL",
    "SELECT * FROM hosts ORDER BY host LIMIT 10",
    "SELECT count(*) AS n, count(DISTINCT object) AS objects, min(byte_length) AS shortest, sum(byte_length) AS bytes FROM access_rejected",
    "SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason ORDER BY reason",
    "SELECT object, byte_offset, byte_length, chunk, reason, dt FROM access_rejected ORDER BY object, byte_offset LIMIT 20",
    "SELECT dt, count(*) AS n FROM access_rejected WHERE byte_length > 10 GROUP BY dt ORDER BY dt",
    "SELECT CAST(NULL AS integer) AS i, CAST(NULL AS varchar) AS v, '' AS empty, CAST(12.50 AS decimal(10, 2)) AS d, DATE '2026-11-20' AS day, TRUE AS t",
    "SELECT nullif(status, 200) AS s, bytes, count(*) AS n FROM access WHERE bytes IS NULL GROUP BY 1, 2 ORDER BY 1 NULLS LAST",
    "SELECT date_diff('minute', min(ts), max(ts)) AS minutes, date_add('hour', 1, max(ts)) AS later FROM access",
    "SELECT extract(hour FROM ts) AS h, minute(ts) AS m, count(*) AS n FROM access GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 30",
    "SELECT status, bytes FROM access WHERE status = 200 ORDER BY bytes DESC NULLS LAST, ts, client_ip LIMIT 5",
];

/// Tables of the other shipped schemas, with nested columns.
pub const SAMPLES: &[&str] = &[
    "SELECT ts, client_ip, country, uri, headers[2].value AS agent, labels[1].name AS label, captcha_response.solvetimestamp AS solved FROM aws_waf WHERE cardinality(headers) > 1",
    "SELECT ts, action, headers IS NULL AS none, cardinality(rate_based_rules) AS rules, rule_groups[1].terminatingrule.ruleid AS rule FROM aws_waf WHERE cardinality(rule_groups) > 0",
    "SELECT * FROM nginx_graphql ORDER BY ts",
    "SELECT * FROM web_access ORDER BY ts",
    "SELECT * FROM vpc_flow_logs ORDER BY ts",
    "SELECT ts, log_group, log_stream, owner, event_id, cardinality(filters) AS filters, filters[1] AS first, level, message, request_id, extra FROM cloudwatch_logs ORDER BY ts",
];

/// What only a Trino answers as Trino does.
pub const TRINO: &[&str] = &[
    "SELECT length(raw) AS l, raw IS NULL AS missing FROM access_rejected ORDER BY object, byte_offset LIMIT 20",
    "SELECT approx_distinct(dt) > 0 AS some FROM access",
    "SELECT raw, byte_length FROM access_rejected ORDER BY object, byte_offset LIMIT 5",
    "SELECT status, bytes, lag(bytes) OVER (ORDER BY ts, client_ip, path, agent) AS before FROM access ORDER BY ts, client_ip, path, agent LIMIT 20",
    "SELECT round(avg(CAST(bytes AS double)), 3) AS mean, sum(CAST(bytes AS decimal(38, 0))) AS total FROM access",
];
