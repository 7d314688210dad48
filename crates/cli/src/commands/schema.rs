//! `dlt pipeline NAME schema` and `dlt schema FILE`: a schema for people and for other programs.

use std::collections::HashMap;
use std::fs;

use console::Term;
use dlt::telemetry::Telemetry;
use dlt::{Diagram, LocalPipeline, Schema};

use super::known::opened;
use crate::args::{self, SchemaFormat, ShowSchema};
use crate::exit::{Failure, Outcome};
use crate::printer::{BOLD, DIM};
use crate::schema_tree::{Tree, draw};
use crate::settings::Settings;

/// Prints the schema of a pipeline: as the destination has it, or, where that cannot be asked, as this machine remembers it.
pub(crate) fn show(
    known: &LocalPipeline,
    arguments: &ShowSchema,
    settings: &Settings,
    telemetry: &Telemetry,
) -> Outcome {
    let printer = settings.printer;
    let pipeline = opened(known, settings, telemetry)?;
    let (schema, is_stored) = match pipeline.stored_schema(arguments.schema.as_deref()) {
        Ok(Some(schema)) => (schema, true),
        Ok(None) => {
            let name = arguments.schema.as_deref().unwrap_or(&known.schema);
            return Err(Failure::usage(format!("dataset {} has no schema `{name}`", known.dataset))
                .hint(schemas_hint(known, settings)));
        }
        Err(error) => {
            let name = arguments.schema.as_deref().unwrap_or(&known.schema);
            let folder = settings.providers.data_folder();
            let Some(schema) = dlt::local_copy(folder, &known.pipeline, name)?.schema else { return Err(error.into()) };
            printer
                .warning(&format!("this is what this machine remembers, for the destination cannot be asked: {error}"));
            (schema, false)
        }
    };
    if arguments.format != SchemaFormat::Tree {
        return print(&schema, arguments.format, arguments.remove_processing_hints, settings);
    }
    let unknown = arguments.tables.iter().find(|table| !schema.tables.contains_key(*table));
    if let Some(table) = unknown {
        let failure = Failure::usage(format!("schema `{}` has no table `{table}`", schema.name));
        let known = schema.data_tables().map(|table| table.name.as_str());
        return Err(match dlt::suggest(table, known) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure,
        });
    }
    let counts = match is_stored {
        true => pipeline.dataset().and_then(|mut dataset| dataset.row_counts()).unwrap_or_default(),
        false => Vec::new(),
    };
    let heading = format!(
        "{BOLD}Schema {}{BOLD:#} {DIM}version {}, dataset {} in {}{DIM:#}\n",
        schema.name, schema.version, known.dataset, known.location
    );
    print_tree(&schema, &heading, &arguments.tables, counts.into_iter().collect(), settings)
}

fn schemas_hint(known: &LocalPipeline, settings: &Settings) -> String {
    let folder = settings.providers.data_folder();
    let state = dlt::local_copy(folder, &known.pipeline, &known.schema).ok().and_then(|copy| copy.state);
    let names = state.and_then(|state| state.get("schema_names").cloned());
    let names: Vec<String> = names.and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default();
    match names.is_empty() {
        true => format!("the pipeline's schema is `{}`", known.schema),
        false => format!("its schemas are {}", names.join(", ")),
    }
}

/// `dlt schema FILE`.
pub(crate) fn schema(arguments: &args::Schema, settings: &Settings) -> Outcome {
    let path = &arguments.file;
    let input = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {input}")).because(&error).hint("name a schema file"))?;
    let schema = match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => Schema::from_yaml(&text, &input)?,
        Some("json") => Schema::from_json(&text, &input)?,
        _ => {
            return Err(Failure::usage(format!("{input}: the ending does not tell the format"))
                .hint("schema files end with .yaml, .yml or .json"));
        }
    };
    if arguments.format == SchemaFormat::Tree {
        let heading = format!("{BOLD}Schema {}{BOLD:#} {DIM}version {}{DIM:#}\n", schema.name, schema.version);
        return print_tree(&schema, &heading, &[], HashMap::new(), settings);
    }
    print(&schema, arguments.format, arguments.remove_processing_hints, settings)
}

fn print_tree(
    schema: &Schema,
    heading: &str,
    tables: &[String],
    rows: HashMap<String, u64>,
    settings: &Settings,
) -> Outcome {
    let terminal = Term::stdout();
    let width = terminal.is_term().then(|| usize::from(terminal.size().1));
    settings.printer.data(&format!("{heading}{}", draw(&Tree { schema, tables, rows, width })))
}

fn print(schema: &Schema, format: SchemaFormat, remove_processing_hints: bool, settings: &Settings) -> Outcome {
    let bare = remove_processing_hints.then(|| schema.without_processing_hints());
    let schema = bare.as_ref().unwrap_or(schema);
    let text = match format {
        SchemaFormat::Yaml | SchemaFormat::Tree => schema.to_yaml(),
        SchemaFormat::Json => format!("{}\n", schema.to_pretty_json()),
        SchemaFormat::Dbml => schema.to_diagram(Diagram::Dbml),
        SchemaFormat::Dot => schema.to_diagram(Diagram::Dot),
        SchemaFormat::Mermaid => schema.to_diagram(Diagram::Mermaid),
    };
    settings.printer.data_with(|out| out.write_all(text.as_bytes()))
}
