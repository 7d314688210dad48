//! Some of the resources of a source.

use dlt_engine::source::{ExtractContext, Resource};
use dlt_engine::{Error, ErrorKind, Result, Source};

use dlt_engine::suggest;

/// Opens only the resources of these names.
pub(super) fn resources(source: &mut dyn Source, context: &ExtractContext, names: &[String]) -> Result<Vec<Resource>> {
    // Of several selections all hold.
    let chosen: Vec<String> = names.iter().filter(|name| context.wants(name, true)).cloned().collect();
    let narrowed = ExtractContext { selection: Some(chosen.into()), ..context.clone() };
    let mut found = source.resources(&narrowed)?;
    if let Some(missing) = names.iter().find(|name| found.iter().all(|resource| resource.name != **name)) {
        // A source that minds the selection has not shown the others.
        let offered = source.resources(&ExtractContext { selection: None, ..context.clone() }).unwrap_or_default();
        let known = offered.iter().chain(&found).map(|resource| resource.name.as_str());
        if context.wants(missing, true) {
            return Err(unknown(missing, known));
        }
    }
    found.retain(|resource| narrowed.wants(&resource.name, false));
    Ok(found)
}

/// There is no resource of this name.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let error = Error::new(ErrorKind::Config, format!("the source has no resource `{name}`"));
    match suggest(name, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => error,
        None => error.hint(format!("it has {}", known.join(", "))),
    }
}
