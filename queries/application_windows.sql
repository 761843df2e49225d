-- Requests per application in 5-minute windows; clients that the hosts table does not know are the application unknown
SELECT
    date_add('minute', -(minute(access.ts) % 5), date_trunc('minute', access.ts)) AS window_start,
    coalesce(nullif(hosts.applicationname, ''), 'unknown') AS application,
    count(*) AS requests
FROM access
LEFT JOIN hosts ON access.client_ip = hosts.host
GROUP BY 1, 2
ORDER BY window_start, requests DESC, application
