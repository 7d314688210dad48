//! Versions of rows (slowly changing dimensions, type 2): which columns say when a row was valid, as hints of the stored
//! schema have it, and as somebody declares it.

use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::schema::{Column, DataType, Table, column_names};
use crate::value::instant_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names of the columns for the time of validity, where nobody gives others.
const DEFAULT_VALIDITY: [&str; 2] = ["_dlt_valid_from", "_dlt_valid_to"];
const VALID_FROM: &str = "x-valid-from";
const VALID_TO: &str = "x-valid-to";
const ROW_VERSION: &str = "x-row-version";
/// Hint of the column with the end of validity.
const ACTIVE: &str = "x-active-record-timestamp";
/// Hint of the table.
const BOUNDARY: &str = "x-boundary-timestamp";
/// The word for no timestamp, for those who cannot write null.
const NONE: &str = "none";

/// Options of the merge strategy scd2, by their names in a pipeline file. The default is the one of every option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Scd2 {
    /// Column of the data that has another value in another version of a row. Default: `_dlt_id`, as a digest of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_version_column_name: Option<String>,
    /// Names of the columns for begin and end of validity. Default: `_dlt_valid_from` and `_dlt_valid_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validity_column_names: Option<[String; 2]>,
    /// The end of validity of rows that are valid now: a date or a moment in ISO 8601. Default, and `none`: null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_record_timestamp: Option<String>,
    /// When the rows of this load begin to be valid, and those that it lacks end: a date or a moment in ISO 8601. It is
    /// stored, and holds for later loads; `none` takes it back. Default: what is stored, else the time of the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary_timestamp: Option<String>,
}

impl Scd2 {
    /// Names the column that has another value in another version of a row.
    #[must_use]
    pub fn row_version_column(mut self, name: impl Into<String>) -> Self {
        self.row_version_column_name = Some(name.into());
        self
    }

    /// Names the columns for begin and end of validity.
    #[must_use]
    pub fn validity_columns(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.validity_column_names = Some([from.into(), to.into()]);
        self
    }

    /// Sets the end of validity of rows that are valid now.
    #[must_use]
    pub fn active_record_timestamp(mut self, moment: impl Into<String>) -> Self {
        self.active_record_timestamp = Some(moment.into());
        self
    }

    /// Sets when the rows of this load begin to be valid.
    #[must_use]
    pub fn boundary_timestamp(mut self, moment: impl Into<String>) -> Self {
        self.boundary_timestamp = Some(moment.into());
        self
    }

    /// Looks whether the options can be meant.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the option, if a timestamp is none or a column has no name or that of another.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: String, hint: &str| Err(Error::new(ErrorKind::Config, what).hint(hint));
        let moments = [
            ("active_record_timestamp", &self.active_record_timestamp),
            ("boundary_timestamp", &self.boundary_timestamp),
        ];
        for (option, text) in moments {
            if let Some(text) = text.as_deref().filter(|text| *text != NONE && instant_of(text).is_none()) {
                let hint = "write a date or a moment, as 9999-12-31 or 2024-01-31T12:00:00Z, or none";
                return refuse(format!("`{option}` is no timestamp: `{text}`"), hint);
            }
        }
        let names = self.validity_column_names.iter().flatten().chain(&self.row_version_column_name);
        let names: Vec<&str> = names.map(|name| name.trim()).collect();
        let is_twice = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        if is_twice || names.contains(&"") {
            return refuse(
                "begin and end of validity and the version of a row need a column each".to_owned(),
                "give each of them a name of its own",
            );
        }
        Ok(())
    }
}

/// The columns and moments by which a table keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions<'a> {
    /// Column of the begin of validity.
    pub valid_from: &'a str,
    /// Column of the end of validity.
    pub valid_to: &'a str,
    /// Column that has another value in another version of a row.
    pub row_version: &'a str,
    /// End of validity of rows that are valid now, in microseconds since 1970; `None`: null.
    pub active_micros: Option<i64>,
    /// When rows of a load begin to be valid, in microseconds since 1970; `None`: at the time of the load.
    pub boundary_micros: Option<i64>,
}

impl Versions<'_> {
    /// Whether versions are told apart by ids that are digests of the rows.
    pub(crate) fn are_digests(&self) -> bool {
        self.row_version == column_names::ID
    }
}

impl Table {
    /// How the table keeps versions, if it is merged by scd2.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the stored hints lack a column, or have a timestamp that is none.
    pub fn versions(&self) -> Result<Versions<'_>> {
        let refuse = |what: &str| {
            let what = format!("table `{}` is kept by scd2, and its schema {what}", self.name);
            Error::new(ErrorKind::Config, what).hint("declare the merge by scd2 again, or load into another table")
        };
        let column = |hint: &str| {
            let mut marked = self.columns.values().filter(|column| column.is(hint));
            marked.next().ok_or_else(|| refuse(&format!("has no column with the hint `{hint}`")))
        };
        let moment = |hint: &str, value: Option<&Value>| match value.filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => match moment_of(value) {
                Some(micros) => Ok(Some(micros)),
                None => Err(refuse(&format!("has no timestamp in `{hint}` but {value}"))),
            },
        };
        let valid_to = column(VALID_TO)?;
        Ok(Versions {
            valid_from: &column(VALID_FROM)?.name,
            valid_to: &valid_to.name,
            row_version: &column(ROW_VERSION)?.name,
            active_micros: moment(ACTIVE, valid_to.hints.get(ACTIVE))?,
            boundary_micros: moment(BOUNDARY, self.hints.get(BOUNDARY))?,
        })
    }

    /// Declares that the table keeps versions. Columns that it keeps them by already stay those.
    pub(crate) fn keep_versions(&mut self, options: &Scd2, naming: Naming) -> Result<()> {
        options.check()?;
        let [from, to] = match &options.validity_column_names {
            Some([from, to]) => [from.as_str(), to.as_str()],
            None => DEFAULT_VALIDITY,
        };
        let version = options.row_version_column_name.as_deref().unwrap_or(column_names::ID);
        let is_given = [options.validity_column_names.is_some(), options.row_version_column_name.is_some()];
        let from = self.marked(VALID_FROM, from, is_given[0], naming)?;
        let to = self.marked(VALID_TO, to, is_given[0], naming)?;
        let version = self.marked(ROW_VERSION, version, is_given[1], naming)?;
        for (name, hint) in [(&from, VALID_FROM), (&to, VALID_TO)] {
            let new = Column { nullable: true, ..Column::inferred(name, DataType::Timestamp) };
            let column = self.columns.entry(name.clone()).or_insert(new);
            column.data_type.get_or_insert(DataType::Timestamp);
            column.hints.insert(hint.to_owned(), true.into());
        }
        let text =
            |given: &Option<String>| given.clone().filter(|text| text != NONE).map_or(Value::Null, Value::String);
        if let Some(column) = self.columns.get_mut(&to) {
            column.hints.insert(ACTIVE.to_owned(), text(&options.active_record_timestamp));
        }
        if options.boundary_timestamp.is_some() {
            self.hints.insert(BOUNDARY.to_owned(), text(&options.boundary_timestamp));
        }
        let new = Column { name: version.clone(), data_type: None, nullable: false, hints: Default::default() };
        let column = self.columns.entry(version).or_insert(new);
        column.nullable = false;
        column.hints.insert(ROW_VERSION.to_owned(), true.into());
        // The same version may come back.
        column.hints.insert("unique".to_owned(), false.into());
        column.hints.insert("row_key".to_owned(), false.into());
        Ok(())
    }

    /// Name of the column with the hint; another one than that which has it already is refused.
    fn marked(&mut self, hint: &str, given: &str, is_told: bool, naming: Naming) -> Result<String> {
        let known = self.columns.values().find(|column| column.is(hint)).map(|column| column.name.clone());
        let Some(known) = known else { return Ok(self.claim_column(given, naming)) };
        if is_told && self.claim_column(given, naming) != known {
            let what =
                format!("table `{}` keeps versions of its rows by column `{known}`, not by `{given}`", self.name);
            return Err(Error::new(ErrorKind::Config, what)
                .hint(format!("name `{known}`, or leave the name out, or load into another table")));
        }
        Ok(known)
    }
}

/// Microseconds of a timestamp as schemas hold it: text, or seconds since 1970.
fn moment_of(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => instant_of(text),
        Value::Number(seconds) => {
            let micros = seconds.as_f64()? * 1e6;
            (micros.abs() < 2f64.powi(62)).then_some(micros.round() as i64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::WriteDisposition;
    use serde_json::json;

    fn declared(options: &Scd2) -> Table {
        let mut table = Table::root("t", "t", WriteDisposition::Merge);
        table.keep_versions(options, Naming::new(100)).unwrap();
        table
    }

    #[test]
    fn columns_of_validity_come_first_and_the_version_has_no_type_yet() {
        let table = declared(&Scd2::default());
        assert_eq!(table.columns.keys().collect::<Vec<_>>(), ["_dlt_valid_from", "_dlt_valid_to", "_dlt_id"]);
        let complete: Vec<_> = table.complete_columns().map(|(column, _)| column.name.as_str()).collect();
        assert_eq!(complete, ["_dlt_valid_from", "_dlt_valid_to"]);
        let versions = table.versions().unwrap();
        assert!(versions.are_digests() && versions.active_micros.is_none() && versions.boundary_micros.is_none());
    }

    #[test]
    fn options_become_hints_and_are_taken_back() {
        let options = Scd2::default()
            .row_version_column("rowVersion")
            .validity_columns("From", "to")
            .active_record_timestamp("9999-12-31")
            .boundary_timestamp("2024-01-02T03:04:05+02:00");
        let mut table = declared(&options);
        assert_eq!(
            table.versions().unwrap(),
            Versions {
                valid_from: "from",
                valid_to: "to",
                row_version: "row_version",
                active_micros: Some(253_402_214_400_000_000),
                boundary_micros: Some(1_704_157_445_000_000),
            }
        );
        // The boundary holds until it is taken back; rows are valid now as the last declaration says.
        table.keep_versions(&Scd2::default(), Naming::new(100)).unwrap();
        let versions = table.versions().unwrap();
        assert_eq!((versions.valid_from, versions.active_micros), ("from", None));
        assert_eq!(versions.boundary_micros, Some(1_704_157_445_000_000));
        table.keep_versions(&Scd2::default().boundary_timestamp("none"), Naming::new(100)).unwrap();
        assert_eq!(table.versions().unwrap().boundary_micros, None);
        assert_eq!(table.hints[BOUNDARY], json!(null));
    }

    #[test]
    fn other_columns_than_those_in_use_are_refused() {
        let mut table = declared(&Scd2::default());
        for options in [Scd2::default().row_version_column("v"), Scd2::default().validity_columns("a", "b")] {
            let error = table.keep_versions(&options, Naming::new(100)).unwrap_err();
            assert!(error.to_string().starts_with("table `t` keeps versions of its rows by column `_dlt_"), "{error}");
        }
        let again = Scd2::default().validity_columns("_dlt_valid_from", "_dlt_valid_to").row_version_column("_dlt_id");
        table.keep_versions(&again, Naming::new(100)).unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for options in [
            Scd2::default().boundary_timestamp("yesterday"),
            Scd2::default().active_record_timestamp(""),
            Scd2::default().validity_columns("a", "a"),
            Scd2::default().validity_columns("a", "b").row_version_column("b"),
            Scd2::default().row_version_column(" "),
        ] {
            assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Config, "{options:?}");
        }
    }

    #[test]
    fn stored_hints_are_read_or_refused() {
        let mut table = declared(&Scd2::default());
        table.hints.insert(BOUNDARY.to_owned(), json!(1_704_157_445.5));
        assert_eq!(table.versions().unwrap().boundary_micros, Some(1_704_157_445_500_000));
        table.hints.insert(BOUNDARY.to_owned(), json!("soon"));
        assert!(table.versions().unwrap_err().to_string().contains("no timestamp in `x-boundary-timestamp`"));
        let error = Table::root("t", "t", WriteDisposition::Merge).versions().unwrap_err();
        assert!(error.to_string().contains("no column with the hint `x-valid-to`"), "{error}");
    }
}
