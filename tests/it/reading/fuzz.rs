//! The checks with seeds; `PROPTEST_CASES=1000000` runs them for longer.

use super::checks;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..80)
}

proptest! {
    #[test]
    fn any_bytes(data in bytes()) {
        checks::any_bytes(&data);
    }

    #[test]
    fn any_pieces(data in bytes()) {
        checks::any_pieces(&data);
    }

    #[test]
    fn valid_records(data in bytes()) {
        checks::valid_records(&data);
    }

    #[test]
    fn neighbours(data in bytes()) {
        checks::neighbours(&data);
    }

    #[test]
    fn compressed(data in bytes()) {
        checks::compressed(&data);
    }
}
