//! The Worker of `edge/cloudflare`: its packages, and its own tests.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// The oldest Node that its tests run on.
const NODE: (u32, u32) = (20, 11);

/// Why its tests can't run on this machine; nothing where they can. Installs the packages that they need.
pub(crate) fn lack(workspace: &Workspace) -> Option<String> {
    let version = process::output(Command::new("node").arg("--version")).unwrap_or_default();
    if !is_new_enough(&version) {
        return Some(format!("it needs Node {}.{} or newer, and npm", NODE.0, NODE.1));
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    process::output(npm(workspace).args(install)).err().map(|error| format!("{error:#}"))
}

/// The tests of the Worker alone.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    process::run(npm(workspace).arg("test"))
}

fn npm(workspace: &Workspace) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder(workspace));
    npm
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.path("edge/cloudflare")
}

/// Whether `v20.11.1` is new enough.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    numbers.next().zip(numbers.next()).is_some_and(|found| found >= NODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_enough) in [
            ("v20.11.0", true),
            ("v20.9.5", false),
            ("v18.20.1", false),
            ("v100.0.0\n", true),
            ("", false),
            ("v20", false),
        ] {
            assert_eq!(is_new_enough(version), is_enough, "{version}");
        }
    }
}
