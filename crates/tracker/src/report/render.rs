//! The report for a terminal.

use std::fmt;

use super::{Report, Share};
use crate::projects::DEFAULT;

/// Most days of events that are deleted.
const MAX_DAYS: usize = 31;
/// Longest name that is shown whole, in characters.
const MAX_CHARS: usize = 60;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.first_event, &self.last_event) {
            (Some(first), Some(last)) => {
                let events = if self.total == 1 { "event" } else { "events" };
                writeln!(f, "{} {events} from {first} to {last}", self.total)?;
            }
            _ => writeln!(f, "No events yet")?,
        }
        if let Some(as_of) = &self.as_of {
            writeln!(f, "Counted at {as_of}: events keep coming, and to count them anew takes longer than a moment")?;
        }
        let [day, week, month] = self.active_by_window;
        writeln!(f, "Active ids: {day} in a day, {week} in 7 days, {month} in 30 days, {} in all", self.active_ids)?;
        writeln!(f, "From CI: {}   from containers: {}", percent(self.ci_share), percent(self.container_share))?;

        if self.projects.iter().any(|project| project.value.as_deref() != Some(DEFAULT)) {
            table(f, &["PROJECT", "COUNT", "SHARE"], lines(&self.projects))?;
            self.write_more(f, "projects")?;
        }

        let rows = self.events.iter().map(|event| {
            vec![
                shown(&event.event),
                event.count.to_string(),
                event.active_ids.to_string(),
                percent(event.success_share),
                seconds(event.p50_seconds),
                seconds(event.p95_seconds),
            ]
        });
        table(f, &["EVENT", "COUNT", "IDS", "SUCCESS", "P50", "P95"], rows.collect())?;
        self.write_more(f, "events")?;

        let rows = self.versions.iter().map(|version| {
            let library = version.library.as_deref().unwrap_or("(none)");
            vec![
                shown(&format!("{library} {}", version.version.as_deref().unwrap_or_default())),
                version.count.to_string(),
                version.active_ids.to_string(),
            ]
        });
        table(f, &["LIBRARY", "COUNT", "IDS"], rows.collect())?;
        self.write_more(f, "versions")?;
        table(f, &["PLATFORM", "COUNT", "SHARE"], lines(&self.platforms))?;
        self.write_more(f, "platforms")?;
        table(f, &["DESTINATION", "COUNT", "SHARE"], lines(&self.destinations))?;
        self.write_more(f, "destinations")?;
        table(f, &["QUARANTINED BECAUSE", "COUNT", "SHARE"], lines(&self.quarantine))?;
        if let Some(before) = &self.expired_before {
            let day = before.get(..10).unwrap_or(before);
            let of_one = if self.projects.len() > 1 { " of one project at least" } else { "" };
            writeln!(
                f,
                "\nEvents{of_one} that arrived before {day} are deleted and in none of these figures; what was counted of them:"
            )?;
        }
        let days = self.earlier.iter().take(MAX_DAYS);
        let rows = days.map(|day| vec![day.day.clone(), day.count.to_string(), day.active_ids.to_string()]);
        table(f, &["DAY", "COUNT", "IDS"], rows.collect())?;
        if self.earlier.len() > MAX_DAYS {
            writeln!(f, "and {} earlier days: --format json has them", self.earlier.len() - MAX_DAYS)?;
        }
        self.write_more(f, "earlier")?;
        writeln!(f, "\nLedger: {}", self.ledger)
    }
}

impl Report {
    fn write_more(&self, f: &mut fmt::Formatter<'_>, list: &str) -> fmt::Result {
        self.more.get(list).map_or(Ok(()), |more| writeln!(f, "and {more} more"))
    }
}

fn lines(shares: &[Share]) -> Vec<Vec<String>> {
    let line = |share: &Share| {
        let value = shown(share.value.as_deref().unwrap_or("(none)"));
        vec![value, share.count.to_string(), percent(Some(share.share))]
    };
    shares.iter().map(line).collect()
}

/// Replaces control characters, which could control the terminal, and cuts what is long.
fn shown(text: &str) -> String {
    let text = text.trim_end();
    let is_long = text.chars().nth(MAX_CHARS).is_some();
    let kept = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    kept.take(if is_long { MAX_CHARS - 1 } else { MAX_CHARS }).chain(is_long.then_some('…')).collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3} s"))
}

/// A table, its first column aligned left and the others right; nothing where there are no rows.
fn table(f: &mut fmt::Formatter<'_>, heads: &[&str], rows: Vec<Vec<String>>) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&heads]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    writeln!(f)?;
    for row in [&heads].into_iter().chain(&rows) {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column == 0 {
                write!(f, "{cell:<width$}")?;
            } else {
                write!(f, "  {cell:>width$}")?;
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::EventSummary;
    use super::*;

    #[test]
    fn a_report_reads_well_and_is_safe_for_a_terminal() {
        let event = EventSummary {
            event: "bad\u{1b}[2Jname".to_owned(),
            count: 1200,
            active_ids: 3,
            success_share: Some(0.975),
            p50_seconds: Some(1.5),
            p95_seconds: None,
        };
        let report =
            Report { events: vec![event], total: 1200, more: [("events".to_owned(), 7)].into(), ..Report::default() };
        let text = report.to_string();
        assert!(text.contains("\nand 7 more\n"), "{text}");
        assert_eq!(shown(&"n".repeat(60)), "n".repeat(60));
        assert_eq!(shown(&"n".repeat(61)), "n".repeat(59) + "…");
        assert!(!text.contains('\u{1b}'));
        assert!(
            text.contains(
                "EVENT        COUNT  IDS  SUCCESS      P50  P95\nbad\u{FFFD}[2Jname   1200    3   97.5 %  1.500 s    -"
            ),
            "{text}"
        );
        assert!(
            text.ends_with(
                "Ledger: accepted 0 = loaded 0 + quarantined 0 + deduplicated 0 + deleted 0 + in journal 0\n"
            )
        );
    }
}
