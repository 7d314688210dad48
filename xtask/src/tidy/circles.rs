//! No circle of modules within a crate: where two modules need each other, neither can be read, moved or tested
//! without the other. What both need belongs below them; or the two are one module.
//!
//! Modules are compared with their siblings, each with everything below it: in `load::plan → schema`, `load` names
//! `schema`. A module and its own children are one unit, so a child may name what its parent defines.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::modules::{Module, Modules};
use crate::workspace::Workspace;

/// Looks at every library and program of the workspace.
pub(super) fn breaches(workspace: &Workspace, metadata: &Value) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata has no list of packages")? {
        let is_member = metadata["workspace_members"].as_array().is_some_and(|ids| ids.contains(&package["id"]));
        if !is_member {
            continue;
        }
        let name = package["name"].as_str().unwrap_or_default();
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_shipped =
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == "lib" || k == "bin"));
            if let Some(root) = target["src_path"].as_str().filter(|_| is_shipped) {
                let modules = Modules::read(Path::new(root), workspace.root())?;
                found.extend(
                    circles(&modules)
                        .into_iter()
                        .map(|circle| format!("{name}: modules in a circle: {circle}; move what both need below them")),
                );
            }
        }
    }
    Ok(found)
}

/// Modules that all lead to each other.
#[derive(Debug)]
struct Circle {
    /// All of them.
    knot: BTreeSet<String>,
    /// A shortest way around, each step with the place where it is taken.
    steps: Vec<(String, String)>,
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (module, place) in &self.steps {
            write!(f, "{module} → ({place}) ")?;
        }
        let first = self.steps.first().map_or("", |(module, _)| module);
        write!(f, "{first}")?;
        if self.knot.len() > self.steps.len() {
            write!(f, " (part of a knot of {})", Vec::from_iter(self.knot.iter().map(String::as_str)).join(", "))?;
        }
        Ok(())
    }
}

/// For each module the siblings that it names, with one place each.
type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

fn edges(modules: &Modules) -> Edges {
    let mut edges = Edges::new();
    for reference in &modules.references {
        let (from, to) = (&reference.from, modules.target(reference));
        let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        // One stands above the other, or they are the same.
        if shared == from.len() || shared == to.len() {
            continue;
        }
        let siblings = edges.entry(from[..=shared].to_vec()).or_default();
        siblings.entry(to[..=shared].to_vec()).or_insert_with(|| reference.place.clone());
    }
    edges
}

fn circles(modules: &Modules) -> Vec<Circle> {
    let edges = edges(modules);
    let ways: BTreeMap<&Module, Vec<&Module>> =
        edges.keys().filter_map(|module| Some((module, way_around(&edges, module)?))).collect();
    let mut seen: BTreeSet<&Module> = BTreeSet::new();
    let mut found = Vec::new();
    for (module, way) in &ways {
        if !seen.insert(module) {
            continue;
        }
        let reached = reached(&edges, module);
        let knot: BTreeSet<&Module> = ways
            .keys()
            .copied()
            .filter(|other| reached.contains(other) && self::reached(&edges, other).contains(module))
            .collect();
        seen.extend(&knot);
        let shortest = knot.iter().filter_map(|module| ways.get(module)).min_by_key(|way| way.len()).unwrap_or(way);
        let place = |from: &Module, to: &Module| edges[from][to].clone();
        let next = shortest.iter().cycle().skip(1);
        let steps = shortest.iter().zip(next).map(|(from, to)| (from.join("::"), place(from, to))).collect();
        found.push(Circle { knot: knot.into_iter().map(|module| module.join("::")).collect(), steps });
    }
    found
}

/// Everything that can be reached from a module, over any number of steps.
fn reached<'a>(edges: &'a Edges, module: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![module];
    while let Some(next) = waiting.pop() {
        for below in edges.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(below) {
                waiting.push(below);
            }
        }
    }
    reached
}

/// A shortest way from a module back to itself.
fn way_around<'a>(edges: &'a Edges, start: &'a Module) -> Option<Vec<&'a Module>> {
    let mut waiting = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = waiting.pop_front() {
        for next in edges.get(*way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                waiting.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        circles(&Modules::of_text(text)).iter().map(Circle::to_string).collect()
    }

    #[test]
    fn a_circle_is_shown_as_a_path_with_its_places() {
        let text = "mod a { use crate::b::B; }\nmod b { fn f() { crate::c::g(); } }\nmod c { type T = super::a::A; }";
        assert_eq!(shown(text), ["a → (lib.rs:1) b → (lib.rs:2) c → (lib.rs:3) a"]);
    }

    #[test]
    fn what_points_one_way_is_no_circle() {
        assert!(shown("mod a { use crate::b::{B, c}; use std::fmt; }\nmod b { pub fn f() {} }").is_empty());
    }

    #[test]
    fn a_path_leads_through_what_is_exported_again() {
        let text = "mod a { use crate::B; }\npub use b::B;\nmod b { use crate::a::A; pub use inner::B; mod inner { pub struct B; } }";
        assert_eq!(shown(text), ["a → (lib.rs:1) b → (lib.rs:3) a"]);
    }

    #[test]
    fn siblings_count_with_all_that_is_below_them_and_parents_with_none() {
        let text =
            "mod a { use self::x::X; mod x { use super::A; use super::super::b::B; } }\nmod b { use crate::a::A; }";
        assert_eq!(shown(text), ["a → (lib.rs:1) b → (lib.rs:2) a"]);
        assert_eq!(shown("mod a { mod x { use super::y::Y; } mod y { use super::x::X; } }").len(), 1);
    }

    #[test]
    fn tests_and_visibilities_are_left_out_and_macros_are_read() {
        let text = "mod a { #[cfg(test)] use crate::b::B; #[cfg(test)] mod tests { use crate::b::B; } pub(in crate::b) fn f() {} }\n\
                    mod b { fn f() { println!(\"{}\", crate::a::f()); } }";
        assert!(shown(text).is_empty());
        let text = "mod a { fn f() { g!(x: crate::b::C, 1); } }\nmod b { use crate::a::f; }";
        assert_eq!(shown(text), ["a → (lib.rs:1) b → (lib.rs:2) a"]);
    }

    #[test]
    fn each_knot_is_told_once_by_its_shortest_way() {
        let text = "mod a { use crate::b::B; }\nmod b { use crate::c::C; use crate::d::D; }\nmod c { use crate::b::B; }\nmod d { use crate::a::A; }";
        assert_eq!(shown(text), ["b → (lib.rs:2) c → (lib.rs:3) b (part of a knot of a, b, c, d)"]);
    }
}
