//! A bucket, by the crate `object_store`.

use crate::address::Address;
use crate::failure::{Result, StoreError, StoreErrorKind};
use crate::listing::{Level, Object};
use crate::runtime;
use crate::stream::{Opened, next};
use futures_core::Stream;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload,
};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) address: Address,
    pub(crate) store: Arc<dyn ObjectStore>,
}

impl Remote {
    pub(crate) fn at(&self, key: &str) -> String {
        self.address.join(key).to_string()
    }

    fn path(&self, key: &str) -> Result<Path> {
        let whole = self.address.join(key);
        Path::parse(whole.path()).map_err(|_| {
            StoreError::new(
                StoreErrorKind::Unsupported,
                format!("{whole} is no name of an object that can be read or written"),
            )
            .hint("it has an empty part (`//`), `.` or `..`, or control characters")
        })
    }

    pub(crate) fn head(&self, key: &str) -> Result<Option<Object>> {
        let (store, path) = (Arc::clone(&self.store), self.path(key)?);
        match runtime::wait(async move { store.head(&path).await }) {
            Ok(meta) => Ok(Some(object(key.to_owned(), &meta))),
            Err(error) => match StoreError::of_store("look at", &self.at(key), &error) {
                error if error.kind() == StoreErrorKind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Opens an object from an offset on; with an etag, only if it is still the same.
    pub(crate) fn open(&self, key: &str, from: u64, end: Option<u64>, etag: Option<String>) -> Result<Opened> {
        let (store, path) = (Arc::clone(&self.store), self.path(key)?);
        let range = match (from, end) {
            (0, None) => None,
            (from, None) => Some(GetRange::Offset(from)),
            (from, Some(end)) => Some(GetRange::Bounded(from..end)),
        };
        let options = GetOptions { range, if_match: etag, ..GetOptions::default() };
        let at = self.at(key);
        let told = at.clone();
        let opened = runtime::wait(async move { store.get_opts(&path, options).await });
        let opened = opened.map_err(|error| StoreError::of_store("read", &at, &error))?;
        let meta = object(key.to_owned(), &opened.meta);
        let (from, end) = (opened.range.start, opened.range.end);
        let stream = Mapped { stream: opened.into_stream(), told };
        Ok(Opened { object: meta, from, end: Some(end), stream: Box::pin(stream) })
    }

    pub(crate) fn list(&self, below: &str) -> Result<impl Iterator<Item = Result<Object>> + Send + use<>> {
        let prefix = self.address.join(below);
        let prefix = Path::parse(prefix.path()).map_err(|_| {
            StoreError::new(StoreErrorKind::Config, format!("{prefix} is no path in a bucket"))
                .hint("write the path that is meant")
        })?;
        let stream = self.store.list((!prefix.as_ref().is_empty()).then_some(&prefix));
        Ok(Pages { stream: Some(stream), ready: VecDeque::new(), remote: self.clone(), at: self.at(below) })
    }

    /// Folders and objects directly below.
    pub(crate) fn level(&self, below: &str) -> Result<Level> {
        let (store, prefix) = (Arc::clone(&self.store), self.path(below)?);
        let listed =
            runtime::wait(
                async move { store.list_with_delimiter((!prefix.as_ref().is_empty()).then_some(&prefix)).await },
            );
        let listed = listed.map_err(|error| StoreError::of_store("list", &self.at(below), &error))?;
        Ok(Level {
            objects: listed.objects.iter().map(|meta| object(self.key(meta), meta)).collect(),
            folders: listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect(),
        })
    }

    /// The key of an object that was listed: below the address of the store.
    fn key(&self, meta: &ObjectMeta) -> String {
        let cut = if self.address.path().is_empty() { 0 } else { self.address.path().len() + 1 };
        meta.location.as_ref().get(cut..).unwrap_or_default().to_owned()
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>, mode: PutMode) -> Result<bool> {
        let (store, path) = (Arc::clone(&self.store), self.path(key)?);
        let is_new = mode == PutMode::Create;
        let options = PutOptions { mode, ..PutOptions::default() };
        match runtime::wait(async move { store.put_opts(&path, PutPayload::from(bytes), options).await }) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) if is_new => {
                Ok(false)
            }
            Err(error) => Err(StoreError::of_store("write", &self.at(key), &error)),
        }
    }

    pub(crate) fn upload(&self, key: &str) -> Result<Box<dyn MultipartUpload>> {
        let (store, path) = (Arc::clone(&self.store), self.path(key)?);
        let begun = runtime::wait(async move { store.put_multipart_opts(&path, PutMultipartOptions::default()).await });
        begun.map_err(|error| StoreError::of_store("write", &self.at(key), &error))
    }

    /// Deletes many, by as few requests as the store allows. What is not there is passed over.
    pub(crate) fn delete(&self, keys: &[String]) -> Result<()> {
        let paths = keys.iter().map(|key| self.path(key)).collect::<Result<Vec<_>>>()?;
        let mut deleted = self.store.delete_stream(Box::pin(Given { items: paths.into() }));
        let at = self.at("");
        runtime::wait(async move {
            while let Some(result) = next(&mut deleted).await {
                match result {
                    Ok(_) => {}
                    Err(error) => {
                        let error = StoreError::of_store("delete objects of", &at, &error);
                        if error.kind() != StoreErrorKind::NotFound {
                            return Err(error);
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

fn object(key: String, meta: &ObjectMeta) -> Object {
    Object { key, size: meta.size, modified: meta.last_modified.into(), etag: meta.e_tag.clone() }
}

/// Bytes of an object, with errors in our words.
struct Mapped {
    stream: Pin<Box<dyn Stream<Item = object_store::Result<bytes::Bytes>> + Send>>,
    told: String,
}

impl Stream for Mapped {
    type Item = Result<bytes::Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(context);
        next.map(|item| item.map(|item| item.map_err(|error| StoreError::of_store("read", &self.told, &error))))
    }
}

/// A list as a stream.
struct Given {
    items: VecDeque<Path>,
}

impl Stream for Given {
    type Item = object_store::Result<Path>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.items.pop_front().map(Ok))
    }
}

type Metas = Pin<Box<dyn Stream<Item = object_store::Result<ObjectMeta>> + Send>>;

/// A listing, some objects at a time.
struct Pages {
    stream: Option<Metas>,
    ready: VecDeque<object_store::Result<ObjectMeta>>,
    remote: Remote,
    at: String,
}

/// Objects that are taken from a listing at once.
const AT_ONCE: usize = 1000;

impl Iterator for Pages {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && let Some(mut stream) = self.stream.take()
        {
            let (stream, ready) = runtime::wait(async move {
                let mut ready = VecDeque::new();
                while ready.len() < AT_ONCE {
                    match next(&mut stream).await {
                        None => return (None, ready),
                        Some(Err(error)) => {
                            ready.push_back(Err(error));
                            return (None, ready);
                        }
                        Some(meta) => ready.push_back(meta),
                    }
                }
                (Some(stream), ready)
            });
            (self.stream, self.ready) = (stream, ready);
        }
        let meta = match self.ready.pop_front()? {
            Ok(meta) => meta,
            Err(error) => return Some(Err(StoreError::of_store("list", &self.at, &error))),
        };
        Some(Ok(object(self.remote.key(&meta), &meta)))
    }
}
