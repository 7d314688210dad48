//! Rules that no compiler holds: which crate may know which, that no modules form a circle, and what
//! no file may contain.

mod arrows;
mod circles;
mod modules;
mod words;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Looks at the whole tree and fails with every breach, each with its place and its reason.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let breaches = breaches(workspace)?;
    if breaches.is_empty() {
        println!("tidy: the arrows hold, no modules in a circle, the words are clean");
        return Ok(());
    }
    bail!("tidy found {}:\n  {}", breaches.len(), breaches.join("\n  "))
}

fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let metadata = workspace.metadata(true)?;
    let mut all = arrows::breaches(&arrows::Graph::read(&metadata)?);
    all.extend(arrows::telemetry_breach(workspace)?);
    all.extend(circles::breaches(workspace, &metadata)?);
    all.extend(words::breaches(workspace)?);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_tidy() {
        let breaches = breaches(&Workspace::locate()).unwrap();
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    }
}
