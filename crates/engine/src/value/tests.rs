use super::*;
#[test]
fn smoke() {
    assert_eq!(parse_iso_timestamp("1970-01-01T00:00:01Z"), Some(1_000_000));
}
