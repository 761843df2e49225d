-- VPC Flow Logs: who sent the most bytes to whom
-- param: top int = 20
SELECT
    src_addr,
    dst_addr,
    dst_port,
    sum(bytes) AS bytes,
    sum(packets) AS packets,
    count(*) AS flows
FROM vpc_flow_logs
WHERE action = 'ACCEPT'
GROUP BY 1, 2, 3
ORDER BY bytes DESC NULLS LAST, src_addr, dst_addr, dst_port
LIMIT :top
