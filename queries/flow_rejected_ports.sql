-- VPC Flow Logs: ports that rejected traffic asked for, and from how many addresses
-- param: top int = 20
SELECT
    dst_port,
    protocol,
    count(*) AS flows,
    count(DISTINCT src_addr) AS sources,
    sum(packets) AS packets
FROM vpc_flow_logs
WHERE action = 'REJECT'
GROUP BY 1, 2
ORDER BY flows DESC, dst_port, protocol
LIMIT :top
