//! Medians, the verdict, and the file that the benchmark leaves.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{
    Contender, LEAST_LOADED, LEAST_SHARE, LONGEST_REPORT, MOST_BYTES, OFFERED, Sample, Sustained, WORKS, Work,
};
use crate::workspace::Workspace;

/// One run in one line.
pub(super) fn line(sample: &Sample) -> String {
    let mut line = format!(
        "{:<15} {:<26} {:>8.0} events/s  p50 {:>6.2} ms  p99 {:>7.2} ms  {:>5.1} µs/event  peak {:>4} MB",
        sample.work.title,
        sample.contender.title(),
        sample.events_a_second(),
        sample.told.p50,
        sample.told.p99,
        sample.cpu_micros_an_event(),
        sample.cost.peak_bytes / 1_000_000,
    );
    if let Some(loaded) = sample.loaded {
        let _ = write!(line, " ({} MB anonymous now), {loaded} loaded", sample.cost.anonymous_bytes / 1_000_000);
    }
    line
}

/// Writes `bench/results/tracker.md`, and prints it.
pub(super) fn write(workspace: &Workspace, samples: &[Sample], sustained: Option<&Sustained>) -> Result<()> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!("{cores} cores, wrk on the same ones; medians\n\n");
    if !samples.is_empty() {
        text.push_str(&rates(samples));
    }
    if let Some(sustained) = sustained {
        text.push_str(&loading(sustained));
    }
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/tracker.md"), &text)?;
    println!("\n{text}");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Medians of one contender at one work.
struct Row {
    rate: f64,
    p50: f64,
    p99: f64,
    cpu_micros: f64,
    peak_bytes: f64,
}

fn row(samples: &[Sample], contender: Contender, work: Work) -> Option<Row> {
    let of: Vec<&Sample> = samples.iter().filter(|one| one.contender == contender && one.work == work).collect();
    let median = |value: fn(&Sample) -> f64| median(of.iter().map(|sample| value(sample)).collect());
    (!of.is_empty()).then(|| Row {
        rate: median(Sample::events_a_second),
        p50: median(|sample| sample.told.p50),
        p99: median(|sample| sample.told.p99),
        cpu_micros: median(Sample::cpu_micros_an_event),
        peak_bytes: median(|sample| sample.cost.peak_bytes as f64),
    })
}

fn rates(samples: &[Sample]) -> String {
    let mut text =
        "| work | server | events a second | × fsync | p50, ms | p99, ms | processor, µs an event | peak MB |\n\
                    |---|---|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    let mut verdicts = String::new();
    for work in WORKS {
        let fsync = row(samples, Contender::Fsync, work).map(|row| row.rate);
        for contender in Contender::ALL {
            let Some(row) = row(samples, contender, work) else { continue };
            let share = fsync.map(|fsync| row.rate / fsync);
            let _ = writeln!(
                text,
                "| {}, {} connections | {} | {:.0} | {} | {:.2} | {:.2} | {:.1} | {:.0} |",
                work.title,
                work.connections,
                contender.title(),
                row.rate,
                share.map_or(String::new(), |share| format!("{share:.2}")),
                row.p50,
                row.p99,
                row.cpu_micros,
                row.peak_bytes / 1e6
            );
            if contender == Contender::Tracker {
                let p99 = work.p99.as_secs_f64() * 1e3;
                if let Some(share) = share {
                    verdict(
                        &mut verdicts,
                        share >= LEAST_SHARE,
                        &format!("{}: at least {LEAST_SHARE} × fsync", work.title),
                    );
                }
                verdict(&mut verdicts, row.p99 < p99, &format!("{}: p99 under {p99:.0} ms", work.title));
                let is_small = row.peak_bytes <= MOST_BYTES as f64;
                verdict(&mut verdicts, is_small, &format!("{}: at most {} MiB", work.title, MOST_BYTES >> 20));
            }
        }
    }
    format!("{text}\n{verdicts}\n")
}

fn loading(sustained: &Sustained) -> String {
    let rate = sustained.loaded as f64 / sustained.seconds;
    let longest = sustained.reports.iter().max().copied().unwrap_or_default();
    let reports = sustained.reports.iter().map(Duration::as_secs_f64).collect();
    let mut text = format!(
        "Batches at {OFFERED} events a second for {:.0} s: {:.0} came and {rate:.0} a second became queryable; {} waited at the end. \
         p50 {:.2} ms, p99 {:.2} ms; {:.1} µs of processor an event; peak {} MB.\n\
         {} reports meanwhile: median {:.3} s, longest {:.3} s.\n\n",
        sustained.seconds,
        sustained.accepted as f64 / sustained.seconds,
        sustained.accepted.saturating_sub(sustained.loaded),
        sustained.told.p50,
        sustained.told.p99,
        sustained.cost.cpu_seconds * 1e6 / sustained.loaded.max(1) as f64,
        sustained.cost.peak_bytes / 1_000_000,
        sustained.reports.len(),
        median(reports),
        longest.as_secs_f64(),
    );
    verdict(&mut text, rate >= LEAST_LOADED, &format!("at least {LEAST_LOADED:.0} events a second become queryable"));
    let asked = format!("a report takes at most {} s", LONGEST_REPORT.as_secs());
    verdict(&mut text, longest <= LONGEST_REPORT, &asked);
    verdict(&mut text, sustained.cost.peak_bytes <= MOST_BYTES, &format!("at most {} MiB", MOST_BYTES >> 20));
    text
}

fn verdict(text: &mut String, is_held: bool, asked: &str) {
    let _ = writeln!(text, "- {asked}: {}", if is_held { "held" } else { "**missed**" });
}
