#![allow(clippy::unwrap_used)]

use super::civil::{date_text, time_text, timestamp_text};
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Each line: the type of the column (or `detect`), a JSON value, and what becomes of it, `null` if it is refused. A fourth
/// cell is what Python dlt 1.31 makes of a value that is refused here because it would not come back as it was.
/// Moments, days and times are given by their text, decimals by their unscaled digits, bytes in hexadecimal.
const VECTORS: &str = include_str!("vectors.tsv");

const ALL: [DataType; 11] = [
    DataType::Text,
    DataType::Double,
    DataType::Bool,
    DataType::Timestamp,
    DataType::Bigint,
    DataType::Binary,
    DataType::Json,
    DataType::Decimal,
    DataType::Wei,
    DataType::Date,
    DataType::Time,
];

fn column(data_type: DataType) -> Column {
    Column::inferred("value", data_type)
}

fn scalar(value: &Value) -> Scalar<'_> {
    match value {
        Value::Bool(v) => Scalar::Bool(*v),
        Value::Number(v) => v.as_i64().map_or_else(|| Scalar::Double(v.as_f64().unwrap()), Scalar::Int),
        Value::String(v) => Scalar::Text(v.into()),
        other => Scalar::Json(other.to_string().into()),
    }
}

fn decimal(unscaled: i128, scale: i8) -> Scalar<'static> {
    Scalar::Decimal(Decimal { unscaled, scale })
}

fn shown(value: Scalar<'_>) -> Value {
    match value {
        Scalar::Bool(v) => v.into(),
        Scalar::Int(v) => v.into(),
        Scalar::Double(v) if v.is_finite() => v.into(),
        Scalar::Double(v) => python_float_text(v).into(),
        Scalar::Text(v) | Scalar::Json(v) => v.into_owned().into(),
        Scalar::Timestamp(v) => timestamp_text(v, true).into(),
        Scalar::Date(v) => date_text(v).into(),
        Scalar::Time(v) => time_text(v).into(),
        Scalar::Decimal(v) => v.unscaled.to_string().into(),
        Scalar::Wei(v) => v.to_string().into(),
        Scalar::Binary(v) => v.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

#[test]
fn values_become_what_the_table_says() {
    let mut wrong = Vec::new();
    for line in VECTORS.lines() {
        let mut cells = line.split('\t');
        let (to, value, expected) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let (value, expected): (Value, Value) =
            (serde_json::from_str(value).unwrap(), serde_json::from_str(expected).unwrap());
        let got = if to == "detect" {
            let detected = parse_iso_timestamp(value.as_str().unwrap());
            detected.map_or(Value::Null, |micros| shown(Scalar::Timestamp(micros)))
        } else {
            let to = ALL.into_iter().find(|data_type| data_type.name() == to).unwrap();
            match coerce(scalar(&value), &column(to)) {
                Ok(converted) => {
                    let expected_type = if to == DataType::Wei { DataType::Decimal } else { to };
                    assert_eq!(converted.own_type(), expected_type, "{line}");
                    assert!(cells.next().is_none(), "a value is refused or what Python makes of it: {line}");
                    shown(converted)
                }
                Err(refused) => {
                    assert_eq!(refused, scalar(&value), "a refused value comes back as it was: {line}");
                    Value::Null
                }
            }
        };
        // As text, because 0.0 and -0.0 are equal as JSON, but not the same.
        let (got, expected) = (got.to_string(), expected.to_string());
        if got != expected {
            wrong.push(format!("{line}, but got {got}"));
        }
    }
    assert!(VECTORS.lines().count() > 900);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_value_of_the_columns_type_stays_as_it_is() {
    for value in [
        Scalar::Text("2024-01-02T03:04:05Z".into()),
        Scalar::Json("{ }".into()),
        Scalar::Double(f64::INFINITY),
        Scalar::Timestamp(i64::MAX),
        decimal(i128::MAX / 10, 9),
    ] {
        let column = column(value.own_type());
        assert_eq!(coerce(value.clone(), &column), Ok(value));
    }
}

#[test]
fn a_column_without_a_type_takes_everything() {
    let column = Column { data_type: None, ..column(DataType::Text) };
    assert_eq!(coerce(Scalar::Bool(true), &column), Ok(Scalar::Bool(true)));
}

#[test]
fn values_that_json_does_not_have_convert_too() {
    let moment = Scalar::Timestamp(1_704_164_645_000_001);
    for (value, to, expected) in [
        (moment.clone(), DataType::Text, Some(Scalar::Text("2024-01-02T03:04:05.000001+00:00".into()))),
        (moment.clone(), DataType::Date, None),
        (Scalar::Timestamp(-86_400_000_000), DataType::Date, Some(Scalar::Date(-1))),
        (Scalar::Timestamp(-1), DataType::Date, None),
        (Scalar::Wei(1 << 64), DataType::Text, Some(Scalar::Text("18446744073709551616".into()))),
        (Scalar::Wei(1 << 64), DataType::Double, Some(Scalar::Double(18_446_744_073_709_551_616.0))),
        (Scalar::Wei((1 << 64) - 1), DataType::Double, None),
        (Scalar::Wei(1 << 64), DataType::Bigint, None),
        (Scalar::Wei(7), DataType::Bigint, Some(Scalar::Int(7))),
        (Scalar::Wei(1 << 64), DataType::Wei, Some(decimal(1 << 64, 0))),
        (moment, DataType::Bigint, None),
        (Scalar::Date(19_724), DataType::Text, Some(Scalar::Text("2024-01-02".into()))),
        (Scalar::Date(-1), DataType::Timestamp, Some(Scalar::Timestamp(-86_400_000_000))),
        (Scalar::Time(37_230_500_000), DataType::Text, Some(Scalar::Text("10:20:30.500000".into()))),
        (Scalar::Time(0), DataType::Timestamp, None),
        (Scalar::Binary(b"ABCD".as_slice().into()), DataType::Text, Some(Scalar::Text("QUJDRA==".into()))),
        (Scalar::Json("[1]".into()), DataType::Text, Some(Scalar::Text("[1]".into()))),
        (Scalar::Json("[1]".into()), DataType::Bigint, None),
        (decimal(5, 0), DataType::Text, Some(Scalar::Text("5".into()))),
        (decimal(-5, 2), DataType::Text, Some(Scalar::Text("-0.05".into()))),
        (decimal(12_345, 2), DataType::Text, Some(Scalar::Text("123.45".into()))),
        (decimal(12_345, 2), DataType::Bigint, None),
        (Scalar::Double(f64::NAN), DataType::Text, Some(Scalar::Text("nan".into()))),
        (Scalar::Double(f64::NEG_INFINITY), DataType::Text, Some(Scalar::Text("-inf".into()))),
        (Scalar::Double(f64::INFINITY), DataType::Bigint, None),
        (Scalar::Double(f64::INFINITY), DataType::Decimal, None),
        (Scalar::Double(f64::INFINITY), DataType::Timestamp, None),
    ] {
        assert_eq!(coerce(value.clone(), &column(to)).ok(), expected, "{value:?} to {to}");
    }
}

#[test]
fn a_decimal_fits_the_digits_of_its_column() {
    let small = column(DataType::Decimal).with("precision", 5).with("scale", 2);
    for (value, expected) in [
        (json!("999.99"), Some(99_999)),
        (json!("999.9900"), Some(99_999)),
        (json!("999.994"), None),
        (json!("999.995"), None),
        (json!("-999.99"), Some(-99_999)),
        (json!(3.999), None),
        (json!(3.99), Some(399)),
        (json!(999), Some(99_900)),
        (json!(1000), None),
        (json!(0.005), None),
        (json!("0xff"), None),
        (json!("007"), None),
        (json!("1e-999999999999999999999"), None),
        (json!("1e2"), Some(10_000)),
        (json!("0e999"), Some(0)),
        (json!("1e999"), None),
        (json!("."), None),
    ] {
        assert_eq!(coerce(scalar(&value), &small).ok(), expected.map(|unscaled| decimal(unscaled, 2)), "{value}");
    }
}

#[test]
fn a_decimal_of_another_scale_is_the_same_number_or_refused() {
    let cents = column(DataType::Decimal).with("precision", 10).with("scale", 2);
    for (unscaled, scale, expected) in [
        (12_345, 2, Some(12_345)),
        (12_300, 4, Some(123)),
        (12_345, 4, None),
        (500, 0, Some(50_000)),
        (5, -2, Some(50_000)),
        (0, 38, Some(0)),
        (99_999_999, 0, Some(9_999_999_900)),
        (100_000_000, 0, None),
        (i128::MAX, -100, None),
        (i128::MIN, 127, None),
    ] {
        let found = coerce(decimal(unscaled, scale), &cents).ok();
        assert_eq!(found, expected.map(|unscaled| decimal(unscaled, 2)), "{unscaled} with {scale} decimals");
    }
    assert_eq!(coerce(decimal(1_200, 2), &column(DataType::Wei)).ok(), Some(decimal(12, 0)));
    assert_eq!(coerce(decimal(1_250, 2), &column(DataType::Wei)).ok(), None);
}

#[test]
fn a_moment_that_only_differs_in_form_is_the_same() {
    let same = [
        "2024-01-02T03:04:05Z",
        "2024-01-02 03:04:05",
        "2024-01-02T03:04:05.000000000",
        "2024-01-02T05:04:05+02:00",
        "2024-01-01T21:34:05-0530",
        "20240102T030405",
        "2024-002T03:04:05",
        "2024-W01-2T03:04:05",
        "2024/01/02 3:4:5",
    ];
    for text in same {
        assert_eq!(parse_iso_timestamp(text), Some(1_704_164_645_000_000), "{text}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9TZW :/+.,|-]{0,32}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([.,][0-9]{0,10})?(Z|[+-][0-9]{2}:?[0-9]{0,2})?",
        "[ _+-]{0,2}(0x)?[0-9a-f_]{0,45}(\\.[0-9_]{0,20})?(e[+-]?[0-9]{0,20})?[ \n]?",
        "[A-Za-z0-9+/]{0,12}={0,3}",
    ]
}

fn any_scalar() -> impl Strategy<Value = Scalar<'static>> {
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        any::<f64>().prop_map(Scalar::Double),
        any_text().prop_map(|text| Scalar::Text(text.into())),
        any::<i64>().prop_map(Scalar::Timestamp),
        any::<i32>().prop_map(Scalar::Date),
        any::<i64>().prop_map(Scalar::Time),
        (any::<i128>(), any::<i8>()).prop_map(|(unscaled, scale)| decimal(unscaled, scale)),
        any::<i128>().prop_map(Scalar::Wei),
        any::<Vec<u8>>().prop_map(|bytes| Scalar::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_value_fits_or_comes_back(value in any_scalar(), precision in 0u64..300, scale in 0u64..300) {
        for to in ALL {
            let mut column = column(to);
            for _ in 0..2 {
                match coerce(value.clone(), &column) {
                    Ok(converted) if to == DataType::Wei => {
                        prop_assert!(matches!(converted.own_type(), DataType::Decimal | DataType::Wei));
                    }
                    Ok(converted) => prop_assert_eq!(converted.own_type(), to),
                    // A NaN is not equal to itself.
                    Err(refused) => prop_assert_eq!(format!("{refused:?}"), format!("{value:?}")),
                }
                column = column.with("precision", precision).with("scale", scale);
            }
        }
    }

    #[test]
    fn what_is_detected_can_be_stored(text in any_text()) {
        let column = column(DataType::Timestamp);
        if let Some(micros) = parse_iso_timestamp(&text) {
            prop_assert_eq!(coerce(Scalar::Text((&text).into()), &column), Ok(Scalar::Timestamp(micros)));
        }
    }

    #[test]
    fn a_moment_survives_its_text(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
        prop_assert_eq!(parse_iso_timestamp(&timestamp_text(micros, true)), Some(micros));
        prop_assert_eq!(parse_iso_timestamp(&timestamp_text(micros, false)), Some(micros));
    }

    #[test]
    fn a_number_survives_its_text(v in any::<f64>()) {
        let text = python_float_text(v);
        prop_assert!(text.parse::<f64>() == Ok(v) || v.is_nan(), "{}", text);
    }
}

#[test]
fn a_text_goes_into_a_column_only_if_it_comes_back_as_it_was() {
    let texts = [
        (
            DataType::Bigint,
            &["02134", "+15551234", "1_000", "0x10", "007", " 7", "7 ", "1.0", "1e3", "-0", "٣", ""][..],
        ),
        (
            DataType::Double,
            &["0123.5", "1234567890123456789", "1e400", "nan", "inf", "+1.5", "1_0.5", " 1.5", "0x1f", "1."],
        ),
        (DataType::Decimal, &["0.1234567891", "007", "+1", "1_0", "0x1", " 1", "nan"]),
        (DataType::Wei, &["007", "1.0", "1e3", "+1", "0x1", "123456789012345678901234567890123456789"]),
        (DataType::Bool, &["1", "0", "yes", "no", "t", "f", "y", "n", " true"]),
        (DataType::Timestamp, &["2024", "20240102", "2024-01-02", "1704164645", "2024-01-02T03:04:05.123456789Z", ""]),
        (DataType::Date, &["2024", "2024-01", "20240102", "2024-01-02T00:00:00Z", "2024-W01-1", "1704164645"]),
        (DataType::Time, &["T10:20", "1020", "10:20+01:00", "10", "10:20:30.1234567"]),
        (DataType::Json, &["1", "\"a\"", "true", "null", "{", "[1] 2"]),
        (DataType::Binary, &["0x1", "0xAB", "0x1_", "YQ", "YR==", "a b"]),
    ];
    for (to, texts) in texts {
        for text in texts {
            assert!(coerce(Scalar::Text((*text).into()), &column(to)).is_err(), "{text} into {to}");
        }
    }
    for (to, text) in [
        (DataType::Bigint, "-9223372036854775808"),
        (DataType::Double, "1.50"),
        (DataType::Decimal, "-12.500"),
        (DataType::Wei, "99999999999999999999999999999999999999"),
        (DataType::Bool, "False"),
        (DataType::Timestamp, "2024-01-02T03:04:05.123456000+02:00"),
        (DataType::Date, "2024-01-02"),
        (DataType::Time, "10:20:30.25"),
        (DataType::Json, " {\"a\": 123456789012345678901234567890}"),
        (DataType::Binary, "YWI="),
        (DataType::Binary, "0x00ff"),
    ] {
        assert!(coerce(Scalar::Text(text.into()), &column(to)).is_ok(), "{text} into {to}");
    }
}

#[test]
fn a_number_goes_into_a_column_only_if_it_is_the_same_there() {
    for (value, to, fits) in [
        (Scalar::Int(1 << 53), DataType::Double, true),
        (Scalar::Int((1 << 53) + 1), DataType::Double, false),
        (Scalar::Int((1 << 53) + 2), DataType::Double, true),
        (Scalar::Int(i64::MIN), DataType::Double, true),
        (Scalar::Int(i64::MAX), DataType::Double, false),
        (Scalar::Int(1), DataType::Bool, false),
        (Scalar::Int(1_704_164_645), DataType::Timestamp, false),
        (Scalar::Int(0), DataType::Date, false),
        (Scalar::Int(7), DataType::Binary, false),
        (Scalar::Double(-0.0), DataType::Bigint, false),
        (Scalar::Double(1e18), DataType::Bigint, true),
        (Scalar::Double(0.1), DataType::Decimal, true),
        (Scalar::Double(1e-10), DataType::Decimal, false),
        (Scalar::Double(1.0), DataType::Bool, false),
        (Scalar::Double(1.5), DataType::Timestamp, false),
    ] {
        assert_eq!(coerce(value.clone(), &column(to)).is_ok(), fits, "{value:?} into {to}");
    }
}
