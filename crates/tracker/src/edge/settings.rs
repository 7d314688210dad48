//! What the Worker is deployed with: write keys, by their hashes, and contracts.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::contract::{self, Contracts};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::projects::UnknownKey;

const HEAD: &str =
    "// Write keys and contracts of the tracker that this Worker receives for. Written by `dlt tracker edge`.\n";

/// The module `settings.js` of the Worker, from a data folder: the write keys by their hashes, and the contracts of projects.
/// It holds no secret.
///
/// # Errors
///
/// When there is no such folder, or keys or contracts can't be read.
pub fn edge_settings(data_dir: impl AsRef<Path>, unknown_key: UnknownKey) -> Result<String, Error> {
    let data_dir = data_dir.as_ref();
    if !data_dir.is_dir() {
        return Err(Error::NoData { folder: data_dir.to_owned() });
    }
    let dir = DataDir::new(data_dir);
    let book = Contracts::open(dir.contracts())?;
    let mut contracts = Map::new();
    for project in book.projects() {
        contracts.insert(project.clone(), contract::to_json(&book.own(&project)?));
    }
    let settings = json!({
        "keys": dir.keys().kept()?,
        "refuse_unknown_keys": unknown_key == UnknownKey::Refuse,
        "contracts": Value::Object(contracts),
    });
    Ok(format!("{HEAD}\nexport default {settings:#};\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_are_told_by_their_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        dir.keys().add("web", Some("the site"), Some("the-key-of-web")).unwrap();
        std::fs::create_dir(dir.contracts()).unwrap();
        let total = "[events.bought.fields]\ntotal = { type = \"number\", privacy = \"measure\", optional = false }\n";
        std::fs::write(dir.contracts().join("web.toml"), total).unwrap();
        let written = edge_settings(folder.path(), UnknownKey::Refuse).unwrap();
        assert!(!written.contains("the-key-of-web"), "{written}");
        let (_, json) = written.split_once("export default ").unwrap();
        let settings: Value = serde_json::from_str(json.trim_end().trim_end_matches(';')).unwrap();
        assert_eq!(settings["refuse_unknown_keys"], true);
        assert_eq!(settings["keys"][0]["project"], "web");
        assert_eq!(settings["keys"][0]["hash"].as_str().unwrap().len(), 64);
        let field = &settings["contracts"]["web"]["events"]["bought"]["fields"]["total"];
        assert_eq!(field, &json!({"type": "number", "optional": false}));
        assert!(matches!(edge_settings(folder.path().join("no"), UnknownKey::Default), Err(Error::NoData { .. })));
    }
}
