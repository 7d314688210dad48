//! The quarantine of a data folder, whether a tracker runs on it or not.

use std::sync::Arc;

use super::parts::Parts;
use super::projects::known_project;
use super::reach::read;
use super::secrets::id_key;
use crate::contract::Contracts;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::learn;
use crate::loader;
use crate::place::Place;
use crate::quarantine::{self, Aside, Quarantined, Replayed, Selection, Work};
use crate::query;
use crate::store::Tables;

/// What is in the quarantine, in groups, the largest first. What is in the journal is loaded first.
///
/// # Errors
///
/// When there is no data, or the tables can't be read.
pub fn quarantined(place: impl Into<Place>, selection: &Selection) -> Result<Vec<Aside>, Error> {
    let path = format!("/quarantine-groups.json?{}", selection.query());
    read(&place.into(), "GET", &path, |parts| {
        parts.loader.catch_up()?;
        ask(parts, |tables| quarantine::groups(tables, selection))
    })
}

/// A quarantined event, by its number.
///
/// # Errors
///
/// When there is none of that number, no data, or the tables can't be read.
pub fn quarantined_event(place: impl Into<Place>, number: u64) -> Result<Quarantined, Error> {
    let path = format!("/quarantine-event.json?number={number}");
    let found: Option<Quarantined> = read(&place.into(), "GET", &path, |parts| {
        parts.loader.catch_up()?;
        ask(parts, |tables| quarantine::one(tables, number))
    })?;
    found.ok_or(Error::NotQuarantined { number })
}

/// Proposes a contract for a project, as TOML: what its own says, and what arrived beside, of which it has names, types and
/// how often they came, and no value.
///
/// # Errors
///
/// When there is no such project, no data, its contract can't be read, or the tables can't be.
pub fn learn_contract(place: impl Into<Place>, project: &str) -> Result<String, Error> {
    let place = place.into();
    let own = Contracts::unread(DataDir::new(&place.data_dir).contracts()).own(project)?;
    let path = format!("/learned-contract.json?project={}", query::encode(project));
    let (found, is_seen): (String, bool) = read(&place, "GET", &path, |parts| {
        parts.loader.catch_up()?;
        ask(parts, |tables| learn::learn(tables, project, &own))
    })?;
    if !is_seen {
        known_project(&place.data_dir, project)?;
    }
    Ok(found)
}

/// Stores those quarantined events that their contracts name now, as they are in their files. Each is stored once,
/// whatever is killed meanwhile.
///
/// # Errors
///
/// When there is no data, the contract of the project that is selected can't be read, or the journal or the tables can't be
/// used. What was replayed by then is; asked again, it goes on.
pub fn replay(place: impl Into<Place>, selection: &Selection) -> Result<Replayed, Error> {
    let place = place.into();
    let contracts = Contracts::unread(DataDir::new(&place.data_dir).contracts());
    // Told here with its place, whoever does the work.
    selection.project.as_deref().map(|project| contracts.fresh(project)).transpose()?;
    let path = format!("/replay.json?{}", selection.query());
    read(&place, "POST", &path, |parts| {
        let key = id_key(&place)?;
        let (store, journal) = (Arc::clone(&parts.store), Arc::clone(&parts.journal));
        Work::new(selection.clone()).run(&*store, &*journal, &contracts, &key, || parts.loader.catch_up())
    })
}

fn ask<T>(parts: &Parts, question: impl FnOnce(&mut dyn Tables) -> Result<T, dlt_engine::Error>) -> Result<T, Error> {
    loader::ask(&*parts.store, question)
}
