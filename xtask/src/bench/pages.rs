//! `cargo xtask bench pages`: how long each page of the dashboard takes, whole and over HTTP, of events of a year.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use dlt_testkit::Client;
use serde_json::{Value, json};

use super::random::Random;
use super::tracker::server::{self, Server};
use crate::workspace::Workspace;
use crate::{binary, process};

/// What a page may take.
const LONGEST: Duration = Duration::from_millis(200);
/// Events of a request.
const BATCH: u64 = 500;
/// Events of a run of a program.
const OF_A_RUN: u64 = 4;
const YEAR_SECONDS: u64 = 365 * 24 * 3600;
/// What is asked of each page, beside its name.
const QUERIES: [(&str, &str); 4] =
    [("30 days", ""), ("a year", "?range=1y"), ("all time", "?range=all"), ("a year without CI", "?range=1y&ci=no")];
/// A page, and a table of it.
const PAGES: [(&str, &str); 7] = [
    ("overview", "active"),
    ("versions", "versions"),
    ("commands", "durations"),
    ("environments", "os"),
    ("retention", "retention"),
    ("quarantine", "reasons"),
    ("live", "latest"),
];

struct Plan {
    events: u64,
    rounds: usize,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        let mut plan = Plan { events: 1_000_000, rounds: 5 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let number = words.next().with_context(|| format!("{word} needs a number"))?;
                number.parse().with_context(|| format!("{word} {number} is not a number"))
            };
            match *word {
                "--events" => plan.events = number()?,
                "--rounds" => plan.rounds = usize::try_from(number()?)?,
                other => bail!("bench pages knows --events N and --rounds N, and not {other}"),
            }
        }
        if plan.rounds == 0 || plan.events < BATCH {
            bail!("at least one round and {BATCH} events are needed to measure anything");
        }
        Ok(plan)
    }
}

/// How long a page took.
struct Row {
    page: &'static str,
    title: &'static str,
    /// As HTML, JSON and CSV.
    taken: [Vec<Duration>; 3],
    /// Of the tracker, for one answer.
    cpu_seconds: f64,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let plan = Plan::read(words)?;
    let dlt = binary::chosen(workspace)?;
    let work = workspace.path("bench/data/pages");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let tracker = Server::tracker(&dlt, &work)?;
    send(tracker.address(), plan.events)?;
    let begun = Instant::now();
    while tracker.ledger()?.loaded < plan.events {
        if begun.elapsed() > Duration::from_secs(600) {
            bail!("only {} of {} events are loaded", tracker.ledger()?.loaded, plan.events);
        }
        thread::sleep(Duration::from_millis(200));
    }
    let token = token(&dlt, &work)?;
    let mut rows = Vec::new();
    for (page, table) in PAGES {
        for (title, query) in QUERIES {
            let name = if page == "overview" { "" } else { page };
            let paths =
                [format!("/{name}{query}"), format!("/{page}.json{query}"), format!("/{page}/{table}.csv{query}")];
            let mut taken: [Vec<Duration>; 3] = Default::default();
            let mut before = tracker.used()?;
            // The first one is not counted: it fills caches.
            for round in 0..=plan.rounds {
                if round == 1 {
                    before = tracker.used()?;
                }
                for (path, taken) in paths.iter().zip(&mut taken) {
                    let begun = Instant::now();
                    tracker.get(path, &token)?;
                    if round > 0 {
                        taken.push(begun.elapsed());
                    }
                }
            }
            let cpu_seconds = tracker.used()?.since(&before).cpu_seconds / (3 * plan.rounds) as f64;
            println!("  {page:<14} {title:<18} {:>6.1} ms", median(&mut taken[0]).as_secs_f64() * 1e3);
            rows.push(Row { page, title, taken, cpu_seconds });
        }
    }
    tracker.stop()?;
    let bytes = fs::metadata(work.join("data/tracker.duckdb"))?.len();
    server::check(&dlt, &work)?;
    let _ = fs::remove_dir_all(&work);
    write(workspace, &plan, bytes, rows)
}

/// Sends events of a year: runs of programs on machines that send often or seldom, a quarter of them of continuous integration with
/// an id of its own each, on versions that take over one from the other.
fn send(address: SocketAddr, events: u64) -> Result<()> {
    let mut random = Random::new(11);
    let mut client = Client::connect(address)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let runs = events.div_ceil(OF_A_RUN);
    let machines = (events / 17).max(1);
    let mut batch: Vec<Value> = Vec::new();
    let mut sent = 0;
    for run in 0..runs {
        let at = now - YEAR_SECONDS + 60 + run * (YEAR_SECONDS - 120) / runs;
        let is_ci = random.percent(25);
        // The square of a number below one: few send often, many seldom.
        let share = random.below(1_000_000);
        let id = if is_ci {
            format!("run{run}")
        } else {
            format!("machine{}", share * share / 1_000_000 * machines / 1_000_000)
        };
        let version = format!("1.{}.0", (run * 18 / runs + random.below(3)));
        let context = json!({
            "ci_run": is_ci, "cpu": 2_u64 << random.below(4),
            "exec_info": [random.pick(&["docker", "kubernetes", "notebook", "colab"])],
            "os": {"name": random.pick(&["Linux", "Linux", "Darwin", "Windows"]), "version": random.pick(&["6.1.2", "6.8.0", "14.5", "10.0"])},
            "python": random.pick(&["3.10.1", "3.11.4", "3.12.3"]), "library": {"name": "dlt", "version": version},
        });
        let command = random.pick(&["command_init", "command_run", "command_query", "command_sync", "command_schema"]);
        let destination =
            random.pick(&["dlt.destinations.duckdb", "dlt.destinations.postgres", "dlt.destinations.filesystem"]);
        for (number, name) in
            ["pipeline_extract", "pipeline_normalize", "pipeline_load", command].into_iter().enumerate()
        {
            if sent + batch.len() as u64 >= events {
                break;
            }
            let at = moment(at + number as u64);
            batch.push(json!({
                "type": "track", "event": name, "messageId": format!("{run}-{number}"), "anonymousId": id, "timestamp": at,
                "context": context,
                "properties": {
                    "success": !random.percent(8), "elapsed": random.hundredths(4_000), "destination_type": destination,
                    "destination_name": destination.rsplit('.').next(), "transaction_id": format!("t{run}"), "rows": random.below(100_000),
                    "source_name": if number == 3 { json!("rest_api") } else { Value::Null },
                },
            }));
        }
        if batch.len() as u64 >= BATCH || run + 1 == runs {
            sent += batch.len() as u64;
            let body = json!({ "batch": batch }).to_string();
            let (status, said) = client.post("/v1/batch", body.as_bytes())?;
            if status != 200 {
                bail!("events were not taken: {status} {}", String::from_utf8_lossy(&said));
            }
            batch.clear();
        }
    }
    Ok(())
}

/// A moment as events have it.
fn moment(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // From days since 1970 to a date, by years that begin in March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

fn token(dlt: &Path, work: &Path) -> Result<String> {
    let mut command = Command::new(dlt);
    command.args(["tracker", "token", "--data"]).arg(work.join("data"));
    server::isolate(&mut command, work);
    Ok(process::output(&mut command)?.trim().to_owned())
}

fn median(taken: &mut [Duration]) -> Duration {
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or_default()
}

/// Writes `bench/results/pages.md`, and prints it.
fn write(workspace: &Workspace, plan: &Plan, bytes: u64, rows: Vec<Row>) -> Result<()> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "{} events over a year in a DuckDB file of {} MB, {cores} cores; milliseconds of a whole page over HTTP, medians of {}, and the \
         longest; beside them the processor time of the tracker for one\n\n| page | range | HTML | JSON | CSV | longest | processor |\n|---|---|---:|---:|---:|---:|---:|\n",
        plan.events,
        bytes / 1_000_000,
        plan.rounds
    );
    let mut late = Vec::new();
    for Row { page, title, mut taken, cpu_seconds } in rows {
        let longest = taken.iter().flatten().max().copied().unwrap_or_default();
        let [html, json, csv] = [0, 1, 2].map(|form| median(&mut taken[form]));
        let ms = |taken: Duration| taken.as_secs_f64() * 1e3;
        let _ = writeln!(
            text,
            "| {page} | {title} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            ms(html),
            ms(json),
            ms(csv),
            ms(longest),
            cpu_seconds * 1e3
        );
        if html.max(json).max(csv) > LONGEST {
            late.push(format!("{page}, {title}"));
        }
    }
    let verdict = if late.is_empty() { "held".to_owned() } else { format!("**missed** by {}", late.join("; ")) };
    let _ = writeln!(text, "\n- every page takes at most {} ms: {verdict}", LONGEST.as_millis());
    fs::create_dir_all(workspace.path("bench/results"))?;
    fs::write(workspace.path("bench/results/pages.md"), &text)?;
    println!("\n{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--events", "2000", "--rounds", "3"]).unwrap();
        assert_eq!((plan.events, plan.rounds), (2000, 3));
        for words in [&["--events", "1"][..], &["--rounds"], &["--rounds", "0"], &["--fast"]] {
            assert!(Plan::read(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_moment_is_written_as_events_have_it() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(moment(seconds), written);
        }
    }
}
