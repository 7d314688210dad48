//! Whose tables these are: those of another journal are refused.

use std::time::{Duration, Instant};

use dlt_engine::destination::Access;

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::place::{Place, Records, Tables};
use crate::secret::secret;
use crate::store::{Role, Store};

/// How long the lead of a tracker that was killed is waited for.
const LEAD_WAITS: Duration = Duration::from_secs(5);

/// Whether nobody else loads into the tables of a journal that nobody shares: the numbers of another journal would be taken
/// for its own, and what they stand for never be loaded. A database that is away is no reason not to take events.
pub(super) fn alone(store: &dyn Store) -> Result<(), Error> {
    let until = Instant::now() + LEAD_WAITS;
    while let Ok(Role::Follows) = store.lead() {
        // The session of a process that was killed may take a moment to end.
        if Instant::now() >= until {
            return Err(Error::TablesTaken { named: store.location() });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Whether the events of a data folder go into these tables. Those that the journal has released would be missing in others,
/// and no ledger would tell.
pub(super) fn belongs(dir: &DataDir, place: &Place, store: &dyn Store) -> Result<(), Error> {
    let note = dir.elsewhere();
    let other = |owner: String, advice: String| Error::OtherTables {
        folder: dir.path().to_owned(),
        owner,
        named: store.location(),
        advice,
    };
    match &place.store.0 {
        Tables::File if note.exists() => {
            let named = std::fs::read_to_string(&note).unwrap_or_default();
            let advice = format!("name it with --store; to begin new tables here, remove {}", note.display());
            Err(other(if named.is_empty() { "tables elsewhere".to_owned() } else { named }, advice))
        }
        Tables::File => Ok(()),
        Tables::Postgres(_) | Tables::Files(_) if note.exists() => match owns(dir, place, store) {
            // A database that is away is no reason not to take events.
            Err(Error::Tables { .. }) => Ok(()),
            owns => owns,
        },
        Tables::Postgres(_) | Tables::Files(_) if dir.database().exists() => {
            let advice = "move them first: `dlt tracker move`; or give this tracker a data folder of its own";
            Err(other(dir.database().display().to_string(), advice.to_owned()))
        }
        Tables::Postgres(_) | Tables::Files(_) => {
            if place.journal.0 == Records::Segments {
                let counts = store.open(Access::Read).and_then(|mut tables| tables.counts());
                let counts = counts.map_err(|source| Error::tables(store.location(), source))?;
                // Of a folder that is new here, or was lost: its journal begins anew, and the tables know its numbers already.
                if counts.position > 0 {
                    return Err(Error::TablesTaken { named: store.location() });
                }
            }
            owns(dir, place, store)?;
            std::fs::write(&note, store.location()).map_err(|source| Error::folder("write", &note, source))
        }
    }
}

/// Whether the tables are of this folder's journal, which they are from now on where they were of none. Two folders that are begun
/// one after the other with empty tables are told apart by it.
fn owns(dir: &DataDir, place: &Place, store: &dyn Store) -> Result<(), Error> {
    if place.journal.0 != Records::Segments {
        return Ok(());
    }
    let file = dir.owner();
    let owner = secret(&file).map_err(|source| Error::folder("write", &file, source))?;
    match store.own(&owner, false).map_err(|source| Error::tables(store.location(), source))? {
        true => Ok(()),
        false => Err(Error::TablesTaken { named: store.location() }),
    }
}
