//! The rules that a schema asks for: of the columns that data brings, which values show another type than their own, and
//! which types and hints go with a name.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, DataType, Schema, column_names};
use crate::value::{Scalar, is_iso_date, parse_iso_timestamp};
use regex::Regex;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds around now that a number must lie in to be taken for a moment: five years.
const EPOCH_REACH: f64 = 5.0 * 31_536_000.0;

/// The detections that are known. Those of large integers are how this engine reads them in any case, and the other two
/// are of types that only Python has.
const DETECTIONS: [&str; 6] =
    ["iso_timestamp", "iso_date", "timestamp", "large_integer", "hexbytes_to_text", "wei_to_double"];

/// Hints by name that columns can have.
const NOT_NULL: &str = "not_null";

/// Looks whether the rules that a stored schema asks for are those of this engine.
///
/// # Errors
/// [`ErrorKind::Config`] for a naming convention or a contract that is not known, and for detections and rules that are not
/// known here: going on would break the dataset in silence.
pub(crate) fn check(schema: &Schema) -> Result<()> {
    let refuse = |what: String| {
        let what = format!("schema `{}` of this dataset {what}, which this version cannot do", schema.name);
        Err(Error::new(ErrorKind::Config, what).hint("load into another dataset, or go on with the tool that made it"))
    };
    if schema.naming().is_none() {
        let names = schema.normalizers.get("names").and_then(Value::as_str).unwrap_or_default();
        return refuse(format!("names its columns by `{names}`"));
    }
    if let Some(contract) = schema.unknown_contract() {
        return refuse(format!("has the contract {contract}"));
    }
    if let Some(table) = schema.tables.values().find(|table| table.hints.contains_key("filters")) {
        return refuse(format!("leaves out keys of table `{}` by its `filters`", table.name));
    }
    ColumnRules::read(schema).map(drop).or_else(refuse)
}

/// The rules of a schema, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct ColumnRules {
    has_iso_timestamps: bool,
    has_iso_dates: bool,
    /// Seconds since 1970 that are taken for moments.
    epochs: Option<std::ops::RangeInclusive<f64>>,
    /// Names of columns and the types that they have, whatever their first value is; the first that fits counts.
    preferred: Vec<(Regex, DataType)>,
    /// Hints, and the names of columns that have them.
    hints: Vec<(String, Vec<Regex>)>,
}

impl ColumnRules {
    /// What the settings of the schema say of new columns.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for rules that are not known.
    pub(crate) fn of(schema: &Schema) -> Result<Self> {
        Self::read(schema).map_err(|what| Error::new(ErrorKind::Config, format!("schema `{}` {what}", schema.name)))
    }

    /// # Errors
    /// What is not understood: `asks for the detection "x"`.
    fn read(schema: &Schema) -> Result<Self, String> {
        let settings = &schema.settings;
        let detections = settings.get("detections").and_then(Value::as_array).into_iter().flatten();
        let detections: Vec<&Value> = detections.collect();
        if let Some(unknown) =
            detections.iter().find(|known| !known.as_str().is_some_and(|it| DETECTIONS.contains(&it)))
        {
            return Err(format!("asks for the detection {unknown}"));
        }
        let has = |name: &str| detections.iter().any(|known| known.as_str() == Some(name));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut preferred = Vec::new();
        for (pattern, data_type) in object(settings.get("preferred_types")) {
            let known = DataType::ALL.into_iter().find(|known| data_type.as_str() == Some(known.name()));
            let data_type =
                known.ok_or_else(|| format!("prefers the type {data_type} for columns named `{pattern}`"))?;
            preferred.push((compile(pattern)?, data_type));
        }
        let mut hints = Vec::new();
        for (hint, patterns) in object(settings.get("default_hints")) {
            let patterns = patterns.as_array().into_iter().flatten().filter_map(Value::as_str);
            // The columns that the engine fills have their hints.
            let patterns: Vec<_> =
                patterns.filter(|name| !column_names::is_filled_by_engine(name)).map(compile).collect();
            if !patterns.is_empty() {
                hints.push((hint.clone(), patterns.into_iter().collect::<Result<_, _>>()?));
            }
        }
        Ok(Self {
            has_iso_timestamps: has("iso_timestamp"),
            has_iso_dates: has("iso_date"),
            epochs: has("timestamp").then_some(now - EPOCH_REACH..=now + EPOCH_REACH),
            preferred,
            hints,
        })
    }

    /// The type of the column of this name that a first value makes.
    pub(crate) fn infer(&self, name: &str, is_variant: bool, value: &Scalar<'_>) -> DataType {
        if !is_variant && let Some((_, preferred)) = self.preferred.iter().find(|(pattern, _)| pattern.is_match(name)) {
            return *preferred;
        }
        let is_epoch = |seconds: f64| self.epochs.as_ref().is_some_and(|epochs| epochs.contains(&seconds));
        match value {
            Scalar::Text(text) if self.has_iso_timestamps && parse_iso_timestamp(text).is_some() => DataType::Timestamp,
            Scalar::Text(text) if self.has_iso_dates && is_iso_date(text) => DataType::Date,
            Scalar::Int(seconds) if is_epoch(*seconds as f64) => DataType::Timestamp,
            Scalar::Double(seconds) if is_epoch(*seconds) => DataType::Timestamp,
            other => other.own_type(),
        }
    }

    /// A number that goes into a column of timestamps, as the moment that it is where numbers may be moments.
    pub(crate) fn moment<'a>(&self, value: Scalar<'a>, column: DataType) -> Scalar<'a> {
        if self.epochs.is_none() || column != DataType::Timestamp {
            return value;
        }
        match value {
            Scalar::Int(seconds) => seconds.checked_mul(1_000_000).map_or(value, Scalar::Timestamp),
            Scalar::Double(seconds) if seconds.abs() < 1e12 => Scalar::Timestamp((seconds * 1e6).round() as i64),
            other => other,
        }
    }

    /// Adds the hints that a new column has by its name.
    pub(crate) fn hint(&self, column: &mut Column) {
        for (hint, _) in self.hints.iter().filter(|(_, names)| names.iter().any(|name| name.is_match(&column.name))) {
            match hint.as_str() {
                NOT_NULL => column.nullable = false,
                hint => {
                    column.hints.insert(hint.to_owned(), true.into());
                }
            }
        }
    }
}

fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// A name, or an expression behind `re:` that is found anywhere in one.
fn compile(pattern: &str) -> Result<Regex, String> {
    let expression = match pattern.strip_prefix("re:") {
        Some(expression) => expression.to_owned(),
        None => format!("^{}$", regex::escape(pattern)),
    };
    Regex::new(&expression).map_err(|_| format!("has a rule for columns named `{pattern}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(settings: Value) -> ColumnRules {
        let mut schema = Schema::new("shop");
        schema.settings = settings.as_object().unwrap().clone();
        ColumnRules::of(&schema).unwrap()
    }

    #[test]
    fn only_text_with_a_date_and_a_time_shows_another_type_by_default() {
        let rules = ColumnRules::of(&Schema::new("shop")).unwrap();
        for (value, expected) in [
            (Scalar::Text("2024-01-02 03:04".into()), DataType::Timestamp),
            (Scalar::Text("2024-01-02".into()), DataType::Text),
            (Scalar::Text("17".into()), DataType::Text),
            (Scalar::Json("\"2024-01-02 03:04\"".into()), DataType::Json),
            (Scalar::Int(1_700_000_000), DataType::Bigint),
            (Scalar::Double(f64::NAN), DataType::Double),
            (Scalar::Bool(true), DataType::Bool),
            (Scalar::Binary(b"x".as_slice().into()), DataType::Binary),
        ] {
            assert_eq!(rules.infer("x", false, &value), expected, "{value:?}");
        }
    }

    #[test]
    fn detections_that_a_schema_asks_for() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let rules = rules(json!({"detections": ["timestamp", "iso_date", "large_integer"]}));
        let infer = |value: Scalar<'_>| rules.infer("x", false, &value);
        assert_eq!(infer(Scalar::Text("2024-01-02 03:04".into())), DataType::Text);
        assert_eq!(infer(Scalar::Text("2024-01-02".into())), DataType::Date);
        assert_eq!(infer(Scalar::Text("2024-13-02".into())), DataType::Text);
        assert_eq!(infer(Scalar::Int(now - 86_400)), DataType::Timestamp);
        assert_eq!(infer(Scalar::Double(now as f64 + 0.5)), DataType::Timestamp);
        assert_eq!(infer(Scalar::Int(now * 1000)), DataType::Bigint);
        assert_eq!(infer(Scalar::Int(17)), DataType::Bigint);
        assert_eq!(rules.moment(Scalar::Int(17), DataType::Timestamp), Scalar::Timestamp(17_000_000));
        assert_eq!(rules.moment(Scalar::Double(1.5), DataType::Timestamp), Scalar::Timestamp(1_500_000));
        assert_eq!(rules.moment(Scalar::Int(17), DataType::Bigint), Scalar::Int(17));
        assert_eq!(rules.moment(Scalar::Int(i64::MAX), DataType::Timestamp), Scalar::Int(i64::MAX));
    }

    #[test]
    fn types_and_hints_go_by_names() {
        let settings = json!({"preferred_types": {"re:_at$": "timestamp", "price": "decimal"},
            "default_hints": {"not_null": ["_dlt_id", "id"], "cluster": ["re:^id"]}});
        let rules = rules(settings);
        assert_eq!(rules.infer("made_at", false, &Scalar::Int(1)), DataType::Timestamp);
        assert_eq!(rules.infer("made_at", true, &Scalar::Int(1)), DataType::Bigint);
        assert_eq!(rules.infer("prices", false, &Scalar::Int(1)), DataType::Bigint);
        let mut column = Column::inferred("id", DataType::Bigint);
        rules.hint(&mut column);
        assert_eq!((column.nullable, column.hints.get("cluster")), (false, Some(&json!(true))));
        let mut other = Column::inferred("x_id", DataType::Bigint);
        rules.hint(&mut other);
        assert_eq!(other, Column::inferred("x_id", DataType::Bigint));
    }

    #[test]
    fn rules_that_are_not_ours_are_refused_and_others_are_kept() {
        let example: Value = serde_json::from_str(include_str!("schema/stored_example.json")).unwrap();
        let with = |pointer: &str, key: &str, value: Value| {
            let mut changed = example.clone();
            changed.pointer_mut(pointer).unwrap()[key] = value;
            Schema::from_stored(&changed.to_string()).unwrap()
        };
        let table = format!("/tables/{}", example["tables"].as_object().unwrap().keys().next_back().unwrap());
        for (refused, word) in [
            (with("/normalizers", "names", json!("my_own")), "`my_own`"),
            (with("/settings", "schema_contract", json!("frozen")), "\"frozen\""),
            (with("/settings", "schema_contract", json!({"rows": "discard_value"})), "discard_value"),
            (with(&table, "schema_contract", json!({"tables": "evolve", "data_type": "cast"})), "cast"),
            (with("/settings", "detections", json!(["iso_timestamp", "phone"])), "\"phone\""),
            (with("/settings", "preferred_types", json!({"re:(?=a)": "text"})), "`re:(?=a)`"),
            (with(&table, "filters", json!({"excludes": ["re:^x"]})), "`filters`"),
        ] {
            let error = check(&refused).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(word), "{error}");
        }
        for kept in [
            with("/normalizers", "names", json!("dlt.common.normalizers.naming.snake_case")),
            with("/settings", "schema_contract", json!({"tables": "evolve", "columns": "evolve"})),
            with("/settings", "schema_contract", json!("freeze")),
            with(&table, "schema_contract", json!({"columns": "discard_row"})),
            with("/settings", "detections", json!([])),
            with("/settings", "detections", json!(["timestamp", "iso_date", "large_integer", "wei_to_double"])),
        ] {
            check(&kept).unwrap();
        }
        let flat = with("/normalizers/json", "config", json!({"max_nesting": 1}));
        assert_eq!((flat.max_nesting(), Schema::new("x").max_nesting()), (Some(1), None));
    }
}
