//! What is proposed reads as a contract that takes what it was made of.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::proposal::{Said, event};
use super::seen::{Eyes, Values};
use crate::contract::Contract;
use crate::scrub;
use crate::tree::{Members, Tree};

fn proposed(events: &[Map<String, Value>], own: Option<&Contract>) -> String {
    let (mut seen, mut eyes) = (Values::default(), Eyes::default());
    for properties in events {
        seen.count += 1;
        properties.iter().for_each(|(name, value)| seen.add_member(name, value, &mut eyes));
    }
    let said = Said { own: own.and_then(|own| own.events.get("e")), built_in: None };
    event("e", &said, &seen, eyes.told().into_iter().collect(), "").unwrap_or_default()
}

fn read(text: &str) -> Contract {
    Contract::parse(text, Path::new("c.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Names as senders make them, odd ones included.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-c]{1,2}",
        1 => Just("ip".to_owned()),
        1 => Just("a.b".to_owned()),
        1 => Just("ada@example.org".to_owned()),
        1 => any::<String>(),
    ]
}

/// Values whose types follow from where they stand, so that each has one.
fn value(kind: u8) -> BoxedStrategy<Value> {
    match kind % 6 {
        0 => any::<String>().prop_map(Value::from).boxed(),
        1 => any::<bool>().prop_map(Value::from).boxed(),
        2 => (-1000..1000).prop_map(Value::from).boxed(),
        3 => (-1e9..1e9).prop_map(Value::from).boxed(),
        4 => prop::collection::vec(any::<i32>().prop_map(Value::from), 0..3).prop_map(Value::from).boxed(),
        _ => prop::collection::vec(any::<bool>(), 0..3)
            .prop_map(|items| items.into_iter().map(|item| json!([{"deep \n": item, "": 1, "ip": "1"}])).collect())
            .boxed(),
    }
}

fn properties() -> impl Strategy<Value = Map<String, Value>> {
    let kind = |name: &str| name.bytes().fold(0u8, u8::wrapping_add);
    let one = name()
        .prop_flat_map(move |name| (Just(name.clone()), prop_oneof![1 => Just(Value::Null), 6 => value(kind(&name))]));
    prop::collection::vec(one, 0..6).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_proposed_takes_what_it_was_made_of(events in prop::collection::vec(properties(), 1..12)) {
        let text = proposed(&events, None);
        let contract = read(&text);
        for properties in &events {
            // A name that no contract can have is not in it.
            let nameable: Map<String, Value> = properties.iter()
                .filter(|(name, value)| crate::contract::can_be_named(name) || scrub::is_forbidden(name, value))
                .map(|(name, value)| (name.clone(), without_odd_names(value)))
                .collect();
            let members: Members<'_> =
                nameable.iter().map(|(name, value)| (name.as_str().into(), Tree::from(value))).collect();
            prop_assert_eq!(contract.judge("e", &members), Ok(()), "{}\n{}", text, json!(nameable));
        }
    }
}

fn without_odd_names(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_odd_names).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[test]
fn what_is_said_stays_and_only_names_are_added() {
    let own = read(
        r#"
        [events.e.fields]
        n = { type = "integer", privacy = "hash", optional = false }
        [events.e.fields.of]
        type = "array"
        privacy = "public"
        items = { type = "object", fields = { a = { type = "string", privacy = "public" } } }
        "#,
    );
    let seen = json!({"n": 1.5, "of": [{"a": 1, "b": true}], "new": [[1]]});
    let text = proposed(&[seen.as_object().unwrap().clone()], Some(&own));
    let mut proposal = read(&text);
    let fields = &mut proposal.events.get_mut("e").unwrap().fields;
    assert!(fields.remove("new").is_some());
    let of = &text[text.find("[events.e.fields.of.items.fields]").unwrap()..];
    assert!(of.contains("b = { type = \"boolean\", privacy = \"measure\" }  # in 100 % of objects"), "{text}");
    assert!(
        of.contains("a = { type = \"string\", privacy = \"public\" }  # in 100 % of objects; also integer (1)"),
        "{text}"
    );
    assert!(text.contains(
        "n = { type = \"integer\", privacy = \"hash\", optional = false }  # in 100 % of events; also number (1)"
    ));
    assert_eq!(proposed(&[], Some(&own)), proposed(&[Map::new()], Some(&own)).replace("  # in none", ""));
}

#[test]
fn what_is_too_deep_or_too_much_is_told_and_not_named() {
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    let wide: Map<String, Value> = (0..300).map(|number| (format!("n{number}"), json!(1))).collect();
    let text = proposed(&[json!({"deep": deep}).as_object().unwrap().clone()], None);
    assert!(text.contains("# a has more than 12 lists and objects in each other"), "{text}");
    read(&text);
    let text = proposed(&[wide], None);
    assert!(text.contains("# 300 more names, which look like data") && !text.contains("n1 "), "{text}");
    // Names beyond what is held in memory are not looked at.
    let many = |from: usize| (from..from + 4000).map(|number| (format!("n{number}"), json!(1))).collect();
    let text = proposed(&(0..10).map(|part| many(part * 4000)).collect::<Vec<_>>(), None);
    assert!(text.contains("# 20000 more names") && text.contains("# names beyond the first 20000 were"), "{text}");
}
