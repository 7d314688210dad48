//! The demo's data: GitHub's webhook payloads, deeply nested and of many shapes, as the community collected them in the
//! npm package `@octokit/webhooks-examples` (MIT). Each kind of event becomes a JSON Lines file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

const PACKAGE: &str = "@octokit/webhooks-examples@7.6.1";

/// The kinds that the first delivery holds.
const FIRST: [&str; 6] = ["push", "issues", "pull_request", "release", "check_run", "workflow_run"];
/// A kind that only comes with the second.
const LATER: &str = "star";

/// All payloads by kind.
pub(super) struct Webhooks(Vec<(String, Vec<Value>)>);

/// What a delivery wrote, for the person who watches.
pub(super) struct Delivery {
    pub(super) files: usize,
    pub(super) payloads: usize,
}

impl Webhooks {
    /// Fetches the package into `work` and reads it.
    pub(super) fn fetch(work: &Path) -> Result<Webhooks> {
        fs::create_dir_all(work)?;
        let mut npm = Command::new("npm");
        npm.args(["pack", PACKAGE, "--silent", "--prefer-offline", "--pack-destination"]).arg(work);
        println!("$ {}", process::shown(&npm));
        let printed = process::output(&mut npm)?;
        let archive = printed.lines().next_back().context("npm pack named no file")?.trim().to_owned();
        process::output(Command::new("tar").arg("xzf").arg(work.join(archive)).arg("-C").arg(work))?;
        let text = fs::read_to_string(work.join("package/api.github.com/index.json"))?;
        Webhooks::read(&text)
    }

    fn read(text: &str) -> Result<Webhooks> {
        let kinds: Vec<Value> = serde_json::from_str(text)?;
        let named = kinds.iter().map(|kind| {
            let name = kind["name"].as_str().context("a kind of event has no name")?;
            let examples = kind["examples"].as_array().with_context(|| format!("{name} has no examples"))?;
            Ok((name.to_owned(), examples.clone()))
        });
        Ok(Webhooks(named.collect::<Result<_>>()?))
    }

    /// The first half of what arrived: one file for each of six kinds.
    pub(super) fn deliver_first(&self, folder: &Path) -> Result<Delivery> {
        self.deliver(folder, &FIRST, |payloads| &payloads[..payloads.len() / 2])
    }

    /// The other half, with fields and lists that the first had not, and a kind that is new.
    pub(super) fn deliver_second(&self, folder: &Path) -> Result<Delivery> {
        let known = self.deliver(folder, &FIRST, |payloads| &payloads[payloads.len() / 2..])?;
        let new = self.write(folder, LATER, |payloads| payloads)?;
        Ok(Delivery { files: known.files + 1, payloads: known.payloads + new })
    }

    fn deliver(&self, folder: &Path, kinds: &[&str], part: fn(&[Value]) -> &[Value]) -> Result<Delivery> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        let mut payloads = 0;
        for kind in kinds {
            payloads += self.write(folder, kind, part)?;
        }
        Ok(Delivery { files: kinds.len(), payloads })
    }

    fn write(&self, folder: &Path, kind: &str, part: fn(&[Value]) -> &[Value]) -> Result<usize> {
        let Some((_, all)) = self.0.iter().find(|(name, _)| name == kind) else {
            bail!("{PACKAGE} has no payloads of {kind}");
        };
        let lines: Vec<String> = part(all).iter().map(Value::to_string).collect();
        fs::write(folder.join(format!("{kind}.jsonl")), lines.join("\n") + "\n")?;
        Ok(lines.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_deliveries_are_all_payloads_and_share_none() {
        let kinds: Vec<Value> = FIRST
            .iter()
            .chain([&LATER])
            .map(|kind| serde_json::json!({"name": kind, "examples": [{"n": 1}, {"n": 2}, {"n": 3}]}))
            .collect();
        let webhooks = Webhooks::read(&Value::from(kinds).to_string()).unwrap();
        let folder = std::env::temp_dir().join(format!("xtask-webhooks-{}", std::process::id()));
        let first = webhooks.deliver_first(&folder).unwrap();
        assert_eq!((first.files, first.payloads), (6, 6));
        assert_eq!(fs::read_to_string(folder.join("push.jsonl")).unwrap(), "{\"n\":1}\n");
        let second = webhooks.deliver_second(&folder).unwrap();
        assert_eq!((second.files, second.payloads), (7, 15));
        assert_eq!(fs::read_to_string(folder.join("push.jsonl")).unwrap(), "{\"n\":2}\n{\"n\":3}\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 7);
        fs::remove_dir_all(&folder).unwrap();
    }
}
