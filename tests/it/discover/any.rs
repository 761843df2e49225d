//! Whatever JSON lands: what is proposed is a schema, and every record is a row of it. `PROPTEST_CASES=20000` looks longer.

use firelake::decode::{Decoded, Decoder};
use firelake::discover::{Discovery, Landed};
use firelake::table::TableSchema;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        ".{0,12}",
        "[-+]?[0-9]{1,17}",
        "[0-9]{1,4}\\.[0-9]{1,3}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|\\+01:00|,123)?)?",
        "[0-3][0-9]/[01][0-9]/20[0-9]{2}",
        prop_oneof![Just("-"), Just(""), Just("null"), Just("true"), Just("{\"a\":1}"), Just("1e5"), Just("NaN")]
            .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (1_700_000_000_000_i64..1_900_000_000_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5).prop_map(|fields| Value::from(Map::from_iter(fields))),
        ]
    })
}

/// Few names, so that they meet again, and some that no column can have as they are.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-d]", 1 => "[A-D]", 1 => "(ts|created_at|dt|extra|a\\.b|x-y|日|end|1st)", 1 => ".{0,6}"]
}

fn records() -> impl Strategy<Value = Vec<Map<String, Value>>> {
    prop::collection::vec(prop::collection::vec((name(), value()), 1..6).prop_map(Map::from_iter), 1..12)
}

/// Names that are one name where case does not count: of two, the second is in `extra` for good.
fn has_twins(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_twins),
        Value::Object(fields) => {
            let lower: std::collections::HashSet<String> = fields.keys().map(|name| name.to_lowercase()).collect();
            lower.len() < fields.len() || fields.values().any(has_twins)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proposed_takes_every_record_whole(records in records()) {
        let object: Vec<u8> = records.iter().flat_map(|r| serde_json::to_vec(r).unwrap()).collect();
        let delivered = "2026-11-20T09:00:00Z".parse().unwrap();
        let mut discovery = Discovery::new(1 << 20, None).unwrap();
        discovery.object("x", &mut &object[..], delivered, true, u64::MAX).unwrap();
        let text = discovery.propose(&Landed::default()).unwrap().text("any", &[], true);
        let schema = TableSchema::parse("any", "any.toml", &text);
        prop_assert!(schema.is_ok(), "{text}\n{schema:?}");
        let schema = schema.unwrap();
        let (mut rows, mut left) = (0, Vec::new());
        let counts = Decoder::new(&schema).unwrap().decode(&mut &object[..], delivered, &mut |decoded| {
            if let Decoded::Rows(decoded) = decoded {
                rows += decoded.batch.num_rows();
                let extra = decoded.batch.column_by_name("extra").unwrap();
                let extra = extra.as_any().downcast_ref::<arrow::array::StringArray>().unwrap();
                left.extend(extra.iter().flatten().map(str::to_owned));
            }
            Ok(())
        }).unwrap();
        prop_assert_eq!((rows, counts.rejected), (records.len(), 0));
        let twins = records.iter().any(|record| has_twins(&Value::Object(record.clone())));
        let unnamed = text.contains("stays in extra");
        prop_assert!(left.is_empty() || twins || unnamed, "{text}\n{left:#?}");
    }
}
