//! Runs: from a source to a load record.
//!
//! A run first goes through what earlier ones left (`left.rs`, by the rules of `resume.rs`), then reads its own input (`fresh.rs`):
//! extract and normalize (`normalizing.rs`) fill a load package, which is loaded in one transaction (`loading.rs`). A package that
//! was left half done goes on where it stands (`again.rs`). What happens is told and kept in the trace (`attempt.rs`).

mod again;
mod attempt;
mod fresh;
mod left;
mod loading;
mod normalizing;
mod preview;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::random_hex_id;
use crate::package::Stage;
use crate::pipeline::Pipeline;
use crate::source::Source;
use crate::trace::LoadInfo;
use attempt::Run;
use left::{dropped, failed};
pub use preview::{Preview, TablePreview};

impl Pipeline {
    /// Extracts, normalizes and loads.
    ///
    /// A run that was killed or failed is taken up by the next run: what it had extracted is loaded. If that was the
    /// same call (by [`Source::identity`]) with the same input (by [`Source::fingerprint`], or, where the input cannot be
    /// read again, by its content), nothing else is done and [`LoadInfo::resumed`] is true; else the new data is loaded
    /// after it. What cannot be finished does not stand in the way: it is dropped if its input can be read again, else it
    /// stays ([`crate::pending_packages`]), and a notice says which.
    ///
    /// # Errors
    /// Whatever went wrong; the destination then holds nothing of this run.
    pub fn run(&self, source: impl Source) -> Result<LoadInfo> {
        self.run_then(source, |_| {})
    }

    /// As [`Pipeline::run`]; `deliver` is called when everything is loaded. A run that is killed before `deliver` has
    /// returned counts as not delivered: the same call then reports it instead of loading the data a second time.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_then(&self, mut source: impl Source, deliver: impl FnOnce(&LoadInfo)) -> Result<LoadInfo> {
        self.replace_strategy.check(&*self.destination)?;
        let folder = self.folder();
        let _lock = folder.lock()?;
        let mut run = Run::new(self, &folder, random_hex_id()?);
        let taken = self.take_up(&folder, &self.call_of(&source), &source.fingerprint(), &run.notices)?;
        if let Some((package, info)) = taken.finished {
            deliver(&info);
            package.remove()?;
            return Ok(info);
        }
        let mut finished = taken.same_call;
        let loaded: Vec<String> = finished.iter().filter_map(|(package, _)| package.manifest.content.clone()).collect();
        let fresh = run.report(|run| run.fresh(&mut source, &loaded, taken.kept))?;
        let Some((package, info)) = fresh.or_else(|| finished.pop()) else {
            return Err(Error::new(ErrorKind::Internal, "a run ended without a load"));
        };
        for (earlier, _) in finished {
            earlier.remove()?;
        }
        deliver(&info);
        package.remove()?;
        Ok(info)
    }

    /// Finishes the packages that wait for this pipeline's destination and dataset, oldest first, and returns what was
    /// loaded.
    ///
    /// # Errors
    /// Why the first that fails cannot be loaded; it stays, as do those after it.
    pub fn load_pending(&self) -> Result<Vec<LoadInfo>> {
        let folder = self.folder();
        let _lock = folder.lock()?;
        let mut loaded = Vec::new();
        for mut package in folder.open_packages()?.packages {
            let is_ours =
                package.manifest.dataset == self.dataset && package.manifest.destination == self.destination.location();
            if package.manifest.stage == Stage::Extracting || !is_ours {
                continue;
            }
            let mut run = Run::new(self, &folder, package.manifest.transaction_id.clone());
            match run.report(|run| run.resume(&mut package)) {
                Ok(Some(info)) => loaded.push(info),
                // Its files are not whole, and its input is still there.
                Ok(None) => run.notices.say(dropped(&package, "its files are damaged")),
                Err(error) => return Err(failed(error, &package)),
            }
            package.remove()?;
        }
        Ok(loaded)
    }
}
