//! What is proposed, by example.

use super::{columns, compacts, fits};
use crate::columns::shipped::{gzip, samples};
use crate::support::process::Sandbox;

/// An object delivered at 2026-11-20 09:05, by its key.
const KEY: &str = "landing/2026/11/20/09/web-1-2026-11-20-09-05-00-0f8fad5b-d9cb-469f-a165-70867728950e";

fn landed(object: impl AsRef<[u8]>) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(KEY, object);
    sandbox
}

#[test]
fn of_the_log_that_is_generated() {
    for (format, expected) in [
        (
            "combined_apache",
            "host string\nident string\nauthuser string\nts timestamp event time\nrequest string\nresponse int\nbytes bigint\nreferer string\nagent string",
        ),
        (
            "apache_json",
            "ts timestamp event time\nclient_ip string\nclient_hostname string\nserver_ip string\nrequest string\nhttp_method string\nstatus int\nsize bigint\nuser_agent string\nreferer string",
        ),
    ] {
        for how in ["--compression gzip --delimiter none", "--compression none --delimiter newline"] {
            let sandbox = Sandbox::new();
            let options = "--hours 2 --rate 0.2 --broken 0 --late 5%";
            sandbox.ok(&format!("generate --landing landing --format {format} {options} {how}"));
            assert_eq!(columns(&sandbox), expected, "{format} {how}");
            fits(&sandbox);
            let told = sandbox.ok("discover --landing landing --all").stderr;
            assert!(told.contains(&format!("the shipped schema {format} fits")), "{told}");
        }
    }
}

#[test]
fn of_what_other_producers_write() {
    let expected = [
        "client_ip string\nts timestamp event time\nverb string\nuri_path string\nhttp_ver string\nhttp_status int\nbytes bigint\nreferrer string\nagent string\nresponse_time double\ngraphql string\ncompany_id string\nuser_id bigint",
        "ip string\nts timestamp event time\nhttp_method string\nrequest_url string\nhttp_status_code int\nsize bigint\nuser_agent string\noperating_system string",
        WAF,
        "message string",
        "ts timestamp event time\nlog_group string\nlog_stream string\nowner string\nevent_id string\nfilters array<string>\nmessage string\nlevel string\nrequest_id string\ntook struct<ms:bigint>",
    ];
    for ((schema, object), expected) in samples().into_iter().zip(expected) {
        let sandbox = landed(object);
        let found: Vec<String> = columns(&sandbox).lines().map(str::to_owned).collect();
        let (mut found, mut expected) = (found, expected.lines().map(str::to_owned).collect::<Vec<_>>());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{schema}");
        fits(&sandbox);
        let told = sandbox.ok("discover --landing landing --all").stderr;
        assert!(told.contains(&format!("the shipped schema {schema} fits")), "{told}");
    }
}

const WAF: &str = "\
action string
captcha_response struct<responsecode:int,solvetimestamp:timestamp>
format_version int
http_request struct<clientip:string,country:string,headers:array<struct<name:string,value:string>>,uri:string,args:string,httpversion:string,httpmethod:string,requestid:string,fragment:string,scheme:string,host:string>
http_source_id string
http_source_name string
ja3_fingerprint string
ja4_fingerprint string
labels array<struct<name:string>>
non_terminating_matching_rules array<struct<ruleid:string,action:string,rulematchdetails:array<string>,captcharesponse:struct<responsecode:int,solvetimestamp:int,failurereason:string>>>
oversize_fields array<string>
rate_based_rule_list array<struct<ratebasedruleid:string,ratebasedrulename:string,limitkey:string,maxrateallowed:int,evaluationwindowsec:int,customvalues:array<struct<key:string,name:string,value:string>>>>
request_body_size bigint
request_body_size_inspected_by_waf bigint
request_headers_inserted array<struct<name:string,value:int>>
response_code_sent int
rule_group_list array<struct<rulegroupid:string,terminatingrule:struct<ruleid:string,action:string,rulematchdetails:string>,nonterminatingmatchingrules:array<string>,excludedrules:string,customerconfig:string>>
terminating_rule_id string
terminating_rule_match_details array<struct<conditiontype:string,sensitivitylevel:string,location:string,matcheddata:array<string>,matchedfieldname:string>>
terminating_rule_type string
ts timestamp event time
webacl_id string";

#[test]
fn nested_values_are_structs_arrays_and_maps() {
    let records = r#"
{"id":"a1","meta":{"time":1795165230000,"Version":3},"geo":{"city":"Bonn","at":{"lat":50.7,"lon":7.1}},"tags":["a","b"],"byUser":{"81":{"n":1},"82":{"n":2},"83":{"n":3}},"headers":{"User-Agent":"x","accept":"*/*"},"hops":[{"host":"h1","times":["2026-11-20T09:00:00Z"]}],"none":[],"empty":{}}
{"id":"a2","meta":{"time":1795165231000},"geo":null,"tags":[],"byUser":{"9":{"n":4,"m":true}},"headers":{},"hops":null}
"#;
    let sandbox = landed(records);
    let expected = "\
ts timestamp event time
id string
meta struct<time:timestamp,version:int>
geo struct<city:string,at:struct<lat:double,lon:double>>
tags array<string>
by_user map<string,struct<n:int,m:boolean>>
headers map<string,string>
hops array<struct<host:string,times:array<timestamp>>>
none array<string>
empty map<string,string>";
    assert_eq!(columns(&sandbox), expected);
    fits(&sandbox);
}

/// Names: cases, dots, dashes, words of SQL, firelake's own, two that would be one.
#[test]
fn names_are_made_hives_and_stay_apart() {
    let records = r#"{"Status":200,"status":"x","userAgent":"a","user-agent":"b","a.b":1,"a":{"b":2,"c":"t","x-y":3},"extra":1,"dt":"q","order":5,"日本":true,"":0}"#;
    let sandbox = landed(records);
    let expected = "\
status int
user_agent string
user_agent_2 string
a_b string
a struct<b:int,c:string>
a_x_y int
extra_2 int
dt_2 string
order_ int
field boolean
field_2 int";
    assert_eq!(columns(&sandbox), expected);
    assert_eq!(compacts(&sandbox)["records_rejected"], 0);
    let sql =
        "SELECT user_agent, user_agent_2, a_b, a.b, a_x_y, extra_2, dt_2, order_, field, field_2, extra FROM found";
    let row = sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout;
    assert_eq!(row.lines().last().unwrap(), r#"a,b,1,2,3,1,q,5,true,0,"{""status"":""x""}""#);
}

/// Numbers and times inside of strings, and what only looks like them.
#[test]
fn texts_are_numbers_and_times_where_that_is_meant() {
    let record = |n: usize| {
        format!(
            r#"{{"when":"20/Nov/2026:09:0{n}:00","day":"2026-11-2{n}","ms":"12{n}","ratio":"0.{n}","code":"00{n}","phone":"4930123{n}","plus":"+{n}","hex":"12e{n}","big":"123456789012345{n}","ip":"10.0.0.{n}","flag":"true","size":"{}","mixed":{},"micros_at":179516523000000{n},"grade":"{}","us":"0{n}/2{n}/2026","json":"{{\"k\":{n}}}","rfc":"Fri, 20 Nov 2026 09:0{n}:00 GMT"}}"#,
            if n == 2 { "-" } else { "5" },
            if n == 2 { "[1]".to_owned() } else { n.to_string() },
            if n == 2 { "-" } else { "+" },
        )
    };
    let sandbox = landed([1, 2, 3].map(record).concat());
    let expected = "\
ts timestamp event time
day date
ms bigint
ratio double
code string
phone string
plus string
hex string
big string
ip string
flag boolean
size bigint
mixed string
micros_at bigint
micros_at_time timestamp
grade string
us date
json string
rfc string";
    assert_eq!(columns(&sandbox), expected);
    fits(&sandbox);
    let sql = "SELECT ts, day, size, micros_at_time, grade, us FROM found ORDER BY ts LIMIT 2";
    let rows = sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout;
    let expected = "2026-11-20 09:01:00.000,2026-11-21,5,2026-11-20 09:00:30.000,+,2026-01-21\n\
                    2026-11-20 09:02:00.000,2026-11-22,,2026-11-20 09:00:30.000,-,2026-02-22\n";
    assert_eq!(rows.split_once('\n').unwrap().1, expected);
}

/// One value in thousands that does not fit is worth the type for all others, and is told.
#[test]
fn one_misfit_in_thousands_is_told_and_stays_in_extra() {
    let record = |n: u32| if n == 777 { "{\"n\":\"oops\"}".to_owned() } else { format!("{{\"n\":\"{n}\"}}") };
    let sandbox = landed((0..2_000).map(record).collect::<String>());
    assert_eq!(columns(&sandbox), "n int");
    let file = std::fs::read_to_string(sandbox.path("found.toml")).unwrap();
    assert!(
        file.contains("# 1 value do not fit, and stay in extra") || file.contains("1 value does not fit"),
        "{file}"
    );
    assert_eq!(compacts(&sandbox)["rows_written"], 2_000);
}

/// Damage, an object that cannot be read, failed-record envelopes: told, left out, and none of them stops the rest.
#[test]
fn what_is_no_record_is_told_and_left_out() {
    let sandbox = landed("{\"a\":1}\nnot json\n{\"a\":2}{\"a\":\n");
    sandbox.write(
        "landing/processing-failed/x",
        r#"{"attemptsMade":1,"arrivalTimestamp":1,"errorCode":"E","rawData":"e30=","lambdaArn":"a"}"#,
    );
    let whole = gzip(b"{\"a\":3}");
    sandbox.write("landing/cut.gz", &whole[..whole.len() - 6]);
    let told = sandbox.ok("discover --landing landing --all --json");
    let profile: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let counts = ["records", "failed_records", "damaged"].map(|name| profile[name].as_u64().unwrap());
    assert!(counts[0] >= 2 && counts[1] == 1 && counts[2] == 2, "{profile}");
    assert_eq!(profile["columns"].as_array().unwrap().len(), 1, "{profile}");
    told.says(&["it is not a JSON object, first at byte 8", "1 object could not be read", "cut.gz: "]);
}

#[test]
fn a_sample_is_spread_and_says_so() {
    let sandbox = Sandbox::new();
    for hour in 0..20 {
        let record = format!("{{\"hour\":{hour},\"pad\":\"{}\"}}\n", "x".repeat(1_000));
        sandbox.write(&format!("landing/2026/11/20/{hour:02}/x"), record.repeat(1_000));
    }
    let told = sandbox.ok("discover --landing landing --sample 256KiB --json").says(&["a sample cannot know"]);
    let profile: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let landed = &profile["landed"];
    assert_eq!([&landed["objects"], &landed["objects_read"]].map(|n| n.as_u64().unwrap()), [20, 4]);
    let about = profile["columns"][0]["about"].as_str().unwrap();
    assert!(about.starts_with("one of \"0\", \"6\", \"12\", \"19\""), "{about}");
}

#[test]
fn a_map_without_end_is_a_map() {
    let record = |n: u32| format!("{{\"totals\":{{\"user{n}\":{n},\"user{}\":1}}}}", n + 1);
    let sandbox = landed((0..5_000).map(record).collect::<String>());
    assert_eq!(columns(&sandbox), "totals map<string,int>");
    fits(&sandbox);
}
