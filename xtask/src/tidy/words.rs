//! What no tracked file may contain: a path of somebody's machine, the host of a package registry, unfinished work.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// A piece of text that is refused, and why. Written in two parts, so that this file does not refuse itself.
struct Rule {
    text: String,
    reason: &'static str,
    /// Only files with this ending are looked at; an empty ending means all.
    ending: &'static str,
}

/// Files that are written by machines or given by others.
const NOT_OURS: [&str; 3] = ["Cargo.lock", "package-lock.json", "LICENSE"];

const UNFINISHED: [(&str, &str); 5] =
    [("todo", "!("), ("unimplemented", "!("), ("TO", "DO"), ("FIX", "ME"), ("#[ign", "ore")];

const PATH: &str = "a path of one machine";
const HOST: &str = "name a package, not the host it comes from";

/// Looks at every file that git tracks.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let rules = rules(workspace);
    let tracked = process::output(Command::new("git").args(["ls-files", "-z"]).current_dir(workspace.root()))
        .context("tidy looks at the files that git tracks")?;
    let mut found = Vec::new();
    for name in tracked.split('\0').filter(|name| !name.is_empty()) {
        if NOT_OURS.iter().any(|other| name.ends_with(other)) {
            continue;
        }
        // Not text, or gone from the working tree: neither can hold a word.
        let Ok(text) = fs::read_to_string(workspace.path(name)) else { continue };
        found.extend(breaches_in(name, &text, &rules));
    }
    Ok(found)
}

fn breaches_in(name: &str, text: &str, rules: &[Rule]) -> Vec<String> {
    let mut found = Vec::new();
    for rule in rules.iter().filter(|rule| name.ends_with(rule.ending)) {
        for (index, _) in text.lines().enumerate().filter(|(_, line)| names(line, &rule.text)) {
            found.push(format!("{name}:{}: {:?}: {}", index + 1, rule.text, rule.reason));
        }
    }
    found
}

/// Whether the text stands in the line with no letter or digit right before it: `a/b/` holds no `/b/`.
fn names(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.')
    })
}

fn rules(workspace: &Workspace) -> Vec<Rule> {
    let everywhere = |text: String, reason| Rule { text, reason, ending: "" };
    let mut rules = Vec::new();
    for (first, second) in UNFINISHED {
        rules.push(Rule { text: format!("{first}{second}"), reason: "finish it, or take it out", ending: ".rs" });
    }
    // The checkout's top folder and the home folder of whoever runs this: what would slip in by copy and paste.
    let top = workspace.root().components().nth(1).map(|part| format!("/{}/", part.as_os_str().to_string_lossy()));
    let home = std::env::var("HOME").ok().filter(|home| Path::new(home).is_absolute());
    let home = home.map(|home| format!("{}/", home.trim_end_matches('/')));
    let system = |path: &String| path == "/tmp/" || path == "/home/" || path == "/";
    rules.extend(top.into_iter().chain(home).filter(|path| !system(path)).map(|path| everywhere(path, PATH)));
    rules.push(everywhere(format!("/{}/.", "root"), PATH));
    for (first, second) in [("registry.npm", "js.org"), ("files.python", "hosted.org"), ("index.crates", ".io")] {
        rules.push(everywhere(format!("{first}{second}"), HOST));
    }
    rules.extend(registry_hosts().into_iter().map(|host| everywhere(host, HOST)));
    rules
}

/// The hosts that this machine's package clients are set up with.
fn registry_hosts() -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let mut settings = String::new();
    for file in [".cargo/config.toml", ".npmrc", ".config/pip/pip.conf", ".pip/pip.conf"] {
        settings.push_str(&fs::read_to_string(Path::new(&home).join(file)).unwrap_or_default());
    }
    settings.push_str(&fs::read_to_string("/etc/pip.conf").unwrap_or_default());
    // A client that is not installed has no registry set.
    settings.push_str(&process::output(Command::new("npm").args(["config", "get", "registry"])).unwrap_or_default());
    hosts_in(&settings)
}

fn hosts_in(settings: &str) -> Vec<String> {
    let mut hosts: Vec<String> = settings
        .split("://")
        .skip(1)
        .filter_map(|rest| {
            let authority = rest.split(|c: char| c == '/' || c.is_whitespace() || c == '"' || c == '\'').next()?;
            let host = authority.rsplit('@').next()?.split(':').next()?;
            (host.contains('.') && host != "github.com" && !host.starts_with("127.")).then(|| host.to_owned())
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str, ending: &'static str) -> Rule {
        Rule { text: text.to_owned(), reason: "why", ending }
    }

    #[test]
    fn a_breach_is_named_with_file_line_and_reason() {
        let found = breaches_in("docs/a.md", "fine\nsee /place/file\n", &[rule("/place/", "")]);
        assert_eq!(found, [r#"docs/a.md:2: "/place/": why"#]);
    }

    #[test]
    fn a_longer_path_that_ends_alike_is_none() {
        assert!(breaches_in("a.md", "a network/place/file and ./place/file", &[rule("/place/", "")]).is_empty());
    }

    #[test]
    fn a_rule_for_code_leaves_prose_alone() {
        let rules = [rule("later", ".rs")];
        assert!(breaches_in("README.md", "later", &rules).is_empty());
        assert_eq!(breaches_in("a.rs", "// later", &rules).len(), 1);
    }

    #[test]
    fn hosts_are_read_without_ports_users_and_paths() {
        let settings = "index-url = https://user:word@mirror.example:8080/simple\nregistry=http://npm.example/\nhttps://github.com/x";
        assert_eq!(hosts_in(settings), ["mirror.example", "npm.example"]);
    }
}
