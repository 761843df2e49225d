//! Rows to partitions, by their times and by the values of columns.

use crate::error::{Error, Result};
use crate::table::{Partition, PartitionKey};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use chrono::DateTime;
use std::collections::HashMap;

/// Finds partitions; remembers the ones that it met.
pub(super) struct Splitter {
    keys: Vec<PartitionKey>,
    /// By hour and by the values of the keys that columns give.
    met: HashMap<(i64, Vec<Option<String>>), Partition>,
}

const HOUR: i64 = 3_600_000;
/// More partitions than this are not remembered: a column of many values must not fill memory.
const MOST_MET: usize = 10_000;

impl Splitter {
    pub(super) fn new(keys: Vec<PartitionKey>) -> Self {
        Splitter { keys, met: HashMap::new() }
    }

    /// The rows of each partition, in their order. `times` are milliseconds UTC, one a row.
    pub(super) fn split(&mut self, batch: RecordBatch, times: &[i64]) -> Result<Vec<(Partition, RecordBatch)>> {
        let failed = |e: ArrowError| Error::internal("cannot split a batch by partition").caused_by(e);
        let texts = self.texts(&batch).map_err(failed)?;
        let mut rows: Vec<(Partition, Vec<u32>)> = Vec::new();
        let mut places: HashMap<Partition, usize> = HashMap::new();
        let mut last: Option<(usize, usize)> = None; // a row, and the place of its partition
        for (row, time) in times.iter().enumerate() {
            let place = match last.filter(|(before, _)| alike(&texts, times, *before, row)) {
                Some((_, place)) => place,
                None => {
                    let partition = self.partition(time.div_euclid(HOUR), &texts, row)?;
                    *places.entry(partition).or_insert_with_key(|partition| {
                        rows.push((partition.clone(), Vec::new()));
                        rows.len() - 1
                    })
                }
            };
            last = Some((row, place));
            rows[place].1.push(row as u32);
        }
        if let [(partition, _)] = &mut rows[..] {
            return Ok(vec![(std::mem::take(partition), batch)]);
        }
        let taken = rows
            .into_iter()
            .map(|(partition, rows)| Ok((partition, take_record_batch(&batch, &UInt32Array::from(rows))?)));
        taken.collect::<Result<_, ArrowError>>().map_err(failed)
    }

    /// The columns that keys take, as text.
    fn texts(&self, batch: &RecordBatch) -> Result<Vec<StringArray>, ArrowError> {
        let text = |name: &str| cast(batch.column(batch.schema().index_of(name)?), &DataType::Utf8);
        let texts = self.keys.iter().filter_map(PartitionKey::column).map(text);
        texts.map(|column: Result<ArrayRef, ArrowError>| Ok(column?.as_string::<i32>().clone())).collect()
    }

    /// No key of the event time is finer than an hour.
    fn partition(&mut self, hour: i64, texts: &[StringArray], row: usize) -> Result<Partition> {
        let values: Vec<Option<&str>> = texts.iter().map(|text| text.is_valid(row).then(|| text.value(row))).collect();
        let met = (hour, values.iter().map(|value| value.map(str::to_owned)).collect());
        if let Some(known) = self.met.get(&met) {
            return Ok(known.clone());
        }
        let time = DateTime::from_timestamp_millis(hour * HOUR)
            .ok_or_else(|| Error::internal("a row's time is out of range"))?;
        let mut values = values.into_iter();
        let partition = Partition::of_row(&self.keys, time, |_| values.next().flatten());
        if self.met.len() < MOST_MET {
            self.met.insert(met, partition.clone());
        }
        Ok(partition)
    }
}

/// Whether two rows are of one partition for certain.
fn alike(texts: &[StringArray], times: &[i64], one: usize, other: usize) -> bool {
    times[one].div_euclid(HOUR) == times[other].div_euclid(HOUR)
        && texts.iter().all(|text| {
            text.is_valid(one) == text.is_valid(other) && (text.is_null(one) || text.value(one) == text.value(other))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Transform;
    use arrow::array::Int64Array;
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn each_row_goes_to_its_day_in_its_order() {
        let times = [0, HOUR * 24, HOUR * 23 + 1, -1, HOUR * 24];
        let rows: arrow::array::ArrayRef = Arc::new(Int64Array::from_iter_values(0..5));
        let batch = RecordBatch::try_from_iter([("row", rows)]).unwrap();
        let split = Splitter::new(vec![PartitionKey::by_day()]).split(batch, &times).unwrap();
        let seen: Vec<(&str, &[i64])> =
            split.iter().map(|(p, b)| (p.path(), &b.column(0).as_primitive::<Int64Type>().values()[..])).collect();
        assert_eq!(seen, [("dt=1970-01-01", &[0i64, 2][..]), ("dt=1970-01-02", &[1, 4]), ("dt=1969-12-31", &[3])]);
    }

    #[test]
    fn rows_go_by_their_columns_values() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some(""), Some("b/c")]));
        let flags: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![true, true, false, true, true]));
        let batch = RecordBatch::try_from_iter([("name", names), ("flag", flags)]).unwrap();
        let key = |name: &str, of: &str| PartitionKey { name: name.into(), transform: Transform::Identity(of.into()) };
        let keys = vec![key("n", "name"), PartitionKey::by_day(), key("f", "flag")];
        let split = Splitter::new(keys).split(batch, &[0; 5]).unwrap();
        let seen: Vec<(&str, usize)> = split.iter().map(|(p, b)| (p.path(), b.num_rows())).collect();
        let expected = [
            ("n=a/dt=1970-01-01/f=true", 1),
            ("n=__HIVE_DEFAULT_PARTITION__/dt=1970-01-01/f=true", 2),
            ("n=a/dt=1970-01-01/f=false", 1),
            ("n=b%2Fc/dt=1970-01-01/f=true", 1),
        ];
        assert_eq!(seen, expected);
    }
}
