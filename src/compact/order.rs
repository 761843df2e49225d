//! The order in which rows are written. Rows stay where they are: a place a row is all that is sorted.

use arrow::array::{Array, AsArray, RecordBatch, TimestampMillisecondArray};
use arrow::compute::{SortColumn, concat, lexsort_to_indices};
use arrow::datatypes::TimestampMillisecondType;
use arrow::error::ArrowError;

/// A row among several batches: the batch, and the row in it.
pub(super) type Place = (usize, usize);

/// The order of the rows of all batches by the `sort` columns, NULL first; `None` where they are in it already, or none is
/// asked for.
pub(super) fn order(batches: &[RecordBatch], sort: &[usize]) -> Result<Option<Vec<Place>>, ArrowError> {
    match sort {
        [] => Ok(None),
        [only] if batches.iter().all(|batch| times(batch, *only).is_some()) => Ok(time_order(batches, *only)),
        several => lexical_order(batches, several).map(Some),
    }
}

fn times(batch: &RecordBatch, column: usize) -> Option<&TimestampMillisecondArray> {
    batch.column(column).as_primitive_opt::<TimestampMillisecondType>()
}

/// The sort is the stable one, which merges the runs that it finds: what agents send is
/// nearly in order.
fn time_order(batches: &[RecordBatch], column: usize) -> Option<Vec<Place>> {
    let mut rows: Vec<(i64, u32, u32)> = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (at, batch) in batches.iter().enumerate() {
        let times = times(batch, column).into_iter().flatten().enumerate();
        rows.extend(times.map(|(row, time)| (time.unwrap_or(i64::MIN), at as u32, row as u32)));
    }
    if rows.is_sorted_by_key(|(time, ..)| *time) {
        return None;
    }
    rows.sort_by_key(|(time, ..)| *time);
    Some(rows.into_iter().map(|(_, batch, row)| (batch as usize, row as usize)).collect())
}

fn lexical_order(batches: &[RecordBatch], columns: &[usize]) -> Result<Vec<Place>, ArrowError> {
    let whole = |at: &usize| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(*at).as_ref()).collect();
        Ok(SortColumn { values: concat(&parts)?, options: None })
    };
    let columns = columns.iter().map(whole).collect::<Result<Vec<_>, ArrowError>>()?;
    let places = |(at, batch): (usize, &RecordBatch)| (0..batch.num_rows()).map(move |row| (at, row));
    let places: Vec<Place> = batches.iter().enumerate().flat_map(places).collect();
    Ok(lexsort_to_indices(&columns, None)?.values().iter().map(|row| places[*row as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, StringArray};
    use std::sync::Arc;

    fn batch(times: &[Option<i64>], names: &[&str]) -> RecordBatch {
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(times.to_vec()));
        let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
        RecordBatch::try_from_iter_with_nullable([("time", times, true), ("name", names, true)]).unwrap()
    }

    #[test]
    fn by_time_null_first_and_ties_as_they_came() {
        let batches = [batch(&[Some(5), None, Some(7)], &["a", "b", "c"]), batch(&[Some(5), Some(-1)], &["d", "e"])];
        assert_eq!(order(&batches, &[0]).unwrap(), Some(vec![(0, 1), (1, 1), (0, 0), (1, 0), (0, 2)]));
    }

    #[test]
    fn what_is_in_order_stays() {
        let batches = [batch(&[None, Some(1), Some(1)], &["c", "b", "a"]), batch(&[Some(2)], &["0"])];
        assert_eq!(order(&batches, &[0]).unwrap(), None);
        assert_eq!(order(&batches, &[]).unwrap(), None);
    }

    #[test]
    fn by_several_columns_and_by_other_types() {
        let batches = [batch(&[Some(5), Some(5)], &["b", "a"]), batch(&[Some(1), Some(5)], &["c", "0"])];
        assert_eq!(order(&batches, &[0, 1]).unwrap(), Some(vec![(1, 0), (1, 1), (0, 1), (0, 0)]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), None, Some(1)]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        assert_eq!(order(&[batch], &[0]).unwrap(), Some(vec![(0, 1), (0, 2), (0, 0)]));
    }
}
