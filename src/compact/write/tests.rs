use super::*;
use crate::table::PartitionKey;
use arrow::array::new_null_array;
use chrono::Utc;
use object_store::memory::InMemory;

const OPEN: usize = 8;
const MEMORY: usize = 64 << 10;
const DAYS: usize = 2_000;

/// Rows of one object for a day.
fn piece(schema: &TableSchema, day: usize, rows: usize) -> Piece {
    let arrow = schema.arrow();
    let columns = arrow.fields().iter().map(|field| new_null_array(field.data_type(), rows)).collect();
    let batch = RecordBatch::try_new(Arc::new(arrow.as_ref().clone()), columns).unwrap();
    let time = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(day as i64);
    Piece { set: FileSet::Data, partition: Partition::of(&[PartitionKey::by_day()], time), batch, input: 0 }
}

/// One object whose records span 2,000 days, in no order: neither files that are open nor rows that wait grow with the days.
#[test]
fn open_files_and_rows_that_wait_are_bounded() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let schema =
        TableSchema::parse("s", "s", "[[column]]\nname = \"ts\"\ntype = \"timestamp\"\nevent_time = true").unwrap();
    let table = Location::in_store(Arc::new(InMemory::new()), "memory:///", "table");
    let mut writer = Writer {
        target: Target { table, attempt: Uuid::now_v7(), numbers: Default::default() },
        layouts: [Layout::data(&schema), Layout::rejected()],
        memory: MEMORY,
        open_files: OPEN,
        buffers: BTreeMap::new(),
        open: HashMap::new(),
        held: 0,
        clock: 0,
        done: Vec::new(),
    };
    let (mut most_open, mut most_held) = (0, 0);
    for at in 0..3 * DAYS {
        writer.push(piece(&schema, at * 7 % DAYS, 50)).unwrap();
        (most_open, most_held) = (most_open.max(writer.open.len()), most_held.max(writer.held));
    }
    assert_eq!(most_open, OPEN);
    assert!(most_held <= MEMORY && most_held > MEMORY / 2, "{most_held}");
    let (send, pieces) = sync_channel(1);
    drop(send);
    let files = writer.run(pieces).unwrap();
    assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 3 * DAYS as u64 * 50);
    let days: std::collections::BTreeSet<&str> = files.iter().map(|file| file.partition.path()).collect();
    assert_eq!(days.len(), DAYS);
}

/// Pieces of a few rows become few batches, of the same rows in the same order, and what they take is counted as it is.
#[test]
fn small_batches_are_made_one() {
    let mut buffer = Buffer::default();
    let mut next = 0..;
    for rows in [[3; 40].as_slice(), &[9_000], &[5; 20]].concat() {
        let times: Vec<i64> = next.by_ref().take(rows).collect();
        let column: ArrayRef = Arc::new(arrow::array::Int64Array::from(times));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        buffer.push(Piece { set: FileSet::Data, partition: "dt=x".into(), batch, input: 0 }).unwrap();
    }
    let rows = buffer.batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    assert!(rows.eq(0..3 * 40 + 9_000 + 5 * 20));
    assert_eq!(buffer.bytes, buffer.batches.iter().map(footprint).sum::<usize>());
    assert!(buffer.rows == 9_220 && buffer.batches.len() <= 2 * SMALL_BATCHES + 1, "{}", buffer.batches.len());
}

/// Bounds or a dictionary of narrow values would make Trino fail once they are read as wide ones.
#[test]
fn four_byte_floats_have_no_bounds_and_no_dictionary() {
    let of = "struct<x:float,y:array<float>,z:double>";
    let text = format!(
        "[parquet]\nsort = [\"a\"]\n[[column]]\nname = \"a\"\ntype = \"float\"\n[[column]]\nname = \"s\"\ntype = \"{of}\""
    );
    let schema = TableSchema::parse("t", "t", &text).unwrap();
    let made = properties(&schema.parquet, &[0], &schema.arrow());
    for (path, kept) in [("a", false), ("s.x", false), ("s.y.list.element", false), ("s.z", true), ("extra", true)] {
        let path = ColumnPath::new(path.split('.').map(str::to_owned).collect());
        assert_eq!(made.statistics_enabled(&path) != EnabledStatistics::None, kept, "{path}");
        assert_eq!(made.dictionary_enabled(&path), kept, "{path}");
    }
}
