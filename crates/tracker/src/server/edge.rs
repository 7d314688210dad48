//! Loading objects of the edge, whether a tracker runs on the data folder or not.

use dlt_engine::ErrorKind;
use dlt_objects::{Address, Credentials, Object, Store, StoreError, StoreErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::options::Duty;
use super::parts::Parts;
use super::reach::{answered, journal_options};
use crate::data_dir::{DataDir, Lock, Reached};
use crate::edge::{EdgeLoad, EdgeObject, Group, object};
use crate::error::Error;
use crate::place::Place;

/// What names of objects end in.
const ENDING: &str = ".ndjson";
/// Largest object, in bytes: the Worker writes none of more than 13 MB.
const MAX_OBJECT_BYTES: u64 = 64 << 20;
/// Most objects that are asked for, or taken, together; and about how many bytes.
const GROUP_OBJECTS: usize = 500;
const GROUP_BYTES: usize = 8 << 20;

/// Takes the objects below an address that were not taken yet: a bucket and a prefix (`s3://…`), a folder, or one object. An object
/// that can't be taken is refused with its reason, and the others are taken. Each object is taken once, and each of its records
/// once, whatever is killed meanwhile.
///
/// The data folder is made where there is none. `on_group` hears what was done so far.
///
/// # Errors
///
/// When the objects can't be listed or read, or the journal or the tables can't be used. What was taken by then stays; asked again,
/// it goes on.
pub fn load_objects(
    place: impl Into<Place>,
    from: &str,
    mut on_group: impl FnMut(&EdgeLoad),
) -> Result<EdgeLoad, Error> {
    let place = place.into();
    let address = Address::parse(from).map_err(failed)?;
    let store = Store::open(&address, &Credentials::default()).map_err(failed)?;
    let mut done = EdgeLoad::default();
    let (store, listed) = listed(store, &mut done)?;
    let mut tracker = Tracker::new(place)?;
    let mut group = Group::default();
    let mut bytes = 0;
    for listed in listed.chunks(GROUP_OBJECTS) {
        let named: Vec<EdgeObject> = listed.iter().map(|object| named(&store, object)).collect();
        let before: Vec<bool> = tracker.ask("/edge-objects.json", &named, |parts| parts.loader.taken_before(&named))?;
        for ((object, mut named), before) in listed.iter().zip(named).zip(before) {
            if before {
                done.before += 1;
                continue;
            }
            let lines = match read(&store, object)? {
                Ok(lines) => lines,
                Err(reason) => {
                    done.refused.push((named.object, reason));
                    continue;
                }
            };
            named.lines = lines.len() as u64;
            bytes += lines.iter().map(String::len).sum::<usize>();
            group.lines.extend(lines);
            group.objects.push(named);
            if bytes >= GROUP_BYTES || group.objects.len() >= GROUP_OBJECTS {
                tracker.take(std::mem::take(&mut group), &mut done)?;
                bytes = 0;
                on_group(&done);
            }
        }
    }
    tracker.take(group, &mut done)?;
    Ok(done)
}

/// The objects below the store's address by their names, which is the order of time; and the store that their keys are of.
fn listed(store: Store, done: &mut EdgeLoad) -> Result<(Store, Vec<Object>), Error> {
    if let Some(object) = one(&store).map_err(failed)? {
        return Ok((store, vec![object]));
    }
    let mut objects = Vec::new();
    for object in store.list("").map_err(failed)? {
        let object = object.map_err(failed)?;
        match object.key.ends_with(ENDING) {
            true => objects.push(object),
            false => done.others += 1,
        }
    }
    if objects.is_empty() && store.local_path("").is_some_and(|path| !path.exists()) {
        let told = format!("there is no folder and no file {}", store.address());
        let error = dlt_engine::Error::new(ErrorKind::Config, told);
        return Err(Error::Objects {
            source: Box::new(error.hint("name a folder, a file, or an address such as s3://bucket/events")),
        });
    }
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    Ok((store, objects))
}

/// The object that the address itself names.
fn one(store: &Store) -> Result<Option<Object>, StoreError> {
    let is_file = store.local_path("").is_some_and(|path| path.is_file());
    if !is_file && !store.address().path().ends_with(ENDING) {
        return Ok(None);
    }
    store.head("")
}

/// An object as the tables know it.
fn named(store: &Store, object: &Object) -> EdgeObject {
    let written = object.modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let version = object.etag.clone().unwrap_or_else(|| format!("{}.{:09}", written.as_secs(), written.subsec_nanos()));
    let address = if object.key.is_empty() { store.address().clone() } else { store.address().join(&object.key) };
    EdgeObject { object: address.to_string(), version: format!("{}-{version}", object.size), lines: 0 }
}

/// The records of an object, or why it can't be taken.
fn read(store: &Store, object: &Object) -> Result<Result<Vec<String>, String>, Error> {
    if object.size > MAX_OBJECT_BYTES {
        return Ok(Err(format!("it has {} bytes, and none has more than {MAX_OBJECT_BYTES}", object.size)));
    }
    let bytes = match store.read(&object.key) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Changed) => {
            return Ok(Err("it was deleted or written anew while it was read".to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    Ok(object::records(&bytes).map(|lines| lines.into_iter().map(str::to_owned).collect()))
}

fn failed(error: StoreError) -> Error {
    Error::Objects { source: Box::new(error.into_engine(ErrorKind::Source)) }
}

/// The tracker of a data folder: one that runs there, or this process.
struct Tracker {
    place: Place,
    here: Option<(Parts, Lock)>,
}

impl Tracker {
    fn new(place: Place) -> Result<Self, Error> {
        DataDir::new(&place.data_dir).create()?;
        Ok(Self { place, here: None })
    }

    /// Has something done by the tracker that runs on the folder, or does it here.
    fn ask<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
        work: impl FnOnce(&mut Parts) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.here.is_none() {
            let body = serde_json::to_vec(body).map_err(|error| Error::Start(error.into()))?;
            let lock = match DataDir::new(&self.place.data_dir).reach("POST", path, &body)? {
                Reached::Answered(answer, server) => return answered(&answer, &server),
                Reached::Free(lock) => lock,
            };
            let options = journal_options(&self.place, 1 << 20);
            self.here = Some((Parts::open(&self.place, Duty::All, options)?, lock));
        }
        match &mut self.here {
            Some((parts, _)) => work(parts),
            // It was just made.
            None => Err(Error::NotLoaded),
        }
    }

    fn take(&mut self, group: Group, done: &mut EdgeLoad) -> Result<(), Error> {
        if group.objects.is_empty() {
            return Ok(());
        }
        let records = self.ask("/edge-take.json", &group, |parts| parts.loader.take(&group))?;
        done.records.add(records);
        done.objects += group.objects.len() as u64;
        Ok(())
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if let Some((parts, _)) = &self.here {
            parts.journal.close();
        }
    }
}
