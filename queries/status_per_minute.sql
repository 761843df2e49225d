-- Responses by status, per minute
SELECT
    date_trunc('minute', ts) AS minute,
    status,
    count(*) AS responses
FROM access
GROUP BY 1, 2
ORDER BY minute, status
