//! The numbers of the pages, beside those of plain questions that ask for one thing each.

use serde_json::Value;

use super::*;
use crate::dashboard::public::DESTINATION;
use crate::dashboard::{self, Filter, View};
use crate::survey::Surveyor;

const VERSION: &str = "concat(coalesce(library_name, 'not told'), ' ', coalesce(library_version, ''))";

/// Numbers that look like chance, the same in every run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn below(&mut self, limit: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit) as usize
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64)]
    }
}

/// An event with any of its columns empty.
pub(super) fn random_event(chance: &mut Chance, number: usize) -> String {
    let now = jiff::Timestamp::now();
    let received = crate::event::formatted(now);
    let at = crate::event::formatted(now - jiff::SignedDuration::from_mins(chance.below(60 * 24 * 120) as i64));
    let mut row =
        format!("{{\"message_id\":\"m{number}\",\"event\":\"e{}\",\"received_at\":\"{received}\"", chance.below(5));
    let mut add = |name: &str, values: &[&str]| {
        let value = chance.of(values);
        if !value.is_empty() {
            row.push_str(&format!(",\"{name}\":{value}"));
        }
    };
    let at = format!("\"{at}\"");
    // Few have none.
    add("timestamp", &[[at.as_str(); 20].as_slice(), &[""]].concat());
    let ids: Vec<String> = (0..60).map(|id| if id < 5 { String::new() } else { format!("\"id{id}\"") }).collect();
    add("anonymous_id", &Vec::from_iter(ids.iter().map(String::as_str)));
    add("library_name", &["\"dlt\"", "\"dlt\"", "\"other\"", ""]);
    // Two pairs have the same name.
    add("library_version", &["\"1\"", "\"2\"", "\"3\"", "\"4\"", "\"5\"", "\"\u{e9}\"", ""]);
    add("ci_run", &["true", "false", ""]);
    add("success", &["true", "true", "false", ""]);
    add("elapsed", &["0.01", "0.25", "2.5", "40.125", ""]);
    add("cpu", &["1", "2", "4", "8", "16", "64", ""]);
    add("os_name", &["\"Linux\"", "\"Darwin\"", ""]);
    add("os_version", &["\"6.1\"", "\"14\"", ""]);
    add("python_version", &["\"3.12\"", "", ""]);
    add("runtime_name", &["\"rust\"", ""]);
    add("runtime_version", &["\"1.90\"", ""]);
    add("exec_info", &["\"docker\"", "\"docker,kubernetes\"", "\"colab,colab\"", "\"\\u0020\"", ""]);
    let long = format!("\"{}\"", "ü".repeat(300));
    add("destination_name", &["\"warehouse\"", "\"duckdb\"", "", &long]);
    let long = format!("\"{}.{}\"", "é".repeat(150), "é".repeat(150));
    let types =
        ["\"dlt.destinations.duckdb\"", "\"duckdb\"", "\"dlt.destinations.filesystem\"", "\"odd.\"", "", "", &long];
    add("destination_type", &types);
    add("properties", &["\"{\\\"source_name\\\":\\\"files\\\"}\"", "\"{\\\"other\\\":\\\"source_name\\\"}\"", ""]);
    add("client_dropped", &["\"{\\\"full\\\":3}\"", "", ""]);
    add("project", &["\"web\"", "\"app\"", ""]);
    row.push('}');
    row
}

fn append_some(folder: &Folder) {
    let mut chance = Chance(7);
    let rows = Vec::from_iter((0..700).map(|number| random_event(&mut chance, number)));
    folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
}

/// A value as text; numbers to nine places.
fn told(value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(number)) => format!("{:.9}", number.as_f64().unwrap()),
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(other) => other.to_string(),
    }
}

pub(super) fn pages_count_as_plain_questions_do(folder: &Folder) {
    let mut loader = folder.loader();
    append_some(folder);
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"no_event_name","project":"web"}"#]);
    loader.catch_up().unwrap();
    let mut tables = loader.store.open(Access::Write).unwrap();
    tables.hold_still().unwrap();
    let dialect = tables.dialect();
    let ledger = loader.state.ledger(&*folder.journal);
    // Kept, and in parts.
    let surveyors = [Surveyor::default(), Surveyor::keeping(100, usize::MAX)];
    let mut compared = 0;
    for query in [
        "range=all",
        "range=30d",
        "range=90d&by=week&ci=no",
        "range=60d&by=month&library=dlt",
        "range=all&by=day&project=web&event=e1",
        "range=7d&project=default&version=2",
        "range=30d&event=none",
    ] {
        let filter = Filter::parse(query).unwrap();
        let now = jiff::Timestamp::now();
        let (condition, senders) = (filter.condition(dialect, now), filter.condition_of_all_time(dialect));
        let day = dialect.day_of("timestamp");
        let bucket = match filter.pace().word() {
            "day" => day.clone(),
            "week" => dialect.quotient(&format!("({day} + 3)"), 7),
            _ => {
                let date = dialect.date(&day);
                format!("CAST(extract(year FROM {date}) * 12 + extract(month FROM {date}) - 1 AS BIGINT)")
            }
        };
        let of = |value: &str, joined: &str| {
            format!(
                "SELECT {value} AS value, count(DISTINCT anonymous_id) AS installs, count(*) AS events FROM events{joined} \
                 WHERE {condition} GROUP BY 1 ORDER BY installs DESC, events DESC, 1 LIMIT 30"
            )
        };
        let system = "concat(coalesce(os_name, 'not told'), ' ', coalesce(os_version, ''))";
        let runtime = "CASE WHEN python_version IS NOT NULL THEN concat('Python ', python_version) \
             WHEN runtime_name IS NOT NULL THEN concat(runtime_name, ' ', coalesce(runtime_version, '')) END";
        let cores = "CASE WHEN cpu >= 32 THEN '32 and more' WHEN cpu >= 16 THEN '16 to 31' WHEN cpu >= 8 THEN '8 to 15' \
             WHEN cpu >= 4 THEN '4 to 7' WHEN cpu >= 2 THEN '2 and 3' WHEN cpu IS NOT NULL THEN '1' END";
        let source = dialect.property("source_name");
        let container = dialect.runs_in(&["docker", "kubernetes"]);
        let plain: Vec<(View, &str, String)> = vec![
            (
                View::Overview,
                "headline",
                format!(
                    "SELECT count(*) AS events, count(DISTINCT anonymous_id) AS active, \
                     CAST(avg(CASE WHEN ci_run THEN 1.0 WHEN NOT ci_run THEN 0.0 END) AS DOUBLE PRECISION) AS ci_share, \
                     CAST(avg(CASE WHEN {container} THEN 1.0 WHEN NOT {container} THEN 0.0 END) AS DOUBLE PRECISION) AS container_share, \
                     CAST({dropped} AS DOUBLE PRECISION) / nullif({dropped} + count(*), 0) AS lost_share \
                     FROM events WHERE {condition}",
                    dropped = dialect.dropped()
                ),
            ),
            (
                View::Overview,
                "active",
                format!(
                    "WITH firsts AS (SELECT anonymous_id, min({bucket}) AS first FROM events \
                       WHERE anonymous_id IS NOT NULL AND {senders} GROUP BY anonymous_id), \
                     shown AS (SELECT DISTINCT {bucket} AS bucket, anonymous_id FROM events \
                       WHERE timestamp IS NOT NULL AND anonymous_id IS NOT NULL AND {condition}) \
                     SELECT bucket AS begins, count(*) AS active, \
                     CAST(sum(CASE WHEN first = bucket THEN 1 ELSE 0 END) AS BIGINT) AS new \
                     FROM shown JOIN firsts USING (anonymous_id) GROUP BY bucket ORDER BY bucket"
                ),
            ),
            (
                View::Versions,
                "versions_over_time",
                format!(
                    "WITH shown AS (SELECT DISTINCT {bucket} AS bucket, anonymous_id, {VERSION} AS version \
                       FROM events WHERE timestamp IS NOT NULL AND anonymous_id IS NOT NULL AND {condition}), \
                     top AS (SELECT version FROM shown GROUP BY version ORDER BY count(*) DESC, version LIMIT 6) \
                     SELECT bucket AS begins, \
                     CASE WHEN version IN (SELECT version FROM top) THEN version ELSE 'others' END AS version, \
                     count(DISTINCT anonymous_id) AS installs FROM shown GROUP BY 1, 2 ORDER BY 1, 2"
                ),
            ),
            (
                View::Versions,
                "versions",
                format!(
                    "SELECT coalesce(library_name, 'not told') AS library, coalesce(library_version, 'not told') AS version, \
                     count(DISTINCT anonymous_id) AS installs, count(*) AS events \
                     FROM events WHERE {condition} GROUP BY library_name, library_version \
                     ORDER BY installs DESC, events DESC, library_name, library_version LIMIT 100"
                ),
            ),
            (
                View::Versions,
                "errors",
                format!(
                    "SELECT {VERSION} AS version, CAST(avg(CASE WHEN success THEN 0.0 ELSE 1.0 END) AS DOUBLE PRECISION) AS error_share, \
                     count(*) AS events FROM events WHERE success IS NOT NULL AND {condition} \
                     GROUP BY 1 ORDER BY events DESC, 1 LIMIT 100"
                ),
            ),
            (
                View::Commands,
                "events",
                format!(
                    "SELECT event, count(*) AS events, count(DISTINCT anonymous_id) AS installs, \
                     CAST(avg(CASE WHEN success THEN 1.0 WHEN NOT success THEN 0.0 END) AS DOUBLE PRECISION) AS success_share, \
                     {} AS p50_seconds, {} AS p95_seconds \
                     FROM events WHERE {condition} GROUP BY event ORDER BY events DESC, event LIMIT 100",
                    dialect.quantile(0.5),
                    dialect.quantile(0.95)
                ),
            ),
            (
                View::Commands,
                "destinations",
                format!(
                    "SELECT {DESTINATION} AS destination, count(DISTINCT anonymous_id) AS installs, count(*) AS events \
                     FROM events WHERE {DESTINATION} IS NOT NULL AND {condition} \
                     GROUP BY 1 ORDER BY installs DESC, events DESC, 1 LIMIT 100"
                ),
            ),
            (
                View::Commands,
                "sources",
                format!(
                    "SELECT {source} AS source, count(DISTINCT anonymous_id) AS installs, count(*) AS events \
                     FROM events WHERE {source} IS NOT NULL AND {condition} GROUP BY 1 ORDER BY installs DESC, events DESC, 1"
                ),
            ),
            (
                View::Overview,
                "projects",
                format!(
                    "SELECT coalesce(project, 'default') AS project, count(*) AS events, count(DISTINCT anonymous_id) AS installs \
                     FROM events WHERE {condition} GROUP BY 1 ORDER BY events DESC, 1"
                ),
            ),
            (View::Environments, "os", of("os_name", "")),
            (View::Environments, "os_versions", of(system, "")),
            (View::Environments, "cpu", of(cores, "")),
            (
                View::Environments,
                "exec_info",
                of("CASE WHEN word = '' THEN 'none of them' ELSE word END", dialect.words_of_exec_info()),
            ),
            (View::Environments, "runtimes", of(runtime, "")),
        ];
        for ((view, id, sql), surveyor) in
            plain.iter().flat_map(|plain| surveyors.iter().map(move |surveyor| (plain, surveyor)))
        {
            let read = surveyor.ask(&*loader.store, |look| dashboard::read(*view, &filter, look, &ledger, false));
            let (page, _) = read.unwrap();
            let page: Value = serde_json::from_str(&dashboard::json(&page)).unwrap();
            let Some(shown) = page["sections"][id].as_array() else {
                assert!(*id == "projects", "{query}: {id} is not there");
                continue;
            };
            let asked = tables.select(sql).unwrap();
            let mut shown = shown.clone();
            if *id == "active" {
                // The page has those between, too.
                shown.retain(|row| row["active"] != 0);
            }
            compared += compare(&format!("{query}: {id}"), &shown, &asked);
        }
    }
    assert!(compared > 4_000, "{compared} were compared");
    for project in [None, Some("web"), Some("default"), Some("nobody")] {
        let asked = plain_report(&mut *tables, project);
        for surveyor in &surveyors {
            let report = report(&*loader.store, surveyor, &*folder.journal, project).unwrap();
            assert_eq!(report.active_by_window, plain_windows(&mut *tables, project), "{project:?}");
            let shown: Value = serde_json::to_value(&report).unwrap();
            for (name, asked) in &asked {
                let shown = match &shown[name] {
                    Value::Array(list) => list.clone(),
                    // Figures of the whole.
                    _ => vec![shown.clone()],
                };
                compared += compare(&format!("report of {project:?}: {name}"), &shown, asked);
            }
        }
    }
    assert!(compared > 5_000, "{compared} were compared");
}

/// How many cells are the same; all have to be.
fn compare(what: &str, shown: &[Value], asked: &[dlt_engine::destination::Row]) -> usize {
    let mut compared = 0;
    assert_eq!(shown.len(), asked.len(), "{what}\n{shown:?}\n{asked:?}");
    for (shown, asked) in shown.iter().zip(asked) {
        for (name, value) in asked.iter().filter(|(name, _)| *name != "begins") {
            let value = match (name.as_str(), shown.get(name)) {
                // The page's word for what is not told.
                ("value", Some(Value::String(_))) if value.is_null() => "not told".to_owned(),
                _ => told(Some(value)),
            };
            assert_eq!(told(shown.get(name)), value, "{what} {name}\n{shown}\n{asked:?}");
            compared += 1;
        }
    }
    compared
}

/// Installs of 1, 7 and 30 days.
fn plain_windows(tables: &mut dyn Tables, project: Option<&str>) -> [u64; 3] {
    let (dialect, now) = (tables.dialect(), jiff::Timestamp::now().as_microsecond());
    let condition = project.map_or_else(|| "true".to_owned(), |name| dialect.of_project(name));
    [1, 7, 30].map(|days| {
        let since = dialect.moment(now - days * crate::retention::DAY_MICROS);
        let sql =
            format!("SELECT count(DISTINCT anonymous_id) AS n FROM events WHERE timestamp > {since} AND {condition}");
        tables.select(&sql).unwrap()[0]["n"].as_u64().unwrap()
    })
}

/// The lists of a report, each by a question for it alone; and what is told of the whole as the list `total`.
fn plain_report(
    tables: &mut dyn Tables,
    project: Option<&str>,
) -> Vec<(&'static str, Vec<dlt_engine::destination::Row>)> {
    let dialect = tables.dialect();
    let condition = project.map_or_else(|| "true".to_owned(), |name| dialect.of_project(name));
    let container = dialect.runs_in(&["docker", "kubernetes"]);
    let iso = |moment: &str| format!("concat(replace({}, ' ', 'T'), 'Z')", dialect.written(moment));
    let shares = |column: &str, table: &str, only: &str| {
        format!(
            "SELECT {column} AS value, count(*) AS count, CAST(count(*) AS DOUBLE PRECISION) / sum(count(*)) OVER () AS share \
             FROM {table} WHERE {condition}{only} GROUP BY 1 ORDER BY count DESC, value LIMIT 100"
        )
    };
    let whole = format!(
        "SELECT count(*) AS total, count(DISTINCT anonymous_id) AS active_ids, \
         CAST(avg(ci_run::INTEGER) AS DOUBLE PRECISION) AS ci_share, CAST(avg({container}::INTEGER) AS DOUBLE PRECISION) AS container_share, \
         CASE WHEN count(timestamp) > 0 THEN {} END AS first_event, CASE WHEN count(timestamp) > 0 THEN {} END AS last_event \
         FROM events WHERE {condition}",
        iso("min(timestamp)"),
        iso("max(timestamp)")
    );
    let names = format!(
        "SELECT event, count(*) AS count, count(DISTINCT anonymous_id) AS active_ids, \
         CAST(avg(success::INTEGER) AS DOUBLE PRECISION) AS success_share, {} AS p50_seconds, {} AS p95_seconds \
         FROM events WHERE {condition} GROUP BY event ORDER BY count DESC, event LIMIT 100",
        dialect.quantile(0.5),
        dialect.quantile(0.95)
    );
    let versions = format!(
        "SELECT library_name AS library, library_version AS version, count(*) AS count, count(DISTINCT anonymous_id) AS active_ids \
         FROM events WHERE {condition} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100"
    );
    let questions = [
        ("total", whole),
        ("events", names),
        ("versions", versions),
        ("projects", shares("coalesce(project, 'default')", "events", "")),
        ("platforms", shares("os_name", "events", "")),
        ("destinations", shares(DESTINATION, "events", &format!(" AND {DESTINATION} IS NOT NULL"))),
        ("quarantine", shares("reason", "quarantine", "")),
    ];
    questions.into_iter().map(|(name, sql)| (name, tables.select(&sql).unwrap())).collect()
}
