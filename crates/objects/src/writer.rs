//! Writing an object piece by piece.

use crate::backend::local::Making;
use crate::backend::remote::Remote;
use crate::failure::{Result, StoreError, StoreErrorKind};
use crate::runtime::{self, Pending};
use object_store::{MultipartUpload, PutMode, PutPayload};
use std::collections::VecDeque;
use std::io::Write;

/// Bytes of a part. S3 takes at most 10,000 parts of an object, and none but the last below 5 MiB.
const PART: usize = 8 << 20;

/// Parts after which they are twice as large: 1000 × 8, 16, 32 … MiB is more than a store takes, in fewer than 10,000 parts.
const PARTS_OF_A_SIZE: usize = 1000;

/// Parts that are under way at the same time.
const AT_ONCE: usize = 3;

/// An object that is being written. It is there after [`Writer::finish`]; one that is dropped leaves nothing.
pub struct Writer {
    to: To,
    written: u64,
}

enum To {
    File(Option<Making>),
    Store(Box<Upload>),
}

impl Writer {
    pub(crate) fn of_file(making: Making) -> Self {
        Self { to: To::File(Some(making)), written: 0 }
    }

    pub(crate) fn of_store(remote: Remote, key: &str) -> Self {
        let upload =
            Upload { remote, key: key.to_owned(), part: Vec::new(), count: 0, upload: None, pending: VecDeque::new() };
        Self { to: To::Store(Box::new(upload)), written: 0 }
    }

    /// Bytes that were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the object, under its name and as a whole.
    ///
    /// # Errors
    /// If the store fails; the object is then what it was before.
    pub fn finish(mut self) -> Result<()> {
        match &mut self.to {
            To::File(making) => making.take().map_or(Ok(()), Making::finish),
            To::Store(upload) => upload.finish(),
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({} bytes)", self.written)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = match &mut self.to {
            To::File(Some(making)) => making.write(bytes),
            To::File(None) => Err(StoreError::new(StoreErrorKind::Other, "the object is finished already")),
            To::Store(upload) => upload.write(bytes),
        };
        result.map_err(StoreError::into_io)?;
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Upload {
    remote: Remote,
    key: String,
    part: Vec<u8>,
    count: usize,
    /// Begun with the first part that is full: small objects take one request.
    upload: Option<Box<dyn MultipartUpload>>,
    pending: VecDeque<Pending<object_store::Result<()>>>,
}

impl Upload {
    fn part_size(&self) -> usize {
        PART << (self.count / PARTS_OF_A_SIZE).min(6)
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.part_size() - self.part.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.part.extend_from_slice(now);
            bytes = later;
            if self.part.len() >= self.part_size() {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        if self.upload.is_none() {
            self.upload = Some(self.remote.upload(&self.key)?);
        }
        while self.pending.len() >= AT_ONCE {
            self.wait_for_one()?;
        }
        if let Some(upload) = &mut self.upload {
            let part = upload.put_part(PutPayload::from(std::mem::take(&mut self.part)));
            self.count += 1;
            self.pending.push_back(runtime::start(part));
        }
        Ok(())
    }

    fn wait_for_one(&mut self) -> Result<()> {
        let result = self.pending.pop_front().map_or(Ok(()), Pending::take);
        result.map_err(|error| StoreError::of_store("write", &self.remote.at(&self.key), &error))
    }

    fn finish(&mut self) -> Result<()> {
        if self.upload.is_none() {
            return self.remote.put(&self.key, std::mem::take(&mut self.part), PutMode::Overwrite).map(|_| ());
        }
        if !self.part.is_empty() {
            self.send()?;
        }
        while !self.pending.is_empty() {
            self.wait_for_one()?;
        }
        let Some(mut upload) = self.upload.take() else { return Ok(()) };
        let (upload, completed) = runtime::wait(async move {
            let completed = upload.complete().await;
            (upload, completed)
        });
        completed.map(|_| ()).map_err(|error| {
            self.upload = Some(upload);
            StoreError::of_store("write", &self.remote.at(&self.key), &error)
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Parts of an upload that is not completed cost money until somebody removes them.
        if let Some(mut upload) = self.upload.take() {
            while let Some(pending) = self.pending.pop_front() {
                let _ = pending.take();
            }
            let _ = runtime::wait(async move { upload.abort().await });
        }
    }
}
