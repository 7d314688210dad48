//! What is new, as a condition for the database.
//!
//! It may let through more than what is new, and never less: the engine's filter behind it has the last word. A bound that
//! cannot be written in the database's terms is left to that filter.

use crate::parse;
use crate::statement::Dialect;
use crate::table::{Kind, SqlColumn};
use dlt_engine::incremental::{Bound, Incremental, LastValue, OnMissing, RangeTexts, RowOrder};

/// Microseconds that a time in text may be away from its moment by its offset, and more.
const ANY_OFFSET: i64 = parse::DAY;

/// The condition that rows of the range meet; `None` if all are to be read.
pub(crate) fn condition(
    dialect: Dialect,
    column: &SqlColumn,
    incremental: &Incremental,
    range: &RangeTexts,
) -> Option<String> {
    let name = dialect.quote(&column.name);
    let ordered = dialect.ordered(&name, column.kind);
    let is_max = incremental.last_value_func == LastValue::Max;
    let compare = |text: &Option<String>, is_start: bool, is_closed: bool| {
        let goes_up = is_start == is_max;
        let literal = literal(dialect, column.kind, text.as_ref()?, goes_up)?;
        let operator = match (goes_up, is_closed) {
            (true, true) => ">=",
            (true, false) => ">",
            (false, true) => "<=",
            (false, false) => "<",
        };
        Some(format!("{ordered} {operator} {literal}"))
    };
    // Texts of one moment are many: at its bounds the engine looks closely.
    let is_loose = dialect == Dialect::Sqlite && matches!(column.kind, Kind::Timestamp | Kind::Instant);
    let start = compare(&range.start, true, is_loose || incremental.range_start == Bound::Closed);
    let end = compare(&range.end, false, is_loose || incremental.range_end == Bound::Closed);
    let bounds: Vec<String> = start.into_iter().chain(end).collect();
    let leaves_nulls_out = incremental.on_cursor_value_missing == OnMissing::Exclude;
    if bounds.is_empty() {
        return (leaves_nulls_out && column.is_nullable).then(|| format!("{name} IS NOT NULL"));
    }
    let mut condition = bounds.join(" AND ");
    if dialect == Dialect::Sqlite {
        // A value of another type is the engine's to judge. Nulls are one.
        let own = match column.kind {
            Kind::Int | Kind::Double | Kind::Decimal(..) => "('integer', 'real')",
            _ => "('text')",
        };
        condition = format!("{condition} OR typeof({name}) NOT IN {own}");
        if leaves_nulls_out {
            condition = format!("({condition}) AND {name} IS NOT NULL");
        }
    } else if column.is_nullable && !leaves_nulls_out {
        condition = format!("{condition} OR {name} IS NULL");
    }
    Some(condition)
}

/// `ORDER BY` for a cursor whose order was asked for.
pub(crate) fn order(dialect: Dialect, column: &SqlColumn, incremental: &Incremental) -> Option<String> {
    let is_ascending = (incremental.row_order? == RowOrder::Asc) == (incremental.last_value_func == LastValue::Max);
    Some(dialect.order(&dialect.quote(&column.name), column.kind, is_ascending))
}

/// A bound in SQL; `None` if the column's type has no such value.
fn literal(dialect: Dialect, kind: Kind, text: &str, goes_up: bool) -> Option<String> {
    match kind {
        Kind::Int | Kind::Double | Kind::Decimal(..) => {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            (is_number && text.parse::<f64>().is_ok_and(f64::is_finite)).then(|| text.to_owned())
        }
        Kind::Text => {
            let literal = dialect.text(text)?;
            Some(if dialect == Dialect::Mysql { format!("CAST({literal} AS BINARY)") } else { literal })
        }
        Kind::Date => {
            let days = parse::date(text).or_else(|| {
                let days = parse::timestamp(text)?.div_euclid(parse::DAY);
                i32::try_from(days).ok()
            })?;
            let day = civil(i64::from(days) * parse::DAY)?;
            Some(typed(dialect, "DATE", &day[..10]))
        }
        Kind::Timestamp | Kind::Instant => {
            let micros = parse::timestamp(text)?;
            if dialect == Dialect::Sqlite {
                let loose = if goes_up { micros.checked_sub(ANY_OFFSET) } else { micros.checked_add(2 * ANY_OFFSET) }?;
                return Some(format!("'{}'", &civil(loose)?[..10]));
            }
            let moment = civil(micros)?;
            Some(match (dialect, kind) {
                (Dialect::Postgres | Dialect::DuckDb, Kind::Instant) => format!("TIMESTAMPTZ '{moment}+00'"),
                _ => typed(dialect, "TIMESTAMP", &moment),
            })
        }
        _ => None,
    }
}

fn typed(dialect: Dialect, word: &str, text: &str) -> String {
    if dialect == Dialect::Sqlite { format!("'{text}'") } else { format!("{word} '{text}'") }
}

/// `2024-01-31 13:14:15.123456` of microseconds since 1970; `None` beyond the years of four digits.
fn civil(micros: i64) -> Option<String> {
    let (days, clock) = (micros.div_euclid(parse::DAY) + 719_468, micros.rem_euclid(parse::DAY));
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (400 * era + year_of_era, month + 3) } else { (400 * era + year_of_era + 1, month - 9) };
    let (seconds, micros) = (clock / 1_000_000, clock % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn range(start: &str, end: Option<&str>) -> RangeTexts {
        RangeTexts { start: Some(start.to_owned()), end: end.map(str::to_owned), ..RangeTexts::default() }
    }

    fn column(kind: Kind, is_nullable: bool) -> SqlColumn {
        SqlColumn { is_nullable, ..SqlColumn::new("c", kind) }
    }

    #[test]
    fn ranges_become_conditions() {
        let plain = Incremental::new("c");
        let int = column(Kind::Int, false);
        let told = |dialect, column: &SqlColumn, incremental: &Incremental, range: &RangeTexts| {
            condition(dialect, column, incremental, range)
        };
        let postgres = Dialect::Postgres;
        assert_eq!(told(postgres, &int, &plain, &RangeTexts::default()), None);
        assert_eq!(told(postgres, &int, &plain, &range("5", None)).unwrap(), "\"c\" >= 5");
        assert_eq!(told(postgres, &int, &plain, &range("5", Some("9"))).unwrap(), "\"c\" >= 5 AND \"c\" < 9");
        let open = plain.clone().range(Bound::Open, Bound::Closed);
        assert_eq!(told(postgres, &int, &open, &range("5", Some("9"))).unwrap(), "\"c\" > 5 AND \"c\" <= 9");
        let min = plain.clone().last_value_func(LastValue::Min);
        assert_eq!(told(postgres, &int, &min, &range("5", None)).unwrap(), "\"c\" <= 5");
        let nullable = column(Kind::Int, true);
        assert_eq!(told(postgres, &nullable, &plain, &range("5", None)).unwrap(), "\"c\" >= 5 OR \"c\" IS NULL");
        let exclude = plain.clone().on_cursor_value_missing(OnMissing::Exclude);
        assert_eq!(told(postgres, &nullable, &exclude, &range("5", None)).unwrap(), "\"c\" >= 5");
        assert_eq!(told(postgres, &nullable, &exclude, &RangeTexts::default()).unwrap(), "\"c\" IS NOT NULL");
        assert_eq!(
            told(Dialect::Sqlite, &int, &plain, &range("5", None)).unwrap(),
            "\"c\" >= 5 OR typeof(\"c\") NOT IN ('integer', 'real')"
        );
    }

    #[test]
    fn bounds_are_written_safely_or_left_to_the_engine() {
        let text = |dialect, kind, text: &str| literal(dialect, kind, text, true);
        assert_eq!(text(Dialect::Postgres, Kind::Int, "1; DROP TABLE x"), None);
        assert_eq!(text(Dialect::Postgres, Kind::Double, "1e16").as_deref(), Some("1e16"));
        assert_eq!(text(Dialect::Postgres, Kind::Text, "x' OR '1").as_deref(), Some("'x'' OR ''1'"));
        assert_eq!(text(Dialect::Postgres, Kind::Date, "2024-02-29").as_deref(), Some("DATE '2024-02-29'"));
        assert_eq!(
            text(Dialect::Postgres, Kind::Instant, "2024-01-01T00:00:00.5+02:00").as_deref(),
            Some("TIMESTAMPTZ '2023-12-31 22:00:00.500000+00'")
        );
        assert_eq!(
            text(Dialect::Mysql, Kind::Timestamp, "1969-12-31T23:59:59").as_deref(),
            Some("TIMESTAMP '1969-12-31 23:59:59.000000'")
        );
        assert_eq!(text(Dialect::Sqlite, Kind::Timestamp, "2024-03-01T10:00:00").as_deref(), Some("'2024-02-29'"));
        assert_eq!(text(Dialect::Postgres, Kind::Instant, "soon"), None);
        assert_eq!(text(Dialect::Postgres, Kind::Binary, "x"), None);
    }

    #[test]
    fn the_order_is_the_one_in_which_reading_may_stop() {
        let int = column(Kind::Int, false);
        let ordered = |order, later| {
            let incremental = Incremental::new("c").row_order(order).last_value_func(later);
            super::order(Dialect::DuckDb, &int, &incremental).unwrap()
        };
        assert_eq!(ordered(RowOrder::Asc, LastValue::Max), "\"c\" ASC NULLS FIRST");
        assert_eq!(ordered(RowOrder::Asc, LastValue::Min), "\"c\" DESC NULLS FIRST");
        assert_eq!(super::order(Dialect::DuckDb, &int, &Incremental::new("c")), None);
    }
}
