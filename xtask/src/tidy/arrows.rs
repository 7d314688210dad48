//! The arrows between crates, read from `cargo metadata`.
//!
//! `cli → dlt, tracker → sources, destinations → engine` and `dlt → telemetry`: a crate may name what stands below
//! it and nothing else. Some walls are told of the whole tree below a crate: the engine must not reach a database, an
//! HTTP server or a command-line parser by any path, and telemetry must not reach an async runtime or a pipeline.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Of the workspace's crates, those that each may depend on in shipped code.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("dlt-telemetry", &[]),
    ("dlt-engine", &[]),
    ("dlt-objects", &["dlt-engine"]),
    ("dlt-postgres", &["dlt-engine"]),
    ("dlt-sources", &["dlt-engine", "dlt-objects"]),
    // A file of DuckDB is opened once in a process, whether it is read as a source or written as a destination: who does so
    // is one crate.
    ("dlt-source-sql-database", &["dlt-engine", "dlt-postgres", "dlt-destination-duckdb"]),
    ("dlt-destination-compliance", &["dlt-engine"]),
    ("dlt-destination-adbc", &["dlt-engine", "dlt-objects"]),
    ("dlt-destination-duckdb", &["dlt-engine"]),
    // Queries over files are DuckDB's: no second engine, and one place that opens its library.
    ("dlt-destination-filesystem", &["dlt-engine", "dlt-objects", "dlt-destination-duckdb"]),
    ("dlt-destination-postgres", &["dlt-engine", "dlt-postgres"]),
    (
        "dlt-tracker",
        &[
            "dlt-engine",
            "dlt-objects",
            "dlt-sources",
            "dlt-postgres",
            "dlt-destination-duckdb",
            "dlt-destination-filesystem",
            "dlt-destination-postgres",
        ],
    ),
    (
        "dlt",
        &[
            "dlt-engine",
            "dlt-sources",
            "dlt-source-sql-database",
            "dlt-destination-adbc",
            "dlt-destination-duckdb",
            "dlt-destination-filesystem",
            "dlt-destination-postgres",
            "dlt-telemetry",
        ],
    ),
    ("dlt-cli", &["dlt", "dlt-tracker"]),
    ("dlt-testkit", &[]),
    ("dlt-e2e", &[]),
    ("xtask", &["dlt-testkit"]),
];

/// Crates that a crate of ours must not reach by any path, and why.
const WALLS: [(&str, &[&str], &str); 3] = [
    ("dlt-engine", HEAVY, "the engine is linked by programs that bring their own database, server and arguments"),
    (
        "dlt-sources",
        &["duckdb", "libduckdb-sys", "axum", "clap"],
        "sources know the engine and nothing of who runs them",
    ),
    ("dlt-telemetry", RUNTIMES, "a host that links telemetry gets no async runtime, no pipeline and no database"),
];
const HEAVY: &[&str] = &["duckdb", "libduckdb-sys", "axum", "hyper", "clap", "tokio"];
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "hyper", "reqwest", "dlt-engine", "arrow", "duckdb", "clap"];

/// Features that would make every ordinary build compile DuckDB's C++: no default feature may turn them on.
const NEVER_BY_DEFAULT: [(&str, &[&str]); 2] =
    [("libduckdb-sys", &["bundled", "json", "parquet"]), ("duckdb", &["bundled", "json", "parquet"])];

/// How many crates a host takes on with telemetry and its default features, telemetry itself left out.
const TELEMETRY_TREE: usize = 40;

/// The packages of a build, what each names in shipped code, and the features that are on by default.
pub(super) struct Graph {
    members: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<String>>,
    features: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Reads cargo's answer. Development dependencies are left out: tests may know more than what is shipped.
    pub(super) fn read(metadata: &Value) -> Result<Graph> {
        let list = |value: &Value, what: &str| {
            value.as_array().cloned().with_context(|| format!("cargo metadata has no list of {what}"))
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"], "packages")? {
            names.insert(text(&package["id"]), text(&package["name"]));
        }
        let name = |id: &Value| names.get(id.as_str().unwrap_or_default()).cloned().unwrap_or_default();
        let members = list(&metadata["workspace_members"], "members")?.iter().map(name).collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut features: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"], "resolved packages")? {
            let below = edges.entry(name(&node["id"])).or_default();
            for dependency in list(&node["deps"], "dependencies")? {
                let kinds = list(&dependency["dep_kinds"], "kinds")?;
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    below.insert(name(&dependency["pkg"]));
                }
            }
            let on = features.entry(name(&node["id"])).or_default();
            on.extend(list(&node["features"], "features")?.iter().map(text));
        }
        Ok(Graph { members, edges, features })
    }

    fn below(&self, package: &str) -> impl Iterator<Item = &String> {
        self.edges.get(package).into_iter().flatten()
    }

    /// Everything that can be reached from a package, with the path that reaches it.
    fn reached(&self, package: &str) -> BTreeMap<String, Vec<String>> {
        let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut waiting = vec![vec![package.to_owned()]];
        while let Some(path) = waiting.pop() {
            let Some(last) = path.last().cloned() else { continue };
            for next in self.below(&last) {
                if next != package && !paths.contains_key(next) {
                    let longer: Vec<String> = path.iter().chain([next]).cloned().collect();
                    paths.insert(next.clone(), longer.clone());
                    waiting.push(longer);
                }
            }
        }
        paths
    }
}

/// Every breach of the rules above, as a sentence.
pub(super) fn breaches(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for member in &graph.members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| name == member) else {
            found.push(format!("{member}: a new crate needs its place among the arrows (xtask/src/tidy/arrows.rs)"));
            continue;
        };
        for other in graph.below(member).filter(|other| graph.members.contains(*other)) {
            if !allowed.contains(&other.as_str()) {
                found.push(format!("{member} may not depend on {other}: the arrows point one way"));
            }
        }
    }
    for (package, walls, reason) in WALLS {
        let reached = graph.reached(package);
        for wall in walls {
            if let Some(path) = reached.get(*wall) {
                found.push(format!("{package} reaches {wall} ({}): {reason}", path.join(" → ")));
            }
        }
    }
    for (package, features) in NEVER_BY_DEFAULT {
        for feature in features {
            if graph.features.get(package).is_some_and(|on| on.contains(*feature)) {
                found.push(format!("{package}/{feature} is on by default: every build would compile DuckDB's C++"));
            }
        }
    }
    found
}

/// A breach when telemetry has grown too large for a host. Counted with telemetry's own default features, as a host
/// gets it: the graph above has the features that the whole workspace asks for together.
pub(super) fn telemetry_breach(workspace: &Workspace) -> Result<Option<String>> {
    let mut cargo = workspace.plain_cargo();
    cargo.args(["tree", "--package", "dlt-telemetry", "--edges", "normal", "--prefix", "none", "--locked"]);
    Ok(too_large(&process::output(&mut cargo)?))
}

fn too_large(tree: &str) -> Option<String> {
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let brought = crates.len().saturating_sub(1);
    let breach = format!("dlt-telemetry brings {brought} crates to its host; {TELEMETRY_TREE} are the most it may");
    (brought > TELEMETRY_TREE).then_some(breach)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(members: &[&str], edges: &[(&str, &str)], features: &[(&str, &str)]) -> Graph {
        let mut graph = Graph {
            members: members.iter().map(|name| (*name).to_owned()).collect(),
            edges: BTreeMap::new(),
            features: BTreeMap::new(),
        };
        for (from, to) in edges {
            graph.edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        for (package, feature) in features {
            graph.features.entry((*package).to_owned()).or_default().insert((*feature).to_owned());
        }
        graph
    }

    #[test]
    fn an_arrow_that_points_up_is_a_breach() {
        let found = breaches(&graph(&["dlt-engine", "dlt-sources"], &[("dlt-engine", "dlt-sources")], &[]));
        assert_eq!(found, ["dlt-engine may not depend on dlt-sources: the arrows point one way"]);
    }

    #[test]
    fn an_arrow_that_points_down_is_none() {
        let found = breaches(&graph(&["dlt-engine", "dlt-sources"], &[("dlt-sources", "dlt-engine")], &[]));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_wall_is_held_over_any_distance_and_the_path_is_shown() {
        let found = breaches(&graph(&["dlt-telemetry"], &[("dlt-telemetry", "web"), ("web", "tokio")], &[]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("dlt-telemetry → web → tokio"), "{found:?}");
    }

    #[test]
    fn a_crate_without_a_place_is_a_breach() {
        let found = breaches(&graph(&["dlt-utils"], &[], &[]));
        assert!(found[0].starts_with("dlt-utils: a new crate needs its place"), "{found:?}");
    }

    #[test]
    fn compiling_duckdb_by_default_is_a_breach() {
        let found = breaches(&graph(&[], &[], &[("libduckdb-sys", "bundled"), ("duckdb", "vtab-arrow")]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("libduckdb-sys/bundled"), "{found:?}");
    }

    #[test]
    fn a_tree_too_large_for_a_host_is_a_breach() {
        let tree = |count: usize| (0..=count).map(|number| format!("crate-{number} v1.0.0\n")).collect::<String>();
        let most = tree(TELEMETRY_TREE);
        assert_eq!(too_large(&most), None);
        assert_eq!(too_large(&format!("{most}crate-7 v1.0.0 (*)\n")), None, "a crate named twice is one crate");
        assert!(too_large(&tree(TELEMETRY_TREE + 1)).unwrap().contains("brings 41 crates"));
    }

    #[test]
    fn development_dependencies_are_not_arrows() {
        let metadata = serde_json::json!({
            "packages": [{"id": "a", "name": "dlt-engine"}, {"id": "b", "name": "duckdb"}],
            "workspace_members": ["a"],
            "resolve": {"nodes": [
                {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}]}], "features": []},
                {"id": "b", "deps": [], "features": []},
            ]},
        });
        assert!(breaches(&Graph::read(&metadata).unwrap()).is_empty());
    }
}
