//! The destination.

use crate::connection::Files;
use crate::dataset::Dataset;
use crate::failure::failed;
use crate::lake::FORMATS;
use crate::settings::Filesystem;
use dlt_engine::destination::{Access, Capabilities, Connection, Destination};
use dlt_engine::digest::name_digest;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Scheme, Store};

impl Destination for Filesystem {
    fn type_name(&self) -> &str {
        "filesystem"
    }

    fn fingerprint(&self) -> String {
        match self.address.scheme() {
            Scheme::Local if Address::is_address(&self.written) => name_digest("file://"),
            Scheme::Local => name_digest(""),
            _ => name_digest(&self.address.origin()),
        }
    }

    fn location(&self) -> String {
        self.place()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.merge_strategies = &[];
        capabilities.table_formats = FORMATS;
        capabilities
    }

    fn is_there(&self) -> bool {
        self.address.local_path().is_none_or(|path| path.exists())
    }

    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        if dataset.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a dataset needs a name"));
        }
        let store = Store::open(&self.address, &self.credentials).map_err(failed)?.below(dataset);
        Ok(Box::new(Files::new(Dataset { name: dataset.to_owned(), store, settings: self.clone() }, access)))
    }
}
