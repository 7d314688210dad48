//! The tracker's numbers, read from its report and from its tables, and held to each other.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How many versions of programs the report has heard of.
pub(super) fn versions(report: &str) -> Result<usize> {
    Ok(parsed(report)?["versions"].as_array().map_or(0, Vec::len))
}

/// Fails unless the report and the table count the same events, and the ledger adds up to as many.
///
/// `report` is what `dlt tracker report --format json` printed, `rows` are lines of JSON with `event` and `count`.
pub(super) fn agree(report: &str, rows: &str) -> Result<()> {
    let report = parsed(report)?;
    let reported = counts(report["events"].as_array().context("the report lists no events")?.iter())?;
    let lines: Vec<Value> = rows.lines().map(parsed).collect::<Result<_>>()?;
    let counted = counts(lines.iter())?;
    if reported != counted {
        bail!("the report and the table count differently:\n  report {reported:?}\n  table  {counted:?}");
    }
    let ledger = &report["ledger"];
    let total: u64 = reported.values().sum();
    let places = ["loaded", "quarantined", "deduplicated", "deleted", "in_journal"];
    let sum: u64 = places.iter().filter_map(|place| ledger[place].as_u64()).sum();
    if ledger["loaded"] != total || ledger["accepted"] != sum {
        bail!("the ledger does not add up: {ledger}, while {total} events are in the table");
    }
    Ok(())
}

fn parsed(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("not JSON: {text}"))
}

fn counts<'a>(events: impl Iterator<Item = &'a Value>) -> Result<BTreeMap<String, u64>> {
    let pairs = events.map(|event| {
        let name = event["event"].as_str().with_context(|| format!("an event without a name: {event}"))?;
        let count = event["count"].as_u64().with_context(|| format!("an event without a count: {event}"))?;
        Ok((name.to_owned(), count))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"events":[{"event":"a","count":2},{"event":"b","count":1}],"versions":[{},{}],
        "ledger":{"accepted":4,"loaded":3,"quarantined":1,"deduplicated":0,"deleted":0,"in_journal":0}}"#;

    #[test]
    fn equal_numbers_agree_in_any_order() {
        agree(REPORT, "{\"event\":\"b\",\"count\":1}\n{\"event\":\"a\",\"count\":2}\n").unwrap();
        assert_eq!(versions(REPORT).unwrap(), 2);
    }

    #[test]
    fn one_event_more_or_less_is_told() {
        let error = agree(REPORT, "{\"event\":\"a\",\"count\":2}").unwrap_err().to_string();
        assert!(error.contains("count differently"), "{error}");
    }

    #[test]
    fn a_ledger_that_does_not_add_up_is_told() {
        let lost = REPORT.replace("\"accepted\":4", "\"accepted\":5");
        let error = agree(&lost, "{\"event\":\"b\",\"count\":1}\n{\"event\":\"a\",\"count\":2}").unwrap_err();
        assert!(error.to_string().contains("does not add up"), "{error}");
    }
}
