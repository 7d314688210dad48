//! What the fields of a file mean, by what the person says of them: which are null, how numbers and dates are written.

use super::super::date_format::{Day, parse_day};
use super::super::options::CsvOptions;
use super::kind::{Candidates, Kind};
use dlt_engine::naming::Naming;
use std::borrow::Cow;

/// How fields are read.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    null_words: Vec<String>,
    decimal_comma: bool,
    date_format: Option<String>,
    /// In the form of the dataset.
    text_columns: Vec<String>,
    all_text: bool,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// As the text shows it.
    Plain(Kind),
    /// A day in the format that was given.
    Date,
    /// A moment in the format that was given.
    Moment,
}

/// The types that fit every value of a column seen so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    plain: Candidates,
    is_empty: bool,
    is_text: bool,
    is_date: bool,
    is_moment: bool,
}

impl Values {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        let naming = Naming::new(usize::MAX);
        Self {
            null_words: options.null_words.clone(),
            decimal_comma: options.decimal_comma,
            date_format: options.date_format.clone(),
            text_columns: options.text_columns.iter().map(|name| naming.identity(name)).collect(),
            all_text: options.text_columns.iter().any(|name| name == "*"),
        }
    }

    /// Whether the field stands for no value.
    pub(crate) fn is_null(&self, field: &str) -> bool {
        field.is_empty() || (!self.null_words.is_empty() && self.null_words.iter().any(|word| word == field))
    }

    /// The types of a column before its values are seen.
    pub(crate) fn begin(&self, column: &str) -> Seen {
        let has_format = self.date_format.is_some();
        let is_text = self.all_text || self.text_columns.iter().any(|name| name == column);
        Seen { plain: Candidates::default(), is_empty: true, is_text, is_date: has_format, is_moment: has_format }
    }

    /// Looks at one field.
    pub(crate) fn see(&self, seen: &mut Seen, field: &str) {
        if self.is_null(field) {
            return;
        }
        seen.is_empty = false;
        if seen.is_text {
            return;
        }
        if seen.is_date || seen.is_moment {
            let day = self.day(field);
            seen.is_date &= matches!(day, Some(Day::Date(_)));
            seen.is_moment &= matches!(day, Some(Day::Moment(_)));
        }
        seen.plain.see(&self.number(field));
    }

    /// A number as it is written without a decimal comma; anything else as it is.
    pub(crate) fn number<'a>(&self, field: &'a str) -> Cow<'a, str> {
        if !self.decimal_comma { Cow::Borrowed(field) } else { with_point(field) }
    }

    /// The value in the format that was given.
    pub(crate) fn day(&self, field: &str) -> Option<Day> {
        parse_day(self.date_format.as_deref()?, field)
    }

    /// Columns that were to stay text and are not there.
    pub(crate) fn unknown_text_columns<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let names = self.text_columns.iter().map(String::as_str);
        names.filter(|name| !self.all_text && !known.contains(name))
    }
}

impl Seen {
    /// The type to use; `None` if no value was seen.
    pub(crate) fn kind(&self) -> Option<ColumnKind> {
        match self {
            Self { is_empty: true, .. } => None,
            Self { is_text: true, .. } => Some(ColumnKind::Plain(Kind::Text)),
            Self { is_date: true, .. } => Some(ColumnKind::Date),
            Self { is_moment: true, .. } => Some(ColumnKind::Moment),
            Self { plain, .. } => plain.kind().map(ColumnKind::Plain),
        }
    }
}

/// `1.234,5` as `1234.5`. What has a point that is not between thousands is no number.
fn with_point(field: &str) -> Cow<'_, str> {
    let unsigned = field.strip_prefix('-').unwrap_or(field);
    let (whole, decimals) = match unsigned.split_once(',') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split('.');
    let first = groups.next().unwrap_or_default();
    let has_groups = whole.contains('.');
    let is_whole = is_digits(first)
        && (!has_groups || first.len() <= 3 && !first.starts_with('0'))
        && groups.all(|group| group.len() == 3 && is_digits(group));
    // An exponent may follow the decimals.
    let is_fraction = decimals
        .is_none_or(|text| text.starts_with(|letter: char| letter.is_ascii_digit()) && !text.contains(['.', ',']));
    if is_whole && is_fraction && (has_groups || decimals.is_some()) {
        return Cow::Owned(field.replace('.', "").replace(',', "."));
    }
    let is_other_number = unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.')
        && field.parse::<f64>().is_ok()
        && field.contains('.');
    // Nothing that is a number, a flag or a moment.
    if is_other_number { Cow::Borrowed("?") } else { Cow::Borrowed(field) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(change: fn(&mut CsvOptions), fields: &[&str]) -> Option<ColumnKind> {
        let mut options = CsvOptions::default();
        change(&mut options);
        let values = Values::new(&options);
        let mut seen = values.begin("zip_code");
        fields.iter().for_each(|field| values.see(&mut seen, field));
        seen.kind()
    }

    #[test]
    fn a_column_is_what_all_of_its_fields_are() {
        let plain = |kind| Some(ColumnKind::Plain(kind));
        let comma: fn(&mut CsvOptions) = |options| options.decimal_comma = true;
        assert_eq!(kind(comma, &["1,5", "-1.234,25", "7"]), plain(Kind::Double));
        assert_eq!(kind(comma, &["1.234", "12.345.678", "7"]), plain(Kind::Bigint));
        assert_eq!(kind(comma, &["1.5"]), plain(Kind::Text));
        assert_eq!(kind(comma, &["1,5", "1.5"]), plain(Kind::Text));
        assert_eq!(kind(comma, &["0.123"]), plain(Kind::Text));
        assert_eq!(kind(comma, &["true"]), plain(Kind::Bool));
        assert_eq!(kind(comma, &["2024-01-02T03:04:05,5Z"]), plain(Kind::Timestamp));
        let nulls: fn(&mut CsvOptions) = |options| options.null_words = vec!["NA".into(), "-".into()];
        assert_eq!(kind(nulls, &["NA", "-", ""]), None);
        assert_eq!(kind(nulls, &["NA", "-", "5"]), plain(Kind::Bigint));
        assert_eq!(kind(nulls, &["na", "5"]), plain(Kind::Text));
        let dates: fn(&mut CsvOptions) = |options| options.date_format = Some("%d.%m.%Y".into());
        assert_eq!(kind(dates, &["31.12.2024", "1.2.2023"]), Some(ColumnKind::Date));
        assert_eq!(kind(dates, &["31.12.2024", "31.13.2024"]), plain(Kind::Text));
        assert_eq!(kind(dates, &["1", "2"]), plain(Kind::Bigint));
        let moments: fn(&mut CsvOptions) = |options| options.date_format = Some("%d.%m.%Y %H:%M".into());
        assert_eq!(kind(moments, &["31.12.2024 10:30"]), Some(ColumnKind::Moment));
        assert_eq!(kind(moments, &["31.12.2024"]), plain(Kind::Text));
        assert_eq!(kind(|options| options.text_columns = vec!["Zip Code".into()], &["1"]), plain(Kind::Text));
        assert_eq!(kind(|options| options.text_columns = vec!["*".into()], &["1"]), plain(Kind::Text));
    }

    #[test]
    fn numbers_lose_their_comma() {
        let cases = [
            ("1,5", "1.5"),
            ("-1.234,50", "-1234.50"),
            ("1,5e3", "1.5e3"),
            ("1,2,3", "1,2,3"),
            ("a,b", "a,b"),
            ("1.23", "?"),
            ("1,", "1,"),
        ];
        for (field, number) in cases {
            assert_eq!(with_point(field), number, "{field}");
        }
    }
}
