-- URLs that sent the most bytes
-- param: top int = 20
SELECT
    path,
    count(*) AS requests,
    sum(bytes) AS bytes,
    max(bytes) AS largest
FROM access
GROUP BY path
ORDER BY bytes DESC NULLS LAST, requests DESC, path
LIMIT :top
