//! Reads a source to its end, as the engine does.

use arrow::array::{Array, make_array};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use dlt_engine::source::{Chunk, ExtractContext};
use dlt_engine::{Result, Source};
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::PathBuf;

/// What a resource gave.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) items: Vec<Value>,
    /// The items as they came.
    pub(crate) raw: Vec<String>,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Table {
    /// The items as compact JSON.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.items.iter().map(Value::to_string).collect()
    }

    /// The batches as JSON objects, nulls left out.
    pub(crate) fn batch_rows(&self) -> Vec<String> {
        let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
        for batch in &self.batches {
            let columns = batch.columns().iter().map(|column| match column.data_type() {
                // The writer knows zones by their offsets only.
                DataType::Timestamp(unit, Some(_)) => {
                    let data =
                        column.to_data().into_builder().data_type(DataType::Timestamp(*unit, Some("+00:00".into())));
                    make_array(data.build().unwrap())
                }
                _ => column.clone(),
            });
            let schema = batch.schema();
            let named = schema.fields().iter().map(|field| field.name()).zip(columns).map(|(n, c)| (n, c, true));
            writer.write(&RecordBatch::try_from_iter_with_nullable(named).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(writer.into_inner()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Names and types of the columns of the first batch.
    pub(crate) fn columns(&self) -> Vec<String> {
        let fields = self.batches[0].schema();
        fields.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    }
}

pub(crate) fn read(source: &mut dyn Source) -> Result<Vec<Table>> {
    read_with(source, &ExtractContext::default())
}

pub(crate) fn read_with(source: &mut dyn Source, context: &ExtractContext) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for mut resource in source.resources(context)? {
        let mut table = Table { name: resource.name, ..Table::default() };
        while let Some(chunk) = resource.reader.next_chunk()? {
            if let Some(tap) = &mut resource.tap {
                tap(&chunk)?;
            }
            match chunk {
                Chunk::Json(chunk) => {
                    for item in serde_json::Deserializer::from_slice(&chunk.bytes).into_iter::<Box<RawValue>>() {
                        let item = item.unwrap();
                        table.items.push(serde_json::from_str(item.get()).unwrap());
                        table.raw.push(item.get().to_owned());
                    }
                }
                Chunk::Arrow(chunk) => table.batches.push(chunk.batch),
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    dir
}

/// The only table of a source over one file with this content.
pub(crate) fn one(name: &str, content: &[u8]) -> Result<Table> {
    let dir = folder(&[(name, content)]);
    let paths: Vec<PathBuf> = vec![dir.path().join(name)];
    let mut tables = read(&mut dlt_sources::files(paths))?;
    assert_eq!(tables.len(), 1);
    Ok(tables.remove(0))
}
