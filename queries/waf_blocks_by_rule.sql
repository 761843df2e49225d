-- Requests that AWS WAF blocked, by rule
SELECT
    terminating_rule_id AS rule,
    terminating_rule_type AS rule_type,
    count(*) AS blocked,
    count(DISTINCT client_ip) AS clients,
    count(DISTINCT country) AS countries,
    max(ts) AS latest
FROM aws_waf
WHERE action = 'BLOCK'
GROUP BY 1, 2
ORDER BY blocked DESC, rule
