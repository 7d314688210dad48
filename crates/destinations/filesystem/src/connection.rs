//! An open dataset.

use crate::dataset::Dataset;
use crate::load::Load;
use crate::query;
use crate::settle::settle;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_destination_duckdb::in_memory::quote;
use dlt_engine::destination::{Access, Connection, Stored, Transaction};
use dlt_engine::{Error, ErrorKind, Result};

pub(crate) struct Files {
    pub(crate) dataset: Dataset,
    access: Access,
}

impl Files {
    pub(crate) fn new(dataset: Dataset, access: Access) -> Self {
        Self { dataset, access }
    }
}

impl Connection for Files {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        let Some(form) = self.dataset.form()? else { return Ok(Stored::default()) };
        if self.access == Access::Write {
            self.dataset.check_layout(&form)?;
            settle(&self.dataset, None)?;
        }
        Ok(Stored { schema: self.dataset.stored_schema(schema)?, state: self.dataset.stored_state(pipeline)? })
    }

    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        let is_loaded = self.dataset.loads()?.contains(load_id);
        if is_loaded && self.access == Access::Write {
            settle(&self.dataset, None)?;
        }
        Ok(is_loaded)
    }

    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::Internal, "a load needs a connection that may write"));
        }
        Ok(Box::new(Load::begin(&self.dataset)))
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        query::tables(&self.dataset)
    }

    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        query::run(&self.dataset, sql, on_batch)
    }

    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }
}
