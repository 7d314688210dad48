//! Installs and events by name, version, project and over time: what several sections tell of one look at the events.

use std::collections::{BTreeMap, HashMap};

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::Asking;
use super::parts::{Group, MAX_MARKED, Part, Question, Tally, Value};
use crate::projects::DEFAULT;
use crate::store::schema::EVENTS;

/// Rows of a table.
pub(super) const MAX_ROWS: usize = 100;

/// What is asked for beside how many installs there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// By time, and by library and version.
    pub(super) versions: bool,
    /// Which of the installs of a time are new.
    pub(super) fresh: bool,
    pub(super) projects: bool,
    pub(super) destinations: bool,
    /// By the names of events, and what is told of these.
    pub(super) names: bool,
}

/// The answer.
#[derive(Debug, Default)]
pub(super) struct Installs {
    pub(super) active: u64,
    /// By the number of a day, week or month: active installs, and how many of them are new.
    pub(super) over_time: BTreeMap<i64, (u64, u64)>,
    pub(super) versions: Versions,
    /// Name, installs and events.
    pub(super) projects: Vec<(String, u64, u64)>,
    /// Name, installs and events.
    pub(super) destinations: Vec<(String, u64, u64)>,
    /// The most frequent names of events, with what is told of each and the installs that have it.
    pub(super) names: Vec<(Row, u64)>,
}

/// Installs by version.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Library and version, with installs and events.
    pub(super) all: Vec<([Option<String>; 2], u64, u64)>,
    /// The names that a chart has for them: two pairs may have the same.
    names: Vec<String>,
    /// Installs that had one version in a time, by time and name.
    one: HashMap<(i64, u32), u64>,
    /// Installs that had several, by time and their names.
    several: HashMap<(i64, Vec<u32>), u64>,
}

impl Versions {
    /// Installs by time and version, the most frequent versions by their names, the others as one.
    pub(super) fn over_time(&self, shown: usize) -> Vec<(i64, String, u64)> {
        let mut whole = vec![0; self.names.len()];
        let each = self.one.iter().map(|((_, name), installs)| (std::slice::from_ref(name), *installs));
        for (names, installs) in each.chain(self.several.iter().map(|((_, names), count)| (names.as_slice(), *count))) {
            names.iter().for_each(|name| whole[*name as usize] += installs);
        }
        let mut top = Vec::from_iter(0..self.names.len());
        top.sort_unstable_by(|one, other| {
            whole[*other].cmp(&whole[*one]).then(self.names[*one].cmp(&self.names[*other]))
        });
        top.truncate(shown);
        let label = |name: u32| match top.contains(&(name as usize)) {
            true => self.names[name as usize].as_str(),
            false => "others",
        };
        let mut found: BTreeMap<(i64, &str), u64> = BTreeMap::new();
        for ((time, name), installs) in &self.one {
            *found.entry((*time, label(*name))).or_default() += installs;
        }
        for ((time, names), installs) in &self.several {
            let mut labels = Vec::from_iter(names.iter().map(|name| label(*name)));
            labels.sort_unstable();
            labels.dedup();
            for label in labels {
                *found.entry((*time, label)).or_default() += installs;
            }
        }
        found.into_iter().map(|((time, label), installs)| (time, label.to_owned(), installs)).collect()
    }
}

/// Reads it. `events` is about how many events there are.
pub(super) fn read(asking: &mut Asking<'_>, wanted: Wanted, events: u64) -> Result<Installs, Error> {
    let names = if wanted.names { names(asking)? } else { Vec::new() };
    let marked = names.iter().map(|row| row.get("event").and_then(|name| name.as_str()).unwrap_or_default().to_owned());
    let marked = Vec::from_iter(marked.take(MAX_MARKED));
    let bucket = asking.bucket();
    let mut columns = Vec::new();
    let mut place = |wanted: bool, column| {
        wanted.then(|| {
            columns.push(column);
            columns.len() - 1
        })
    };
    let time = place(wanted.versions, bucket.as_str());
    let library = place(wanted.versions, "library_name");
    let version = place(wanted.versions, "library_version");
    let project = place(wanted.projects, "project");
    let destination = place(wanted.destinations, "destination_type");
    let mut found = Installs::default();
    let (mut pairs, mut pair_codes) = (Pairs::default(), Tally::default());
    let (mut by_project, mut by_destination) = (Tally::default(), Tally::default());
    let mut by_name = vec![0; marked.len()];
    let (mut project_names, mut destination_names) = (Vec::new(), Vec::new());
    asking.parts(&Question { columns: &columns, marked: &marked, events }, |asking, part, only| {
        found.active += part.installs().count() as u64;
        for groups in part.installs() {
            for (name, installs) in by_name.iter_mut().enumerate() {
                *installs += u64::from(groups.iter().any(|group| group.has(name)));
            }
        }
        if let (Some(time), Some(library), Some(version)) = (time, library, version) {
            pairs.learn(part, [library, version]);
            pair_codes.add(part, |group| [pairs.of(group, [library, version])]);
            in_time(&mut found, part, time, |group| pairs.name_of(group, [library, version]));
            if wanted.fresh {
                fresh(asking, &mut found, part, (time, bucket.as_str()), only)?;
            }
        }
        if let Some(project) = project {
            by_project.add(part, |group| [group.codes[project]]);
            project_names = part.values[project].all.clone();
        }
        if let Some(place) = destination {
            let values = &part.values[place].all;
            by_destination.add(part, |group| {
                let code = group.codes[place];
                (values[code as usize] != Value::Nothing).then_some(code)
            });
            destination_names.clone_from(values);
        }
        Ok(())
    })?;
    found.versions.all =
        pair_codes.found().map(|(pair, installs, events)| (pairs.texts[pair].clone(), installs, events)).collect();
    found.versions.names = pairs.names;
    let mut projects: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (code, installs, events) in by_project.found() {
        let entry = projects.entry(project_names[code].text().unwrap_or(DEFAULT)).or_default();
        (entry.0, entry.1) = (entry.0 + installs, entry.1 + events);
    }
    found.projects =
        projects.into_iter().map(|(name, (installs, events))| (name.to_owned(), installs, events)).collect();
    found.destinations = by_destination
        .found()
        .map(|(code, installs, events)| {
            (destination_names[code].text().unwrap_or_default().to_owned(), installs, events)
        })
        .collect();
    found.names = names.into_iter().zip(by_name).collect();
    Ok(found)
}

/// The most frequent names of events, and what is told of each but its installs.
fn names(asking: &mut Asking<'_>) -> Result<Vec<Row>, Error> {
    let quantiles = asking.dialect().quantiles("0.5, 0.95");
    let condition = asking.condition.clone();
    asking.rows(&format!(
        "SELECT event, events, success, quantiles[1] AS p50, quantiles[2] AS p95 FROM (SELECT event, count(*) AS events, \
         CAST(avg(CASE WHEN success THEN 1.0 WHEN NOT success THEN 0.0 END) AS DOUBLE PRECISION) AS success, \
         {quantiles} AS quantiles FROM {EVENTS} WHERE {condition} GROUP BY event) AS named \
         ORDER BY events DESC, event LIMIT {MAX_ROWS}"
    ))
}

/// Pairs of library and version, and their names.
#[derive(Default)]
struct Pairs {
    codes: HashMap<[u32; 2], (u32, u32)>,
    texts: Vec<[Option<String>; 2]>,
    names: Vec<String>,
}

impl Pairs {
    fn learn(&mut self, part: &Part, places: [usize; 2]) {
        for group in part.groups() {
            let codes = places.map(|place| group.codes[place]);
            if self.codes.contains_key(&codes) {
                continue;
            }
            let text = |at: usize| part.values[places[at]].all[codes[at] as usize].text().map(str::to_owned);
            let texts = [text(0), text(1)];
            let name =
                format!("{} {}", texts[0].as_deref().unwrap_or("not told"), texts[1].as_deref().unwrap_or_default());
            let known = self.names.iter().position(|known| *known == name);
            let named = known.unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            self.codes.insert(codes, (code(self.texts.len()), code(named)));
            self.texts.push(texts);
        }
    }

    fn of(&self, group: &Group, places: [usize; 2]) -> u32 {
        self.codes.get(&places.map(|place| group.codes[place])).map_or(0, |(pair, _)| *pair)
    }

    fn name_of(&self, group: &Group, places: [usize; 2]) -> u32 {
        self.codes.get(&places.map(|place| group.codes[place])).map_or(0, |(_, name)| *name)
    }
}

fn code(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Counts installs by time, and by time and version.
fn in_time(found: &mut Installs, part: &Part, time: usize, name_of: impl Fn(&Group) -> u32) {
    let times = &part.values[time].all;
    let mut had = Vec::new();
    for groups in part.installs() {
        had.clear();
        had.extend(groups.iter().map(|group| (times[group.codes[time] as usize].number(), name_of(group))));
        had.sort_unstable();
        had.dedup();
        for of_a_time in had.chunk_by(|one, other| one.0 == other.0) {
            let time = of_a_time[0].0;
            found.over_time.entry(time).or_default().0 += 1;
            match of_a_time {
                [one] => *found.versions.one.entry(*one).or_default() += 1,
                several => {
                    let names = Vec::from_iter(several.iter().map(|(_, name)| *name));
                    *found.versions.several.entry((time, names)).or_default() += 1;
                }
            }
        }
    }
}

/// Counts the installs of the part whose first event of all time is in a time that is shown.
fn fresh(
    asking: &mut Asking<'_>,
    found: &mut Installs,
    part: &Part,
    (time, bucket): (usize, &str),
    only: &str,
) -> Result<(), Error> {
    let times = &part.values[time].all;
    let time_of = |group: &Group| times[group.codes[time] as usize].number();
    let mut add = |first: i64| {
        if let Some(counts) = found.over_time.get_mut(&first) {
            counts.1 += 1;
        }
    };
    if asking.filter.since(asking.now).is_none() {
        part.installs().filter_map(|groups| groups.iter().map(time_of).min()).for_each(add);
        return Ok(());
    }
    let Some(earliest) = part.groups().iter().map(time_of).min() else { return Ok(()) };
    let (install, senders) = (asking.install(), asking.filter.condition_of_all_time(asking.dialect()));
    asking.tables.batches(
        &format!(
            "SELECT {install} AS install, min({bucket}) AS first FROM {EVENTS} WHERE anonymous_id IS NOT NULL AND {senders}{only} \
             GROUP BY 1 HAVING min({bucket}) >= {earliest}"
        ),
        &mut |batch| {
            for (install, first) in super::parts::pairs(&batch)? {
                if part.of_install(install).iter().any(|group| time_of(group) == first) {
                    add(first);
                }
            }
            Ok(())
        },
    )
}
