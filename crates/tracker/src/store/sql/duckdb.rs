//! DuckDB's words for the questions of the dashboard.
//!
//! Nothing here needs the extension for time zones, which a bundled DuckDB does not have.

use crate::store::Dialect;

pub(super) struct DuckDbDialect;

impl Dialect for DuckDbDialect {
    fn literal(&self, text: &str) -> String {
        super::literal(text)
    }

    fn moment(&self, micros: i64) -> String {
        format!("TIMESTAMPTZ '{}'", instant(micros))
    }

    fn day(&self) -> &'static str {
        "(epoch_us(timestamp) // 86400000000)"
    }

    fn date(&self, day: &str) -> String {
        format!("(DATE '1970-01-01' + {day}::INTEGER)")
    }

    fn quotient(&self, dividend: &str, divisor: u32) -> String {
        format!("({dividend} // {divisor})")
    }

    fn quantile(&self, share: f64) -> String {
        format!("quantile_cont(elapsed, {share})")
    }

    fn runs_in(&self, words: &[&str]) -> String {
        format!("regexp_matches(exec_info, '(^|,)({})(,|$)')", words.join("|"))
    }

    fn words_of_exec_info(&self) -> &'static str {
        ", unnest(string_split(exec_info, ',')) AS words(word)"
    }

    fn property(&self, name: &str) -> String {
        format!("json_extract_string(properties, {})", super::literal(&format!("$.{name}")))
    }

    fn written(&self, column: &str) -> String {
        format!("strftime(make_timestamp(epoch_us({column})), '%Y-%m-%d %H:%M:%S')")
    }

    fn dropped(&self) -> &'static str {
        "CAST(coalesce(sum(list_sum(list_transform(regexp_extract_all(client_dropped, ':([0-9]+)', 1), \
         lambda x: x::BIGINT))), 0) AS BIGINT)"
    }
}

fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(crate::event::formatted).unwrap_or_default()
}
