//! Loads that were killed after their commit, or given up before.

use crate::dataset::Dataset;
use crate::intent::Intent;
use crate::lake;
use dlt_engine::Result;
use std::time::Duration;

/// How long the intent of a load stands that nobody commits or tries again. Then its files are deleted: whoever began it has given
/// it up, or begun it anew under another id.
const GIVEN_UP: Duration = Duration::from_secs(24 * 3600);

/// Takes an intent away, with those files of it that are to go.
fn end(dataset: &Dataset, intent: &Intent, files: &[String]) -> Result<()> {
    dataset.delete(files)?;
    dataset.delete(&[Intent::key(&intent.load_id)])
}

/// Finishes loads that were killed after their commit, and takes back what was given up. Loads that others have under way are
/// left alone, and so is the load `except`.
pub(crate) fn settle(dataset: &Dataset, except: Option<&str>) -> Result<()> {
    let intents = dataset.intents()?;
    if intents.is_empty() {
        return Ok(());
    }
    let loads = dataset.loads()?;
    for (intent, written) in intents.iter().filter(|(intent, _)| Some(&*intent.load_id) != except) {
        if loads.contains(&intent.load_id) {
            end(dataset, intent, &intent.deletes)?;
        } else if written.elapsed().is_ok_and(|age| age > GIVEN_UP) {
            // A table that cannot be written stands in nobody's way: the intent stays, for the next load.
            if lake::take_back(dataset, intent).is_err() {
                continue;
            }
            end(dataset, intent, &intent.writes)?;
            dataset.remove_parts(intent)?;
        }
    }
    Ok(())
}
