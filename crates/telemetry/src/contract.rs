//! The contract: every event and every field that can be sent, rendered for people and for other programs.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use crate::event::{Declaration, Event, Field};
use crate::value::Privacy;

/// What one host may send. Rendered from the declarations of its events, so that it cannot say anything else.
///
/// ```
/// use dlt_telemetry::{Contract, events};
/// let contract = Contract::of("dlt", events::ALL);
/// assert!(contract.to_toml().contains("[events.command_init]"));
/// ```
#[derive(Debug, Clone)]
pub struct Contract {
    host: String,
    events: Vec<Declaration>,
}

/// What every message carries beside the event's own properties. A dot leads into an object.
pub const ENVELOPE: &[Field] = &[
    part(
        "anonymousId",
        "The machine's random id, kept in `.anonymous_id` of the data folder.",
        STRING,
        Privacy::Random,
        r#""933dd165453d196a58adaf49444e9b4c""#,
    ),
    part("event", "The event's name: category and name.", STRING, Privacy::Public, r#""command_init""#),
    part(
        "messageId",
        "A UUID of version 7, by which a tracker knows an event that comes twice.",
        STRING,
        Privacy::Random,
        r#""01a202bc-0893-7bab-abab-abababababab""#,
    ),
    part(
        "timestamp",
        "When the event was recorded, by the machine's clock.",
        STRING,
        Privacy::Measure,
        r#""2026-11-22T10:10:07.123Z""#,
    ),
    part(
        "sentAt",
        "When it was sent, true to five minutes; corrects a clock that is wrong.",
        STRING,
        Privacy::Measure,
        r#""2026-11-22T10:10:08.012Z""#,
    ),
    part(
        "context.ci_run",
        "Whether a continuous-integration system ran the program.",
        BOOLEAN,
        Privacy::System,
        "false",
    ),
    part("context.cpu", "Cores that the program may use.", INTEGER, Privacy::System, "8"),
    part(
        "context.exec_info",
        "Words for where the program ran: kubernetes, docker, codespaces, github_actions, notebook, colab, airflow, dagster, prefect, marimo, aws_lambda, gcp_cloud_function, streamlit, claude_code, claude_code_cli, cursor, codex.",
        "array",
        Privacy::System,
        r#"["docker"]"#,
    ),
    part("context.library.name", "The program that reports.", STRING, Privacy::System, r#""dlt""#),
    part("context.library.version", "Its version.", STRING, Privacy::System, r#""0.1.0""#),
    part("context.os.name", "The operating system.", STRING, Privacy::System, r#""Linux""#),
    part("context.os.version", "The kernel's release.", STRING, Privacy::System, r#""6.8.0-49-generic""#),
    maybe(
        "context.python",
        "The version of the Python that the program is loaded into, where there is one.",
        STRING,
        Privacy::System,
        r#""3.11.7""#,
    ),
    part("context.runtime.name", "What the program is built with.", STRING, Privacy::System, r#""rust""#),
    part("context.runtime.version", "The version of its compiler.", STRING, Privacy::System, r#""1.95.0""#),
    lost("context.dropped.spool_full", "Events given up because the spool had reached its limit."),
    lost("context.dropped.too_old", "Events given up because they had waited too long."),
    lost("context.dropped.too_large", "Events given up because they were larger than one event may be."),
    lost("context.dropped.unwritable", "Events given up because the spool could not be written."),
    lost("context.dropped.busy", "Events given up because other processes held the spool for too long."),
    lost("context.dropped.corrupt", "Events given up because their line in the spool was damaged."),
    lost("context.dropped.refused", "Events that the tracker refused for good."),
    lost("context.dropped.unconfirmed", "Events that the tracker answered with neither yes nor no."),
    lost("context.dropped.interrupted", "Events whose sender died before the answer was in."),
    part("properties.event_category", "The first half of the event's name.", STRING, Privacy::Public, r#""command""#),
    part("properties.event_name", "The second half of the event's name.", STRING, Privacy::Public, r#""init""#),
];

const STRING: &str = "string";
const BOOLEAN: &str = "boolean";
const INTEGER: &str = "integer";

const fn part(
    name: &'static str,
    about: &'static str,
    kind: &'static str,
    privacy: Privacy,
    example: &'static str,
) -> Field {
    Field { name, about, kind, unit: "", privacy, optional: false, example }
}

const fn maybe(
    name: &'static str,
    about: &'static str,
    kind: &'static str,
    privacy: Privacy,
    example: &'static str,
) -> Field {
    Field { name, about, kind, unit: "", privacy, optional: true, example }
}

const fn lost(name: &'static str, about: &'static str) -> Field {
    Field { name, about, kind: INTEGER, unit: "events", privacy: Privacy::Measure, optional: true, example: "2" }
}

impl Contract {
    /// The contract of a host with these events.
    #[must_use]
    pub fn of(host: &str, events: &[Declaration]) -> Self {
        Self { host: host.to_owned(), events: events.to_vec() }
    }

    /// Adds one event.
    #[must_use]
    pub fn with<E: Event>(mut self) -> Self {
        self.events.push(E::DECLARATION);
        self
    }

    /// The events, in the order of declaration.
    #[must_use]
    pub fn events(&self) -> &[Declaration] {
        &self.events
    }

    /// Whether a message holds only what is declared, and all that is not optional.
    ///
    /// # Errors
    /// A sentence that names the first member that does not fit.
    pub fn check(&self, body: &str) -> Result<(), String> {
        let message: Json = serde_json::from_str(body).map_err(|error| format!("the message is not JSON: {error}"))?;
        let name = message.get("event").and_then(Json::as_str).ok_or("the message names no event")?;
        let event = self
            .events
            .iter()
            .find(|event| event.event() == name)
            .ok_or(format!("the event `{name}` is not declared"))?;
        let mut declared: Vec<(String, Field)> = ENVELOPE.iter().map(|field| (field.name.to_owned(), *field)).collect();
        declared.extend(event.fields.iter().map(|field| (format!("properties.{}", field.name), *field)));

        let mut members = Vec::new();
        flatten("", message.as_object().ok_or("the message is no object")?, &mut members);
        for (path, value) in &members {
            let field =
                declared.iter().find(|(declared, _)| declared == path).ok_or(format!("`{path}` is not declared"))?.1;
            if !fits(field.kind, value) {
                return Err(format!("`{path}` is {value}, but it is declared as {}", field.kind));
            }
        }
        match declared.iter().find(|(path, field)| !field.optional && members.iter().all(|(member, _)| member != path))
        {
            Some((path, _)) => Err(format!("`{path}` is missing")),
            None => Ok(()),
        }
    }

    /// For programs: one table an event, one table a field.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# What {} may send: every event, every field. Generated from the declarations in the code; do not edit.\n\
             \nversion = 1\nhost = {}\n",
            self.host,
            quoted(&self.host)
        );
        for field in ENVELOPE {
            let _ = write!(text, "\n[envelope.{}]\n", quoted(field.name));
            toml_field(&mut text, field);
        }
        for event in &self.events {
            let _ = write!(text, "\n[events.{}]\nmeaning = {}\n", event.event(), quoted(event.about.trim()));
            let _ = writeln!(text, "category = {}\nname = {}", quoted(event.category), quoted(event.name));
            for field in event.fields {
                let _ = write!(text, "\n[events.{}.fields.{}]\n", event.event(), field.name);
                toml_field(&mut text, field);
            }
        }
        text
    }

    /// For people.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "<!-- Generated from the declarations in the code; do not edit. -->\n\n# What {} may send\n\n\
             Every event and every field there is. A field that is not listed here cannot be sent: it has no way into a\n\
             message. The privacy classes:\n\n| class | meaning |\n| --- | --- |\n",
            self.host
        );
        for (class, about) in CLASSES {
            let _ = writeln!(text, "| {} | {about} |", class.name());
        }
        text.push_str("\n## In every message\n\n");
        markdown_fields(&mut text, ENVELOPE);
        let mut category = "";
        for event in &self.events {
            if event.category != category {
                category = event.category;
                let _ = write!(text, "\n## Events of category `{category}`\n");
            }
            let _ = write!(text, "\n### `{}`\n\n{}\n\n", event.event(), event.about.trim());
            markdown_fields(&mut text, event.fields);
        }
        text
    }
}

const CLASSES: [(Privacy, &str); 5] = [
    (Privacy::Public, "a word that the program itself defines, the same for everyone"),
    (Privacy::Measure, "a number, a time, or a yes or no about what happened"),
    (Privacy::Hash, "a one-way hash of a name that the user chose, keyed with a secret that stays on the machine"),
    (Privacy::Random, "drawn at random; says nothing by itself, but links what carries it"),
    (Privacy::System, "a property of the machine or of the software that runs"),
];

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

fn toml_field(text: &mut String, field: &Field) {
    let _ = writeln!(text, "meaning = {}\ntype = {}", quoted(field.about.trim()), quoted(field.kind));
    if !field.unit.is_empty() {
        let _ = writeln!(text, "unit = {}", quoted(field.unit));
    }
    let _ = writeln!(
        text,
        "privacy = {}\noptional = {}\nexample = {}",
        quoted(field.privacy.name()),
        field.optional,
        field.example
    );
}

fn markdown_fields(text: &mut String, fields: &[Field]) {
    text.push_str("| field | meaning | type | privacy | example |\n| --- | --- | --- | --- | --- |\n");
    for field in fields {
        let kind = match (field.unit, field.optional) {
            ("", false) => field.kind.to_owned(),
            ("", true) => format!("{}, may be missing", field.kind),
            (unit, false) => format!("{}, in {unit}", field.kind),
            (unit, true) => format!("{}, in {unit}, may be missing", field.kind),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {kind} | {} | `{}` |",
            field.name,
            field.about.trim(),
            field.privacy.name(),
            field.example
        );
    }
}

fn flatten(prefix: &str, object: &Map<String, Json>, members: &mut Vec<(String, Json)>) {
    for (name, value) in object {
        // A dot leads into an object; one in a name must not be taken for that.
        let name = if name.contains('.') { quoted(name) } else { name.clone() };
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Json::Object(inner) if !inner.is_empty() => flatten(&path, inner, members),
            _ => members.push((path, value.clone())),
        }
    }
}

fn fits(kind: &str, value: &Json) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "array" => value.as_array().is_some_and(|items| items.iter().all(Json::is_string)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Reason;
    use crate::clock::Clock;
    use crate::envelope::{Context, Software, compose};
    use crate::environment::Environment;
    use crate::events::{self, CommandInit, CommandTelemetry};
    use crate::loss::Losses;
    use crate::value::Word;

    fn contract() -> Contract {
        Contract::of("dlt", events::ALL)
    }

    fn body<E: Event>(event: &E, losses: &Losses) -> String {
        let software = Software {
            name: "dlt".into(),
            version: "1".into(),
            python: Some("3".into()),
            also_running_in: vec!["marimo"],
        };
        let context = Context::new(&Environment::empty(), &software);
        compose(event, "id", &context, losses, Clock::system().now_ms(), [7; 16])
    }

    fn init() -> CommandInit {
        CommandInit {
            destination_name: Some(Word::new("duckdb")),
            pipeline_name: None,
            elapsed: std::time::Duration::from_secs(1).into(),
            success: true,
        }
    }

    #[test]
    fn the_whole_of_a_message_is_declared() {
        let mut losses = Losses::default();
        for reason in Reason::ALL {
            losses.add(reason, 1);
        }
        contract().check(&body(&init(), &losses)).unwrap();
        contract().check(&body(&init(), &Losses::default())).unwrap();
    }

    #[test]
    fn what_is_not_declared_is_named() {
        let good = body(&init(), &Losses::default());
        let bad = |from: &str, to: &str| contract().check(&good.replace(from, to)).unwrap_err();
        assert_eq!(
            bad("\"success\":true", "\"success\":true,\"path\":\"/home/ann\""),
            "`properties.path` is not declared"
        );
        assert_eq!(
            bad("\"success\":true", "\"success\":\"yes\""),
            "`properties.success` is \"yes\", but it is declared as boolean"
        );
        assert_eq!(
            bad("\"event\":", "\"context.dropped.busy\":1,\"event\":"),
            "`\"context.dropped.busy\"` is not declared"
        );
        assert_eq!(bad("\"event\":", "\"path\":{},\"event\":"), "`path` is not declared");
        assert!(contract().check("{").unwrap_err().starts_with("the message is not JSON"));
        assert_eq!(bad("\"elapsed\":1.0,", ""), "`properties.elapsed` is missing");
        assert_eq!(bad("command_init", "command_unknown"), "the event `command_unknown` is not declared");
        assert_eq!(bad("\"ci_run\"", "\"user\""), "`context.user` is not declared");
    }

    #[test]
    fn every_event_is_named_once_and_every_field_explained() {
        let names: Vec<_> = events::ALL.iter().map(Declaration::event).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert!(names.contains(&CommandTelemetry::DECLARATION.event()));
        for field in events::ALL.iter().flat_map(|event| event.fields).chain(ENVELOPE) {
            assert!(field.about.trim().ends_with('.'), "{}", field.name);
            let example: Json = serde_json::from_str(field.example).unwrap_or_else(|_| panic!("{}", field.name));
            assert!(fits(field.kind, &example), "{}: {example}", field.name);
        }
    }

    #[test]
    fn the_toml_is_toml() {
        let document: toml_edit::DocumentMut = contract().to_toml().parse().unwrap();
        let elapsed = &document["events"]["command_init"]["fields"]["elapsed"];
        assert_eq!(elapsed["unit"].as_str(), Some("s"));
        assert_eq!(elapsed["privacy"].as_str(), Some("measure"));
        assert_eq!(document["envelope"]["context.ci_run"]["type"].as_str(), Some("boolean"));
    }
}
