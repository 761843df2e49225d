-- Requests per client in 10-second windows
SELECT
    date_add('second', -(second(ts) % 10), date_trunc('second', ts)) AS window_start,
    client_ip,
    count(*) AS requests
FROM access
GROUP BY 1, 2
ORDER BY window_start, requests DESC, client_ip
