//! Deleting what somebody asks to be deleted, and what is too old.

use super::reach::{folder, read};
use super::secrets::id_key;
use crate::deletion::{Forgotten, Request};
use crate::error::Error;
use crate::event;
use crate::journal;
use crate::place::Place;
use crate::query;
use crate::retention::{Retain, Retained, Retention};

/// Deletes every event of an id, whether a tracker runs on the folder or not: from the tables, the quarantine, and what waits
/// in the journal. It is recorded as a deletion request is, without the id.
///
/// # Errors
///
/// When the id is empty or over 100 characters, there is no data, or the journal or the tables can't be written.
pub fn forget(place: impl Into<Place>, id: &str) -> Result<Forgotten, Error> {
    let request = Request::of(id, event::formatted(jiff::Timestamp::now())).ok_or(Error::NoId)?;
    let path = format!("/forget.json?id={}", query::encode(id));
    read(&place.into(), "POST", &path, |parts| {
        let record = request.record().ok_or(Error::NoId)?;
        parts.loader.forgotten(journal::keep(&*parts.journal, vec![record])?)
    })
}

/// As [`forget`], of the id that senders tell of a user: what is kept in its place is a hash, and that is what is deleted.
///
/// # Errors
///
/// As [`forget`], and when the key for ids can't be read.
pub fn forget_user(place: impl Into<Place>, user: &str) -> Result<Forgotten, Error> {
    let place = place.into();
    folder(&place.data_dir)?;
    let id = event::user_id(user, &id_key(&place)?).ok_or(Error::NoId)?;
    forget(place, &id)
}

/// Deletes what is too old, and counts it by the day before. What is in the journal is loaded first. A tracker that runs on the folder
/// does it, by the limits that it was started with; where none runs, `retention` counts.
///
/// # Errors
///
/// When there is no data, another process loads into the tables, they can't be written, or more than half of many rows would go by
/// a leap and `how` does not allow it.
pub fn retain(place: impl Into<Place>, retention: &Retention, how: Retain) -> Result<Retained, Error> {
    let path = format!("/retain.json?how={}", how.word());
    read(&place.into(), "POST", &path, |parts| {
        parts.loader.keep(retention.clone());
        parts.loader.retain(how)
    })
}
