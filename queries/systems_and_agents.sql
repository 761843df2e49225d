-- Requests by operating system and agent
-- param: top int = 50
SELECT
    operating_system,
    agent,
    count(*) AS requests,
    count(DISTINCT client_ip) AS clients
FROM web_access
GROUP BY 1, 2
ORDER BY requests DESC, operating_system, agent
LIMIT :top
