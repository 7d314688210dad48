//! The entry in the registry of destinations.

use crate::layout;
use crate::settings::{FORMATS, Filesystem};
use dlt_engine::connector::{DestinationConnector, Key};
use dlt_engine::settings::{Origin, Section, Table, Value};
use dlt_engine::{Destination, ErrorKind, Result};
use dlt_objects::{Address, Credentials};
use std::path::Path;
use std::sync::Arc;

/// Files by name: what people write for them, and their settings.
pub static CONNECTOR: DestinationConnector = DestinationConnector {
    name: "filesystem",
    about: "Parquet, JSONL or CSV files in a folder, or in S3, Google Cloud Storage or Azure",
    form: "filesystem:FOLDER",
    schemes: &["file", "s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl"],
    keys: &[
        Key::new(
            "bucket_url",
            "the folder or address that datasets are in: `lake`, `s3://bucket/prefix`, `gs://…`, `az://…`",
            "`lake`",
        ),
        Key::new(
            "credentials",
            "[keys of the store](destination-filesystem.md#credentials), as a table",
            "what the environment says",
        )
        .secret()
        .ambient(),
        Key::new("loader_file_format", "`jsonl`, `parquet` or `csv`", "`jsonl`").ambient(),
        Key::new(
            "layout",
            "[how data files are named](destination-filesystem.md#layout)",
            "`{table_name}/{load_id}.{file_id}.{ext}`",
        )
        .ambient(),
        Key::new("extra_placeholders", "placeholders of your own for the layout, as a table of texts", "none"),
        Key::new("disable_compression", "whether JSONL and CSV are written as plain text, and not as `.gz`", "`false`")
            .ambient(),
        Key::new("max_state_files", "states that are kept of a pipeline; 0 keeps all", "100").ambient(),
    ],
    template: "# bucket_url = \"lake\"                 # or s3://bucket/prefix, gs://…, az://…\n# loader_file_format = \"parquet\"      # default: jsonl\n",
    secrets: "# [destination.filesystem.credentials]\n\
              # aws_access_key_id = \"\"\n\
              # aws_secret_access_key = \"\"\n\
              # region_name = \"eu-central-1\"\n",
    ignored: &["lake/"],
    file_endings: &[],
    parse,
    settle,
    open,
    shown,
};

/// What holds if no place is named.
const DEFAULT: &str = "lake";

fn parse(text: &str) -> Result<Table> {
    let place = match text.strip_prefix("filesystem") {
        Some(rest) if rest.is_empty() || rest.starts_with(':') => rest.strip_prefix(':').unwrap_or_default(),
        _ => text,
    };
    let mut settings = Table::default();
    if !place.is_empty() {
        Filesystem::at(place)?;
        settings.set_text("bucket_url", place, Origin::Program);
    }
    Ok(settings)
}

fn settle(settings: &mut Table, folder: &Path, _: &str) {
    let place = match settings.get("bucket_url") {
        None => DEFAULT.to_owned(),
        Some(node) => match (&node.value, settings.path("bucket_url")) {
            (Value::Text(text), _) if !text.trim().is_empty() && !Address::is_address(text) => text.clone(),
            (Value::Path(path), _) => path.to_string_lossy().into_owned(),
            // An address, or what is left to `open`.
            _ => return,
        },
    };
    if !folder.as_os_str().is_empty() {
        let path = folder.join(&place);
        settings.set_text("bucket_url", path.to_string_lossy(), Origin::Program);
    } else {
        settings.set_text("bucket_url", place, Origin::Program);
    }
}

fn open(mut settings: Section) -> Result<Arc<dyn Destination>> {
    let place = settings.path("bucket_url")?;
    let credentials = Credentials::take(&mut settings)?;
    let format = settings.one_of("loader_file_format", &FORMATS)?;
    let named = settings.text("layout")?;
    let mut extra = Vec::new();
    if let Some(section) = settings.section("extra_placeholders")? {
        let name = settings.full_name("extra_placeholders");
        if let Value::Table(table) = section.into_node().value {
            for entry in table.entries {
                match entry.node.value {
                    Value::Text(text) => extra.push((entry.key, text)),
                    Value::Integer(number) => extra.push((entry.key, number.to_string())),
                    _ => return Err(entry.node.origin.error(format!("`{name}.{}` must be a text", entry.key))),
                }
            }
        }
    }
    let plain = settings.flag("disable_compression")?.unwrap_or(false);
    let states = settings.count("max_state_files")?;
    settings.finish()?;
    let place_text = place.as_ref().map_or(DEFAULT.into(), |place| place.value.to_string_lossy());
    let mut destination = Filesystem::at(&place_text).map_err(|error| match &place {
        Some(place) => place.origin.relocated(&error),
        None => error,
    })?;
    if named.is_some() || !extra.is_empty() {
        let layout = named.as_ref().map_or(layout::DEFAULT, |layout| &layout.value);
        destination = destination.layout(layout, &extra).map_err(|error| match &named {
            Some(layout) if error.kind() == ErrorKind::Config => layout.origin.relocated(&error),
            _ => error,
        })?;
    }
    destination = destination.credentials(credentials).format(format.unwrap_or_default()).disable_compression(plain);
    if let Some(states) = states {
        destination = destination.max_state_files(usize::try_from(states.value).unwrap_or(usize::MAX));
    }
    Ok(Arc::new(destination))
}

fn shown(settings: &Table) -> String {
    let place = settings.path("bucket_url").map(|place| place.to_string_lossy().into_owned()).unwrap_or_default();
    Address::parse(&place).ok().filter(|_| Address::is_address(&place)).map_or(place, |address| address.to_string())
}
