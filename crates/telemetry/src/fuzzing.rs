//! What must hold for any bytes in the files that this crate reads, and in a message. Called by the targets in `fuzz/`
//! and by a test that replays their corpus; no part of the API.
//!
//! Each function panics where the promise is broken, and else returns nothing.

use std::path::Path;

use crate::config::{self, ConfigFile, Scalar};
use crate::contract::Contract;
use crate::environment::Environment;
use crate::names::{Names, Part};
use crate::{consent, disk, envelope, events, receipt, spool};

/// A moment in 2026, so that every run is the same.
const NOW_MS: u64 = 1_795_350_000_000;

/// A configuration: what cannot be understood counts as off, and switching changes what is then read, once.
pub fn config(bytes: &[u8]) {
    let names = Names::dlt();
    let key = names.key_of(Part::Switch);
    let read = |text: std::io::Result<String>| ConfigFile::of(Path::new("config.toml"), text);
    let file = read(config::decode(bytes.to_vec()));
    let consent = consent::decide(consent::gather(None, &Environment::empty(), &names, std::slice::from_ref(&file)));
    assert!(file.broken().is_none() || !consent.enabled, "a file that cannot be understood counts as off");
    let Ok(text) = config::decode(bytes.to_vec()) else { return };
    for wish in [false, true] {
        let Ok(changed) = config::with_bool(&text, &names.table, &key, wish) else { continue };
        let found = read(Ok(changed.clone())).get(&names.table, &key);
        assert_eq!(found.map(|found| found.value), Some(Scalar::Bool(wish)), "{changed}");
        let again = config::with_bool(&changed, &names.table, &key, wish);
        assert_eq!(again.as_ref(), Ok(&changed), "a second time changes nothing");
    }
}

/// A spool: what is read survives the rewriting, and the time of sending touches nothing else.
pub fn spool(bytes: &[u8]) {
    let text = disk::text_of(bytes.to_vec());
    let contents = spool::parse(&text);
    let again = spool::parse(&contents.to_text());
    assert_eq!((&again.entries, &again.losses), (&contents.entries, &contents.losses));
    let lines = text.lines().filter(|line| !line.is_empty()).count();
    assert!(contents.entries.len() <= lines, "no event comes from nowhere");
    for entry in contents.entries {
        let stamped = envelope::freshly_stamped(&entry.body, NOW_MS);
        assert_eq!(envelope::freshly_stamped(&stamped, NOW_MS), stamped);
        let after = spool::parse(&stamped).entries.pop().map(|entry| (entry.message_id, entry.event));
        assert_eq!(after, Some((entry.message_id, entry.event)), "{stamped}");
    }
}

/// Receipts: a chain that is whole stays whole when it grows.
pub fn receipts(bytes: &[u8]) {
    receipt::check_invariants(&disk::text_of(bytes.to_vec()));
}

/// A message: what the contract lets through names one of its events, and no member that is not declared.
pub fn contract(bytes: &[u8]) {
    let contract = Contract::of("dlt", events::ALL);
    let text = disk::text_of(bytes.to_vec());
    if contract.check(&text).is_err() {
        return;
    }
    let message: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert!(contract.events().iter().any(|event| message["event"] == *event.event()), "{text}");
    let mut stranger = message;
    stranger["properties"]["path"] = "/home/ann".into();
    assert!(contract.check(&stranger.to_string()).is_err(), "{stranger}");
    stranger["properties"]["path"] = serde_json::json!({});
    assert!(contract.check(&stranger.to_string()).is_err(), "{stranger}");
}
