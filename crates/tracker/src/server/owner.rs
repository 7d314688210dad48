//! What tables are asked before they are used: whose they are, and what they hold. Those of another journal are refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dlt_engine::ErrorKind;
use dlt_engine::destination::Access;

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::journal::nats::NatsJournal;
use crate::journal::segments::{self, OsFilesystem};
use crate::place::{Place, Records, Tables};
use crate::secret::secret;
use crate::store::{Counts, Role, Store};

/// How long the lead of a tracker that was killed is waited for.
const LEAD_WAITS: Duration = Duration::from_secs(5);

/// What the tables said: what they hold, or why they can't be used.
pub(super) type Said = Result<Counts, Error>;

/// Whose tables are asked for what.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) dir: DataDir,
    pub(super) place: Place,
    pub(super) store: Arc<dyn Store>,
}

impl Asked {
    /// Asks until the first question that is not answered.
    pub(super) fn look(&self) -> Said {
        if self.place.journal.0 == Records::Segments && self.place.store.0 != Tables::File {
            self.alone()?;
        }
        self.belongs()?;
        self.loaded()
    }

    fn tables(&self, source: dlt_engine::Error) -> Error {
        Error::tables(self.store.location(), source)
    }

    /// Whether events can be taken before the tables have answered: they belong to the folder, and the journal knows its newest number
    /// without them.
    pub(super) fn can_wait(&self) -> Result<bool, Error> {
        match &self.place.journal.0 {
            Records::Segments => {
                let folder = self.dir.journal();
                let is_ours = self.place.store.0 == Tables::File || self.dir.elsewhere().exists();
                let is_ours = is_ours && !self.dir.tables_first().exists();
                let failed = |source| Error::folder("open the journal in", &folder, source);
                Ok(is_ours && segments::is_begun(&OsFilesystem, &folder).map_err(failed)?)
            }
            Records::Nats(address) => {
                NatsJournal::is_begun(address).map_err(|source| Error::Journal { location: address.shown(), source })
            }
        }
    }

    /// What it means that the tables can't be asked where they must have been.
    pub(super) fn needed(&self, away: Option<Error>) -> Error {
        let away = away
            .unwrap_or_else(|| self.tables(dlt_engine::Error::new(ErrorKind::Destination, "they have not answered")));
        let is_known = self.place.store.0 == Tables::File || self.dir.elsewhere().exists();
        match self.place.journal.0 {
            // The journal is there; it is what the tables hold beside it that is unknown.
            Records::Segments if self.dir.tables_first().exists() => away,
            Records::Segments if is_known => Error::JournalGone { folder: self.dir.journal(), source: Box::new(away) },
            _ => away,
        }
    }

    /// Whether nobody else loads into the tables of a journal that nobody shares: the numbers of another journal would be taken
    /// for its own, and what they stand for never be loaded.
    fn alone(&self) -> Result<(), Error> {
        let until = Instant::now() + LEAD_WAITS;
        while self.store.lead().map_err(|source| self.tables(source))? == Role::Follows {
            // The session of a process that was killed may take a moment to end.
            if Instant::now() >= until {
                return Err(Error::TablesTaken { named: self.store.location() });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Whether the events of the data folder go into these tables. Those that the journal has released would be missing in others,
    /// and no ledger would tell.
    fn belongs(&self) -> Result<(), Error> {
        let (dir, place, store) = (&self.dir, &self.place, &*self.store);
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
            Tables::Postgres(_) | Tables::Files(_) if note.exists() => self.are_ours(),
            Tables::Postgres(_) | Tables::Files(_) if dir.database().exists() => {
                let advice = "move them first: `dlt tracker move`; or give this tracker a data folder of its own";
                Err(other(dir.database().display().to_string(), advice.to_owned()))
            }
            Tables::Postgres(_) | Tables::Files(_) => {
                if place.journal.0 == Records::Segments {
                    let counts = store.open(Access::Read).and_then(|mut tables| tables.counts());
                    let counts = counts.map_err(|source| self.tables(source))?;
                    // Of a folder that is new here, or was lost: its journal begins anew, and the tables know its numbers already.
                    if counts.position > 0 {
                        return Err(Error::TablesTaken { named: store.location() });
                    }
                }
                self.are_ours()?;
                std::fs::write(&note, store.location()).map_err(|source| Error::folder("write", &note, source))
            }
        }
    }

    /// Whether the tables are of this folder's journal, which they are from now on where they were of none. Two folders that are begun
    /// one after the other with empty tables are told apart by it.
    pub(super) fn are_ours(&self) -> Result<(), Error> {
        if self.place.journal.0 != Records::Segments || self.place.store.0 == Tables::File {
            return Ok(());
        }
        let file = self.dir.owner();
        let owner = secret(&file).map_err(|source| Error::folder("write", &file, source))?;
        match self.store.own(&owner, false).map_err(|source| self.tables(source))? {
            true => Ok(()),
            false => Err(Error::TablesTaken { named: self.store.location() }),
        }
    }

    /// What the tables hold.
    fn loaded(&self) -> Said {
        if !self.store.exists() {
            return Ok(Counts::default());
        }
        let read = |access| self.store.open(access)?.counts();
        let counts = match self.place.store.0 {
            // After a crash only a writer can recover what the database had not written to its file.
            Tables::File => read(Access::Write).or_else(|_| read(Access::Read)),
            Tables::Postgres(_) | Tables::Files(_) => read(Access::Read),
        };
        counts.map_err(|source| self.tables(source))
    }
}
