-- The slowest GraphQL operations of each company
-- param: company string = null
-- param: top int = 20
SELECT
    company_id,
    operation,
    count(*) AS requests,
    round(avg(response_time), 3) AS mean_seconds,
    max(response_time) AS longest_seconds,
    count(CASE WHEN status >= 500 THEN 1 END) AS server_errors
FROM nginx_graphql
WHERE operation IS NOT NULL AND (:company IS NULL OR company_id = :company)
GROUP BY 1, 2
ORDER BY mean_seconds DESC NULLS LAST, company_id, operation
LIMIT :top
