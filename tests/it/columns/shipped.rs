//! What the shipped schemas make of a few records as their producers write them: every field has its column.

use crate::support::process::Sandbox;
use flate2::write::GzEncoder;
use std::io::Write;

/// A schema's name, and an object as it lands.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nginx_graphql", NGINX_GRAPHQL.into()),
        ("web_access", WEB_ACCESS.into()),
        ("aws_waf", AWS_WAF.into()),
        ("vpc_flow_logs", VPC_FLOW_LOGS.into()),
        ("cloudwatch_logs", CLOUDWATCH_LOGS.iter().flat_map(|envelope| gzip(envelope.as_bytes())).collect()),
    ]
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The Kinesis Agent: every value is a string or null, a captured `-` is null, the path has lost its first slash.
const NGINX_GRAPHQL: &str = r#"{"client_ip":"203.0.113.7","time_stamp":"20/Nov/2026:13:58:47","verb":"POST","uri_path":"graphql?v=2","http_ver":"HTTP/1.1","http_status":"200","bytes":"5316","referrer":null,"agent":"okhttp/4.9","response_time":"0.250","graphql":"OrderList","company_id":"c-17","user_id":"81"}
{"client_ip":"203.0.113.8","time_stamp":"20/Nov/2026:13:58:48","verb":"POST","uri_path":"/graphql","http_ver":"HTTP/2.0","http_status":"500","bytes":"-","referrer":"https://shop.example/","agent":"Mozilla/5.0","response_time":"12.5","graphql":"OrderList","company_id":"c-18","user_id":null}
{"client_ip":"203.0.113.7","time_stamp":"20/Nov/2026:13:58:49","verb":"POST","uri_path":"graphql","http_ver":"HTTP/1.1","http_status":"200","bytes":"10","referrer":null,"agent":"okhttp/4.9","response_time":"0.750","graphql":"OrderList","company_id":"c-17","user_id":"81"}
{"client_ip":"203.0.113.9","time_stamp":"20/Nov/2026:13:58:50","verb":"GET","uri_path":"health","http_ver":"HTTP/1.1","http_status":"204","bytes":"0","referrer":null,"agent":null,"response_time":null,"graphql":null,"company_id":null,"user_id":null}
"#;

/// A Python preprocessor: local times, with a fraction unless that is 0, and nothing between the records.
const WEB_ACCESS: &str = concat!(
    r#"{"Ip":"198.51.100.1","Time_stamp":"2026-11-20T21:05:00.123456","HTTP_Method":"GET","Request_URL":"/a?b=1","HTTP_Status_code":"200","Size":"123","user_Agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36","operating_system":"Windows"}"#,
    r#"{"Ip":"198.51.100.2","Time_stamp":"2026-11-20T21:05:01","HTTP_Method":"GET","Request_URL":"/","HTTP_Status_code":"304","Size":"-","user_Agent":"Mozilla/5.0 (Linux; Android 14; Pixel 8)","operating_system":""}"#,
    r#"{"Ip":"198.51.100.3","Time_stamp":"2026-11-20T21:05:02.5","HTTP_Method":"POST","Request_URL":"/c","HTTP_Status_code":"404","Size":"9","user_Agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"}"#,
    r#"{"Ip":"198.51.100.3","Time_stamp":"2026-11-20T21:05:03","HTTP_Method":"GET","Request_URL":"/d","HTTP_Status_code":"200","Size":"9","user_Agent":"curl/8.5.0","operating_system":null}"#,
    r#"{"Ip":"198.51.100.4","Time_stamp":"2026-11-20T21:05:04","HTTP_Method":"GET","Request_URL":"/d","HTTP_Status_code":"200","Size":"9","user_Agent":"-","operating_system":"Unknown"}"#,
);

const AWS_WAF: &str = r#"{"timestamp":1795165500123,"formatVersion":1,"webaclId":"arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1","terminatingRuleId":"AWS-AWSManagedRulesSQLiRuleSet","terminatingRuleType":"MANAGED_RULE_GROUP","action":"BLOCK","terminatingRuleMatchDetails":[{"conditionType":"SQL_INJECTION","sensitivityLevel":"HIGH","location":"QUERY_STRING","matchedData":["1","or","1=1"],"matchedFieldName":""}],"httpSourceName":"ALB","httpSourceId":"123456789012-app/shop/1","ruleGroupList":[{"ruleGroupId":"AWS#AWSManagedRulesSQLiRuleSet","terminatingRule":{"ruleId":"SQLi_QUERYARGUMENTS","action":"BLOCK","ruleMatchDetails":null},"nonTerminatingMatchingRules":[],"excludedRules":null,"customerConfig":null}],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"requestHeadersInserted":null,"responseCodeSent":403,"httpRequest":{"clientIp":"192.0.2.44","country":"DE","headers":[{"name":"Host","value":"shop.example"},{"name":"User-Agent","value":"sqlmap/1.7"}],"uri":"/products","args":"id=1%20or%201=1","httpVersion":"HTTP/1.1","httpMethod":"GET","requestId":"1-65","fragment":"","scheme":"https","host":"shop.example"},"labels":[{"name":"awswaf:managed:aws:sql-database:SQLi_QueryArguments"}],"ja3Fingerprint":"f79b","ja4Fingerprint":"t13d","requestBodySize":0,"requestBodySizeInspectedByWAF":0}
{"timestamp":1795165501000,"formatVersion":1,"webaclId":"arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1","terminatingRuleId":"rate-limit","terminatingRuleType":"RATE_BASED","action":"BLOCK","terminatingRuleMatchDetails":[],"httpSourceName":"ALB","httpSourceId":"123456789012-app/shop/1","ruleGroupList":[],"rateBasedRuleList":[{"rateBasedRuleId":"r-1","rateBasedRuleName":"rate-limit","limitKey":"CUSTOMKEYS","maxRateAllowed":100,"evaluationWindowSec":"120","customValues":[{"key":"HEADER","name":"x-key","value":"k1"}]}],"nonTerminatingMatchingRules":[{"ruleId":"count-bots","action":"COUNT","ruleMatchDetails":[],"captchaResponse":{"responseCode":0,"solveTimestamp":0,"failureReason":"TOKEN_MISSING"}}],"requestHeadersInserted":[{"name":"x-amzn-waf-seen","value":"1"}],"responseCodeSent":null,"httpRequest":{"clientIp":"192.0.2.45","country":"-","headers":[],"uri":"/login","args":"","httpVersion":"HTTP/2.0","httpMethod":"POST","requestId":"1-66"},"oversizeFields":["REQUEST_BODY"],"requestBodySize":20000,"requestBodySizeInspectedByWAF":8192}
{"timestamp":1795165502000,"formatVersion":1,"webaclId":"arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1","terminatingRuleId":"Default_Action","terminatingRuleType":"REGULAR","action":"ALLOW","terminatingRuleMatchDetails":[],"httpSourceName":"ALB","httpSourceId":"123456789012-app/shop/1","ruleGroupList":[],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"requestHeadersInserted":null,"responseCodeSent":null,"httpRequest":{"clientIp":"192.0.2.46","country":"US","headers":null,"uri":"/","args":"","httpVersion":"HTTP/1.1","httpMethod":"GET","requestId":"1-67"},"captchaResponse":{"responseCode":0,"solveTimestamp":1795165000}}
"#;

const VPC_FLOW_LOGS: &str = r#"{"message":"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1795165230 1795165290 ACCEPT OK"}
{"message":"2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1795165231 1795165291 REJECT OK"}
{"message":"2 123456789010 eni-1235b8ca123456789 2001:db8::1 2001:db8::2 0 0 58 1 64 1795165232 1795165292 ACCEPT OK"}
{"message":"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1795165233 1795165293 - NODATA"}
"#;

/// Each a gzip member of its own, one after the other.
const CLOUDWATCH_LOGS: [&str; 3] = [
    r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1795165230000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#,
    r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/orders","logStream":"2026/11/20/[$LATEST]5","subscriptionFilters":["all"],"logEvents":[{"id":"3001","timestamp":1795165230123,"message":"START RequestId: 8f3 Version: $LATEST\n"},{"id":"3002","timestamp":1795165230200,"message":"{\"level\":\"WARN\",\"message\":\"slow \\u00e9\",\"requestId\":\"8f3\",\"took\":{\"ms\":912}}\n"}]}"#,
    r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/ecs/web","logStream":"web/1","subscriptionFilters":["all","web"],"logEvents":[{"id":"3003","timestamp":1795165231000,"message":"[1,2]"}]}"#,
];

/// Compacts the sample of one schema, and gives the answer to SQL over it.
fn answer(schema: &str, sql: &str) -> String {
    let (_, object) = samples().into_iter().find(|(name, _)| *name == schema).unwrap();
    let sandbox = Sandbox::new();
    sandbox.write("landing/2026/11/20/22/x", object);
    sandbox.ok(&format!("compact --lake lake --landing landing --schema {schema}"));
    sandbox.ok(&format!("verify --lake lake --table {schema} --deep"));
    sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout
}

#[test]
fn nginx_graphql() {
    let sql = "SELECT ts, path, status, bytes, response_time, operation, company_id, user_id, extra FROM nginx_graphql ORDER BY ts";
    let expected = "\
ts,path,status,bytes,response_time,operation,company_id,user_id,extra
2026-11-20 13:58:47.000,/graphql,200,5316,0.25,OrderList,c-17,81,
2026-11-20 13:58:48.000,/graphql,500,,12.5,OrderList,c-18,,
2026-11-20 13:58:49.000,/graphql,200,10,0.75,OrderList,c-17,81,
2026-11-20 13:58:50.000,/health,204,0,,,,,
";
    assert_eq!(answer("nginx_graphql", sql), expected);
}

#[test]
fn web_access() {
    let sql = "SELECT ts, path, query_string AS q, status, bytes, operating_system, extra FROM web_access ORDER BY ts";
    let expected = "\
ts,path,q,status,bytes,operating_system,extra
2026-11-20 21:05:00.123,/a,b=1,200,123,Windows,
2026-11-20 21:05:01.000,/,,304,,Android,
2026-11-20 21:05:02.500,/c,,404,9,iOS,
2026-11-20 21:05:03.000,/d,,200,9,other,
2026-11-20 21:05:04.000,/d,,200,9,,
";
    assert_eq!(answer("web_access", sql), expected);
}

#[test]
fn aws_waf() {
    let sql = "SELECT ts, action, terminating_rule_id AS rule, client_ip, country, args, headers[2].value AS agent, rate_based_rules[1].customvalues[1].value AS key, non_terminating_rules[1].captcharesponse.failurereason AS why, rule_groups[1].terminatingrule.ruleid AS of_group, captcha_response.solvetimestamp AS solved, extra FROM aws_waf ORDER BY ts";
    let expected = "\
ts,action,rule,client_ip,country,args,agent,key,why,of_group,solved,extra
2026-11-20 09:05:00.123,BLOCK,AWS-AWSManagedRulesSQLiRuleSet,192.0.2.44,DE,id=1%20or%201=1,sqlmap/1.7,,,SQLi_QUERYARGUMENTS,,
2026-11-20 09:05:01.000,BLOCK,rate-limit,192.0.2.45,,,,k1,TOKEN_MISSING,,,
2026-11-20 09:05:02.000,ALLOW,Default_Action,192.0.2.46,US,,,,,,1795165000,
";
    assert_eq!(answer("aws_waf", sql), expected);
}

#[test]
fn vpc_flow_logs() {
    let sql = "SELECT ts, end_ts, dt, src_addr, dst_port, protocol, bytes, action, log_status, extra FROM vpc_flow_logs ORDER BY ts";
    let expected = "\
ts,end_ts,dt,src_addr,dst_port,protocol,bytes,action,log_status,extra
2026-11-20 09:00:30.000,2026-11-20 09:01:30.000,2026-11-20,172.31.16.139,22,6,4249,ACCEPT,OK,
2026-11-20 09:00:31.000,2026-11-20 09:01:31.000,2026-11-20,172.31.9.69,3389,6,4249,REJECT,OK,
2026-11-20 09:00:32.000,2026-11-20 09:01:32.000,2026-11-20,2001:db8::1,0,58,64,ACCEPT,OK,
2026-11-20 09:00:33.000,2026-11-20 09:01:33.000,2026-11-20,,,,,,NODATA,
";
    assert_eq!(answer("vpc_flow_logs", sql), expected);
}

#[test]
fn cloudwatch_logs() {
    let sql = "SELECT ts, log_group, event_id, filters[1] AS f, level, message, request_id, extra FROM cloudwatch_logs ORDER BY ts";
    let expected = "\
ts,log_group,event_id,f,level,message,request_id,extra
2026-11-20 09:00:30.123,/aws/lambda/orders,3001,all,,\"START RequestId: 8f3 Version: $LATEST\n\",,
2026-11-20 09:00:30.200,/aws/lambda/orders,3002,all,WARN,slow é,8f3,\"{\"\"took\"\":{\"\"ms\"\":912}}\"
2026-11-20 09:00:31.000,/ecs/web,3003,all,,\"[1,2]\",,
";
    assert_eq!(answer("cloudwatch_logs", sql), expected);
}

/// Events count, envelopes do not; a control message is an input without records; the object may be gzip once more.
#[test]
fn envelopes_are_counted_by_their_events() {
    let sandbox = Sandbox::new();
    let members: Vec<u8> = CLOUDWATCH_LOGS.iter().flat_map(|envelope| gzip(envelope.as_bytes())).collect();
    sandbox.write("landing/2026/11/20/22/a.gz", gzip(&members));
    sandbox.write("landing/2026/11/20/22/b.gz", gzip(CLOUDWATCH_LOGS[0].as_bytes()));
    let damaged = r#"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"lost?"},7]}"#;
    sandbox.write("landing/2026/11/20/22/c", [CLOUDWATCH_LOGS[2], damaged, CLOUDWATCH_LOGS[2]].concat());
    let told = sandbox.ok("compact --lake lake --landing landing --schema cloudwatch_logs --json").stdout;
    let summary: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let counts =
        ["objects", "records_read", "rows_written", "records_rejected"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [3, 6, 5, 1], "{summary}");
    let sql = "SELECT byte_offset, reason FROM cloudwatch_logs_rejected";
    let rejected = sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout;
    let expected =
        format!("byte_offset,reason\n{},one of its logEvents is not a JSON object\n", CLOUDWATCH_LOGS[2].len());
    assert_eq!(rejected, expected);
    sandbox.ok("verify --lake lake --table cloudwatch_logs --deep");
}

/// Answers to the named queries of these tables, and that a parameter leaves one company.
#[test]
fn the_questions_people_ask_of_them() {
    let sandbox = Sandbox::new();
    for (schema, object) in samples() {
        sandbox.write(&format!("landing/{schema}/2026/11/20/22/x"), object);
        sandbox.ok(&format!("compact --lake lake --landing landing/{schema} --schema {schema}"));
    }
    for (query, expected) in [
        (
            "slowest_operations",
            "company_id,operation,requests,mean_seconds,longest_seconds,server_errors\nc-18,OrderList,1,12.5,12.5,1\nc-17,OrderList,2,0.5,0.75,0\n",
        ),
        (
            "slowest_operations --param company=c-17",
            "company_id,operation,requests,mean_seconds,longest_seconds,server_errors\nc-17,OrderList,2,0.5,0.75,0\n",
        ),
        (
            "systems_and_agents --param top=1",
            "operating_system,agent,requests,clients\nAndroid,Mozilla/5.0 (Linux; Android 14; Pixel 8),1,1\n",
        ),
        (
            "waf_blocks_by_rule",
            "rule,rule_type,blocked,clients,countries,latest\nAWS-AWSManagedRulesSQLiRuleSet,MANAGED_RULE_GROUP,1,1,1,2026-11-20 09:05:00.123\nrate-limit,RATE_BASED,1,1,0,2026-11-20 09:05:01.000\n",
        ),
        (
            "flow_top_talkers",
            "src_addr,dst_addr,dst_port,bytes,packets,flows\n172.31.16.139,172.31.16.21,22,4249,20,1\n2001:db8::1,2001:db8::2,0,64,1,1\n",
        ),
        ("flow_rejected_ports", "dst_port,protocol,flows,sources,packets\n3389,6,1,1,20\n"),
    ] {
        assert_eq!(sandbox.ok(&format!("query --lake lake --format csv {query}")).stdout, expected, "{query}");
    }
}
