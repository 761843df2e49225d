-- Requests, errors, and the share of errors of the server, per hour
SELECT
    date_trunc('hour', ts) AS hour,
    count(*) AS requests,
    count(CASE WHEN status BETWEEN 400 AND 499 THEN 1 END) AS client_errors,
    count(CASE WHEN status >= 500 THEN 1 END) AS server_errors,
    CAST(count(CASE WHEN status >= 500 THEN 1 END) AS double) / CAST(count(*) AS double) AS error_rate
FROM access
GROUP BY 1
ORDER BY hour
