//! Columns as a person declares them, in files and programs: the words of the stored schema, and no others.

use super::{Column, DataType, SortOrder};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What is declared of a column. Everything may be left out; what is not said is found in the data.
///
/// ```
/// use dlt_engine::schema::{ColumnHints, DataType};
///
/// let price = ColumnHints { data_type: Some(DataType::Decimal), precision: Some(10), scale: Some(2), ..Default::default() };
/// let column = price.into_column("price").unwrap();
/// assert_eq!(column.decimal(), (10, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnHints {
    /// The column, as the data calls it; where columns are a list.
    pub name: Option<String>,
    /// Type. `json` keeps what is nested there as it is.
    pub data_type: Option<DataType>,
    /// Whether a row may have no value there. Default: yes, but for keys.
    pub nullable: Option<bool>,
    /// Bits of a `bigint`, digits of a `decimal` or `wei`, digits after the second of a `timestamp` or `time`, letters of a
    /// `text`.
    pub precision: Option<u64>,
    /// Decimals of a `decimal`.
    pub scale: Option<u64>,
    /// Whether a `timestamp` is an instant (the default) or a reading of the clock without a zone.
    pub timezone: Option<bool>,
    /// Whether it is part of the primary key.
    pub primary_key: Option<bool>,
    /// Whether it is part of the merge key.
    pub merge_key: Option<bool>,
    /// Whether its values are said to be unique; for those who read the schema.
    pub unique: Option<bool>,
    /// Whether tables are divided by it, in destinations that do that.
    pub partition: Option<bool>,
    /// Whether rows are kept together by it, in destinations that do that.
    pub cluster: Option<bool>,
    /// Whether rows are sorted by it, in destinations that do that.
    pub sort: Option<bool>,
    /// Whether it marks a row as deleted, in a merge.
    pub hard_delete: Option<bool>,
    /// Which of several rows with one primary key a merge keeps.
    pub dedup_sort: Option<SortOrder>,
    /// For people.
    pub description: Option<String>,
}

impl ColumnHints {
    /// The column.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn into_column(self, name: &str) -> Result<Column, String> {
        self.check().map_err(|what| format!("column `{name}`: {what}"))?;
        let flags = [
            ("primary_key", self.primary_key),
            ("merge_key", self.merge_key),
            ("unique", self.unique),
            ("partition", self.partition),
            ("cluster", self.cluster),
            ("sort", self.sort),
            ("hard_delete", self.hard_delete),
            ("timezone", self.timezone),
        ];
        let numbers = [("precision", self.precision), ("scale", self.scale)];
        let mut hints = Map::new();
        hints.extend(numbers.into_iter().filter_map(|(hint, value)| Some((hint.to_owned(), value?.into()))));
        hints.extend(flags.into_iter().filter_map(|(hint, value)| Some((hint.to_owned(), Value::Bool(value?)))));
        if let Some(order) = self.dedup_sort {
            hints.insert("dedup_sort".to_owned(), serde_json::to_value(order).unwrap_or_default());
        }
        if let Some(text) = self.description {
            hints.insert("description".to_owned(), text.into());
        }
        let is_key = self.primary_key == Some(true) || self.merge_key == Some(true);
        let nullable = self.nullable.unwrap_or(!is_key);
        Ok(Column { name: name.to_owned(), data_type: self.data_type, nullable, hints })
    }

    fn check(&self) -> Result<(), String> {
        use DataType as T;
        let Some(data_type) = self.data_type else {
            return match (self.precision, self.scale, self.timezone) {
                (None, None, None) => Ok(()),
                _ => Err("precision, scale and timezone need a data_type".to_owned()),
            };
        };
        let within = |most: u64| match self.precision {
            Some(given) if given > most => Err(format!("a {data_type} has a precision of at most {most}, not {given}")),
            _ => Ok(()),
        };
        match data_type {
            T::Decimal | T::Wei => within(38)?,
            T::Bigint => within(128)?,
            T::Timestamp | T::Time => within(9)?,
            T::Text | T::Binary => {}
            _ if self.precision.is_some() => return Err(format!("a {data_type} has no precision")),
            _ => {}
        }
        match self.scale {
            Some(_) if !matches!(data_type, T::Decimal) => return Err(format!("a {data_type} has no scale")),
            Some(scale) if scale > self.precision.unwrap_or(38) => {
                return Err(format!("a scale of {scale} is more than the precision"));
            }
            _ => {}
        }
        match self.timezone {
            Some(_) if data_type != T::Timestamp => Err(format!("a {data_type} has no timezone")),
            _ => Ok(()),
        }
    }
}

/// Columns in the order in which they were declared: a table of hints by name, or a list of hints with names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(pub Vec<Column>);

impl Columns {
    /// These columns, and those of `defaults` that are not among them; of one in both, hints that it lacks.
    #[must_use]
    pub fn over(self, defaults: &Self) -> Self {
        let mut all = defaults.0.clone();
        for column in self.0 {
            match all.iter_mut().find(|known| known.name == column.name) {
                Some(known) => {
                    known.data_type = column.data_type.or(known.data_type);
                    known.nullable = column.nullable && known.nullable;
                    known.hints.extend(column.hints);
                }
                None => all.push(column),
            }
        }
        Self(all)
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnsVisitor;
        impl<'de> Visitor<'de> for ColumnsVisitor {
            type Value = Columns;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of columns, such as [source.columns.price], or a list of tables with `name`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some((name, hints)) = entries.next_entry::<String, ColumnHints>()? {
                    if hints.name.as_ref().is_some_and(|given| *given != name) {
                        let what = format!("column `{name}` has another `name`; `renamed_columns` renames columns");
                        return Err(de::Error::custom(what));
                    }
                    columns.push(hints.into_column(&name).map_err(de::Error::custom)?);
                }
                Ok(Columns(columns))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Columns, A::Error> {
                let mut columns: Vec<Column> = Vec::new();
                while let Some(hints) = entries.next_element::<ColumnHints>()? {
                    let name = hints.name.clone().ok_or_else(|| de::Error::missing_field("name"))?;
                    if columns.iter().any(|known| known.name == name) {
                        return Err(de::Error::custom(format!("column `{name}` is declared twice")));
                    }
                    columns.push(hints.into_column(&name).map_err(de::Error::custom)?);
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_any(ColumnsVisitor)
    }
}

/// A column in short, as command lines have it: `price=decimal(10,2)`, `id=bigint(32)`, `payload=json`.
///
/// # Errors
/// What is wrong with the text.
pub fn column_in_short(text: &str) -> Result<Column, String> {
    let example = "write, for example, price=decimal(10,2)";
    let (name, rest) = text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`: {example}"))?;
    let (word, numbers) = match rest.trim().split_once('(') {
        Some((word, numbers)) => {
            let inner = numbers.strip_suffix(')').ok_or_else(|| format!("`{rest}` lacks its `)`: {example}"))?;
            (word.trim(), inner.split(',').map(str::trim).collect())
        }
        None => (rest.trim(), Vec::new()),
    };
    let data_type = DataType::ALL
        .into_iter()
        .find(|known| known.name() == word)
        .ok_or_else(|| format!("`{word}` is no type: there are {}", DataType::ALL.map(DataType::name).join(", ")))?;
    let number = |at: usize| match numbers.get(at) {
        Some(digits) => digits.parse::<u64>().map(Some).map_err(|_| format!("`{digits}` is no number: {example}")),
        None => Ok(None),
    };
    if name.trim().is_empty() || numbers.len() > 2 {
        return Err(format!("`{text}` is no column: {example}"));
    }
    let hints =
        ColumnHints { data_type: Some(data_type), precision: number(0)?, scale: number(1)?, ..ColumnHints::default() };
    hints.into_column(name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_columns_keep_their_order_and_their_words() {
        let text = r#"{"b": {"data_type": "decimal", "precision": 10, "scale": 2}, "a": {"primary_key": true}}"#;
        let Columns(columns) = serde_json::from_str(text).unwrap();
        assert_eq!(columns[0].name, "b");
        assert_eq!((columns[0].decimal(), columns[1].nullable), ((10, 2), false));
        let Columns(listed) = serde_json::from_str(r#"[{"name": "a", "primary_key": true}]"#).unwrap();
        assert_eq!(listed[0], columns[1]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (text, word) in [
            (r#"{"a": {"data_type": "bool", "precision": 3}}"#, "precision"),
            (r#"{"a": {"data_type": "decimal", "precision": 3, "scale": 4}}"#, "scale"),
            (r#"{"a": {"data_type": "decimal", "precision": 39}}"#, "38"),
            (r#"{"a": {"precision": 3}}"#, "data_type"),
            (r#"{"a": {"data_type": "date", "timezone": false}}"#, "timezone"),
            (r#"{"a": {"data_type": "datetime"}}"#, "datetime"),
            (r#"{"a": {"kind": "date"}}"#, "kind"),
            (r#"{"a": {"name": "b"}}"#, "renamed_columns"),
            (r#"[{"data_type": "date"}]"#, "name"),
            (r#"[{"name": "a"}, {"name": "a"}]"#, "twice"),
        ] {
            let error = serde_json::from_str::<Columns>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_column_in_short_is_read_or_explained() {
        let column = column_in_short("price=decimal(10,2)").unwrap();
        assert_eq!((column.name.as_str(), column.decimal()), ("price", (10, 2)));
        assert_eq!(column_in_short("id = bigint(32)").unwrap().number("precision"), Some(32));
        assert_eq!(column_in_short("o=json").unwrap().data_type, Some(DataType::Json));
        for wrong in ["price", "price=money", "price=decimal(10", "price=decimal(x)", "=text", "p=decimal(1,2,3)"] {
            assert!(column_in_short(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_resource_goes_over_its_defaults() {
        let read = |text| serde_json::from_str::<Columns>(text).unwrap();
        let defaults = read(r#"{"a": {"data_type": "text", "unique": true}, "b": {}}"#);
        let Columns(all) = read(r#"{"a": {"data_type": "bigint"}, "c": {}}"#).over(&defaults);
        assert_eq!(all.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(all[0].data_type == Some(DataType::Bigint) && all[0].is("unique"));
    }
}
