//! What is done to items before they are handed over: steps in the language of jq.

use super::config::ProcessingStep;
use dlt_engine::{Error, ErrorKind, Result};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Ctx, Vars, data};
use jaq_json::{Val, read};
use serde_json::value::RawValue;

type Filter = jaq_core::Filter<data::JustLut<Val>>;
type Item = Box<RawValue>;

/// The steps of a resource, in their order.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

struct Step {
    /// Whether it says which items stay; else what becomes of each.
    is_condition: bool,
    text: String,
    filter: Filter,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|step| &step.text)).finish()
    }
}

impl Steps {
    /// # Errors
    /// What is wrong with a step.
    pub(crate) fn parse(steps: &[ProcessingStep]) -> Result<Self, String> {
        let step = |step: &ProcessingStep| {
            let (is_condition, text) = match (&step.filter, &step.map) {
                (Some(text), None) => (true, text),
                (None, Some(text)) => (false, text),
                _ => return Err("each of `processing_steps` has either `filter` or `map`".to_owned()),
            };
            Ok(Step { is_condition, text: text.clone(), filter: compile(text)? })
        };
        steps.iter().map(step).collect::<Result<_, _>>().map(Self)
    }

    /// The items that come of these.
    ///
    /// # Errors
    /// If a step fails for one of them; what it held is not told.
    pub(crate) fn apply(&self, items: Vec<Item>) -> Result<Vec<Item>> {
        self.0.iter().try_fold(items, |items, step| {
            let mut result = Vec::with_capacity(items.len());
            for item in items {
                step.apply(item, &mut result)?;
            }
            Ok(result)
        })
    }
}

impl Step {
    fn apply(&self, item: Item, result: &mut Vec<Item>) -> Result<()> {
        let input = read::parse_single(item.get().as_bytes()).map_err(|_| self.failed("an item cannot be read"))?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        for output in self.filter.id.run((context, input)) {
            // The reason could quote the item.
            let output = output.map_err(|_| self.failed("it fails for an item"))?;
            if self.is_condition {
                if !matches!(output, Val::Null | Val::Bool(false)) {
                    result.push(item);
                }
                return Ok(());
            }
            let text = output.to_string();
            result.push(RawValue::from_string(text).map_err(|_| self.failed("what it makes is no JSON"))?);
        }
        Ok(())
    }

    fn failed(&self, why: &str) -> Error {
        let key = if self.is_condition { "filter" } else { "map" };
        Error::new(ErrorKind::Data, format!("the processing step `{key} = '{}'`: {why}", self.text))
            .hint("`?` and `//` let an expression pass over what is missing or of another type: (.a | tonumber)? // 0")
    }
}

/// # Errors
/// What cannot be understood.
fn compile(text: &str) -> Result<Filter, String> {
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    // What is in the environment is no part of an item.
    let std = jaq_std::funs().filter(|(name, ..)| *name != "env");
    let funs = jaq_core::funs().chain(std).chain(jaq_json::funs());
    let arena = Arena::default();
    let flaw = |place: Option<&str>| {
        let place = place.filter(|place| !place.trim().is_empty());
        let place = place.map_or("at its end".to_owned(), |place| format!("near `{place}`"));
        format!("the processing step `{text}` is no jq expression: it cannot be understood {place}")
    };
    let modules = Loader::new(defs).load(&arena, File { code: text, path: () }).map_err(|errors| {
        use jaq_core::load::Error as E;
        let place = errors.first().and_then(|(_, error)| match error {
            E::Lex(all) => all.first().map(|(_, place)| *place),
            E::Parse(all) => all.first().map(|(_, place)| *place),
            E::Io(_) => None,
        });
        flaw(place)
    })?;
    jaq_core::Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
        let name = errors.first().and_then(|(_, all)| all.first()).map(|(name, _)| *name);
        match name {
            Some(name) => format!("the processing step `{text}`: jq does not know `{name}`"),
            None => flaw(None),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn steps(steps: &[(&str, &str)]) -> Result<Steps, String> {
        let step = |(key, text): &(&str, &str)| ProcessingStep {
            filter: (*key == "filter").then(|| (*text).to_owned()),
            map: (*key == "map").then(|| (*text).to_owned()),
        };
        Steps::parse(&steps.iter().map(step).collect::<Vec<_>>())
    }

    fn run(all: &[(&str, &str)], items: &[&str]) -> Result<Vec<String>> {
        let items = items.iter().map(|item| RawValue::from_string((*item).to_owned()).unwrap()).collect();
        let result = steps(all).unwrap().apply(items)?;
        Ok(result.iter().map(|item| item.get().to_owned()).collect())
    }

    #[test]
    fn items_are_filtered_and_mapped() {
        let items = [r#"{"a": 1,  "b": 1.10}"#, r#"{"a":12345678901234567890123,"b":1e400}"#, r#"{"a":null}"#];
        // What stays is not touched.
        assert_eq!(run(&[("filter", ".a == 1")], &items).unwrap(), [items[0]]);
        assert_eq!(run(&[("filter", ".a")], &items).unwrap().len(), 2);
        // Numbers keep their digits.
        assert_eq!(
            run(&[("filter", ".b != null"), ("map", "{a, b, c: \"x\"}")], &items).unwrap(),
            [r#"{"a":1,"b":1.10,"c":"x"}"#, r#"{"a":12345678901234567890123,"b":1e400,"c":"x"}"#]
        );
        assert_eq!(run(&[("map", ".[]"), ("map", ". + 1")], &["[1,2]", "[]", "[3]"]).unwrap(), ["2", "3", "4"]);
        assert_eq!(run(&[("map", "del(.a)")], &[r#"{"a":1,"b":3}"#]).unwrap(), [r#"{"b":3}"#]);
    }

    #[test]
    fn flaws_are_explained() {
        let flaw = |text: &str| steps(&[("map", text)]).unwrap_err();
        assert!(flaw(".a | (").contains("no jq expression"), "{}", flaw(".a | ("));
        assert!(flaw(".a | nope").contains("does not know `nope`"), "{}", flaw("nope"));
        assert!(steps(&[("x", ".")]).unwrap_err().contains("either `filter` or `map`"));
        let error = run(&[("map", ".a | tonumber")], &[r#"{"a":"s3cret"}"#]).unwrap_err();
        assert!(error.to_string().contains("fails for an item") && !format!("{error:?}").contains("s3cret"), "{error}");
        assert!(run(&[("map", "halt(3)")], &["1"]).is_err());
        assert!(flaw("env.HOME").contains("does not know `env`"), "{}", flaw("env.HOME"));
        assert!(steps(&[("map", "$ENV.HOME")]).is_err());
    }
}
