//! A store: what can be done with objects below an address.

use crate::address::{Address, Scheme};
use crate::backend::local::Local;
use crate::backend::remote::Remote;
use crate::backend::web::Web;
use crate::backend::{aws, azure, gcp};
use crate::credentials::Credentials;
use crate::failure::{Result, StoreError, StoreErrorKind};
use crate::listing::{Level, Listing, Object};
use crate::reader::{Place, Reader};
use crate::runtime;
use crate::writer::Writer;
use object_store::PutMode;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

/// Objects below an [`Address`]. Keys are paths below it, with `/` between their parts; the empty key is the address itself. Cheap
/// to clone; calls block, and may come from several threads at once.
#[derive(Clone, Debug)]
pub struct Store {
    address: Address,
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Local(Local),
    Remote(Remote),
    Web(Web),
}

impl Store {
    /// Opens the store. Nothing is reached yet, but where the machine itself has to tell who it is.
    ///
    /// # Errors
    /// [`StoreErrorKind::Config`] or [`StoreErrorKind::Credentials`] if settings are wrong or missing.
    pub fn open(address: &Address, credentials: &Credentials) -> Result<Self> {
        if address.scheme() != Scheme::Local {
            runtime::make_ready();
        }
        let store = match address.scheme() {
            Scheme::S3 => aws::open(address, &credentials.aws)?,
            Scheme::Gcs => gcp::open(address, &credentials.gcp)?,
            Scheme::Azure => azure::open(address, &credentials.azure)?,
            Scheme::Local => {
                let local = Local { root: PathBuf::from(address.path()) };
                return Ok(Self { address: address.clone(), backend: Backend::Local(local) });
            }
            Scheme::Http => {
                return Ok(Self { address: address.clone(), backend: Backend::Web(Web::open(address)?) });
            }
        };
        Ok(Self { address: address.clone(), backend: Backend::Remote(Remote { address: address.clone(), store }) })
    }

    /// The address that keys are below.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The same store, with keys that are below a folder of it.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        let address = self.address.join(folder);
        let backend = match &self.backend {
            Backend::Local(local) => Backend::Local(Local { root: local.path(folder) }),
            Backend::Remote(remote) => {
                Backend::Remote(Remote { address: address.clone(), store: std::sync::Arc::clone(&remote.store) })
            }
            Backend::Web(web) => Backend::Web(web.clone()),
        };
        Self { address, backend }
    }

    /// The path of a key, where the store is a folder of this machine.
    pub fn local_path(&self, key: &str) -> Option<PathBuf> {
        match &self.backend {
            Backend::Local(local) => Some(local.path(key)),
            _ => None,
        }
    }

    /// All objects below a folder, at any depth; none if there is no such folder.
    ///
    /// # Errors
    /// If the store fails, now or while it is listed; of a web server, always.
    pub fn list(&self, below: &str) -> Result<Listing> {
        let objects: Box<dyn Iterator<Item = Result<Object>> + Send> = match &self.backend {
            Backend::Local(local) => Box::new(local.list(below)),
            Backend::Remote(remote) => Box::new(remote.list(below)?),
            Backend::Web(_) => return Err(self.unsupported("a web server does not tell what it has", "name each file")),
        };
        Ok(Listing { objects })
    }

    /// What is directly in a folder.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn level(&self, below: &str) -> Result<Level> {
        match &self.backend {
            Backend::Local(local) => local.level(below),
            Backend::Remote(remote) => remote.level(below),
            Backend::Web(_) => Err(self.unsupported("a web server does not tell what it has", "name each file")),
        }
    }

    /// Names of the folders directly below a folder, in no particular order.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn folders(&self, below: &str) -> Result<Vec<String>> {
        self.level(below).map(|level| level.folders)
    }

    /// What an object is; `None` if it is not there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn head(&self, key: &str) -> Result<Option<Object>> {
        match &self.backend {
            Backend::Local(local) => local.head(key),
            Backend::Remote(remote) => remote.head(key),
            Backend::Web(web) => web.head(key),
        }
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn exists(&self, key: &str) -> Result<bool> {
        self.head(key).map(|object| object.is_some())
    }

    /// An object from beginning to end.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`] if it is not there; if the store fails.
    pub fn get(&self, key: &str) -> Result<Reader> {
        self.reader(key, 0, None)
    }

    /// Some bytes of an object; fewer where it ends before.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotFound`] if it is not there; if the store fails, or the object ends before the range begins.
    pub fn get_range(&self, key: &str, range: Range<u64>) -> Result<Reader> {
        self.reader(key, range.start, Some(range.end))
    }

    /// A whole object in memory. For small ones.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn read(&self, key: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.get(key)?.read_to_end(&mut bytes).map_err(|error| self.of_read(key, &error))?;
        Ok(bytes)
    }

    fn reader(&self, key: &str, from: u64, end: Option<u64>) -> Result<Reader> {
        match &self.backend {
            Backend::Local(local) => {
                let path = local.path(key);
                let failed = |error: &std::io::Error| StoreError::local("read", &path, error);
                let object = local.head(key)?.ok_or_else(|| failed(&std::io::ErrorKind::NotFound.into()))?;
                let mut file = File::open(&path).map_err(|error| failed(&error))?;
                if from > 0 {
                    file.seek(SeekFrom::Start(from)).map_err(|error| failed(&error))?;
                }
                let length = end.map_or(u64::MAX, |end| end.saturating_sub(from));
                Ok(Reader::of_file(object, file, length, path))
            }
            Backend::Remote(remote) => Reader::of_store(Place::Remote(remote.clone()), key, from, end),
            Backend::Web(web) => Reader::of_store(Place::Web(web.clone()), key, from, end),
        }
    }

    /// The failure that an error of a stream carries, or tells of.
    fn of_read(&self, key: &str, error: &std::io::Error) -> StoreError {
        StoreError::of_io(error).cloned().unwrap_or_else(|| {
            StoreError::new(StoreErrorKind::Other, format!("cannot read {}: {error}", self.address.join(key)))
        })
    }

    /// Writes an object as a whole; one of the same name is replaced.
    ///
    /// # Errors
    /// If the store fails; of a web server, always.
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) -> Result<()> {
        match &self.backend {
            Backend::Local(local) => {
                let mut making = local.create(key)?;
                making.write(&bytes.into())?;
                making.finish()
            }
            Backend::Remote(remote) => remote.put(key, bytes.into(), PutMode::Overwrite).map(|_| ()),
            Backend::Web(_) => Err(self.not_written()),
        }
    }

    /// Writes an object if there is none of the name, in one step; false if there is one. Of several who try it at the same time, one
    /// succeeds.
    ///
    /// # Errors
    /// If the store fails, or does not know how; of a web server, always.
    pub fn put_new(&self, key: &str, bytes: impl Into<Vec<u8>>) -> Result<bool> {
        match &self.backend {
            Backend::Local(local) => local.create_new(key, &bytes.into()),
            Backend::Remote(remote) => remote.put(key, bytes.into(), PutMode::Create),
            Backend::Web(_) => Err(self.not_written()),
        }
    }

    /// Begins an object that is written piece by piece; one of the same name is replaced when it is finished.
    ///
    /// # Errors
    /// If the store fails; of a web server, always.
    pub fn writer(&self, key: &str) -> Result<Writer> {
        match &self.backend {
            Backend::Local(local) => Ok(Writer::of_file(local.create(key)?)),
            Backend::Remote(remote) => Ok(Writer::of_store(remote.clone(), key)),
            Backend::Web(_) => Err(self.not_written()),
        }
    }

    /// Deletes objects. Those that are not there are passed over.
    ///
    /// # Errors
    /// If the store fails, for the first that could not be deleted; of a web server, always.
    pub fn delete<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        match &self.backend {
            Backend::Local(local) => keys.into_iter().try_for_each(|key| local.delete(key)),
            Backend::Remote(remote) => {
                let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
                if keys.is_empty() { Ok(()) } else { remote.delete(&keys) }
            }
            Backend::Web(_) => Err(self.not_written()),
        }
    }

    /// Removes what writers that were killed left below a folder of this machine; `is_meant` is asked for the name of each. Other
    /// stores hold nothing of the kind that can be seen.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn delete_parts(&self, below: &str, is_meant: &dyn Fn(&str) -> bool) -> Result<()> {
        match &self.backend {
            Backend::Local(local) => local.delete_parts(below, is_meant),
            Backend::Remote(_) | Backend::Web(_) => Ok(()),
        }
    }

    fn not_written(&self) -> StoreError {
        self.unsupported("nothing can be written to a web server", "name a folder or a bucket")
    }

    fn unsupported(&self, why: &str, hint: &str) -> StoreError {
        StoreError::new(StoreErrorKind::Unsupported, format!("{}: {why}", self.address)).hint(hint)
    }
}
