//! Rows to partitions, by their times.

use crate::error::{Error, Result};
use crate::table::{Partition, PartitionKey};
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use chrono::DateTime;
use std::collections::HashMap;

/// Finds partitions; remembers the ones that it met, by hour.
pub(super) struct Splitter {
    keys: Vec<PartitionKey>,
    by_hour: HashMap<i64, Partition>,
}

const HOUR: i64 = 3_600_000;

impl Splitter {
    pub(super) fn new(keys: Vec<PartitionKey>) -> Self {
        Splitter { keys, by_hour: HashMap::new() }
    }

    /// The rows of each partition, in their order. `times` are milliseconds UTC, one a row.
    pub(super) fn split(&mut self, batch: RecordBatch, times: &[i64]) -> Result<Vec<(Partition, RecordBatch)>> {
        let mut rows: Vec<(Partition, Vec<u32>)> = Vec::new();
        let mut last = (i64::MIN, 0);
        for (row, time) in times.iter().enumerate() {
            let hour = time.div_euclid(HOUR);
            if hour != last.0 {
                let partition = self.partition(hour)?;
                let place = rows.iter().position(|(known, _)| *known == partition).unwrap_or_else(|| {
                    rows.push((partition, Vec::new()));
                    rows.len() - 1
                });
                last = (hour, place);
            }
            rows[last.1].1.push(row as u32);
        }
        if let [(partition, _)] = &mut rows[..] {
            return Ok(vec![(std::mem::take(partition), batch)]);
        }
        let failed = |e| Error::internal("cannot split a batch by partition").caused_by(e);
        let taken = rows
            .into_iter()
            .map(|(partition, rows)| Ok((partition, take_record_batch(&batch, &UInt32Array::from(rows))?)));
        taken.collect::<Result<_, arrow::error::ArrowError>>().map_err(failed)
    }

    /// No key is finer than an hour, so an hour is in one partition.
    fn partition(&mut self, hour: i64) -> Result<Partition> {
        if let Some(known) = self.by_hour.get(&hour) {
            return Ok(known.clone());
        }
        let time = DateTime::from_timestamp_millis(hour * HOUR)
            .ok_or_else(|| Error::internal("a row's time is out of range"))?;
        let partition = Partition::of(&self.keys, time);
        self.by_hour.insert(hour, partition.clone());
        Ok(partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
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
}
