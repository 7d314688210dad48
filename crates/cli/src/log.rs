//! What a server has to say while it runs: warnings and errors of our own crates, a line each, to standard error.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::printer::{BAD, DIM, Printer, WARNING};

/// Prints events as they happen. There are no spans to follow.
struct Log {
    printer: Printer,
    is_json: bool,
}

/// From now on events are printed, as objects of JSON if `is_json`. A second call changes nothing.
pub(crate) fn begin(printer: Printer, is_json: bool) {
    // It fails only where somebody listens already.
    let _ = tracing::subscriber::set_global_default(Log { printer, is_json });
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Programs look through what they are told, so they are told more.
        let least = if self.is_json { Level::INFO } else { Level::WARN };
        *metadata.level() <= least && metadata.target().starts_with("dlt")
    }

    fn event(&self, event: &Event<'_>) {
        if self.is_json {
            let mut object = Object::new(event.metadata(), jiff::Timestamp::now());
            event.record(&mut object);
            return self.printer.happened(&Value::Object(object.0).to_string());
        }
        let mut line = Line::default();
        event.record(&mut line);
        let label = match *event.metadata().level() {
            Level::ERROR => format!("{BAD}error{BAD:#}"),
            _ => format!("{WARNING}warning{WARNING:#}"),
        };
        let now = jiff::Timestamp::now();
        self.printer.happened(&format!("{DIM}{now:.0}{DIM:#} {label}: {}{}", line.message, line.fields));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, and behind it the fields: `; error: disk full`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, "; {name}: {value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// An event as JSON: `time`, `level`, `target`, `message`, and its fields.
struct Object(Map<String, Value>);

impl Object {
    fn new(about: &Metadata<'_>, now: jiff::Timestamp) -> Self {
        let mut members = Map::new();
        members.insert("time".to_owned(), format!("{now:.3}").into());
        members.insert("level".to_owned(), about.level().as_str().to_lowercase().into());
        members.insert("target".to_owned(), about.target().into());
        Self(members)
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_and_its_fields() {
        use std::sync::{Arc, Mutex, PoisonError};
        struct Keep(Arc<Mutex<Vec<String>>>);
        impl Subscriber for Keep {
            fn enabled(&self, _: &Metadata<'_>) -> bool {
                true
            }
            fn event(&self, event: &Event<'_>) {
                let mut line = Line::default();
                event.record(&mut line);
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.message + &line.fields);
            }
            fn new_span(&self, _: &Attributes<'_>) -> Id {
                Id::from_u64(1)
            }
            fn record(&self, _: &Id, _: &Record<'_>) {}
            fn record_follows_from(&self, _: &Id, _: &Id) {}
            fn enter(&self, _: &Id) {}
            fn exit(&self, _: &Id) {}
        }
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Keep(Arc::clone(&lines)), || {
            let error = std::io::Error::other("disk full");
            tracing::warn!(%error, first = 7, text = "plain", "events wait");
        });
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*lines, ["events wait; error: disk full; first: 7; text: plain"]);
    }
}
