//! What is in a store.

use crate::failure::Result;
use std::time::SystemTime;

/// An object: a file of a folder or bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its path below the address of the store, with `/` between the parts.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written last, as the store tells; 1970 where it does not.
    pub modified: SystemTime,
    /// What changes with its content, where the store tells.
    pub etag: Option<String>,
}

/// What is directly in a folder, in no particular order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Its objects.
    pub objects: Vec<Object>,
    /// Names of its folders.
    pub folders: Vec<String>,
}

/// The objects below an address, as they come. In no particular order for a local folder, by name for a bucket.
pub struct Listing {
    pub(crate) objects: Box<dyn Iterator<Item = Result<Object>> + Send>,
}

impl Iterator for Listing {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        self.objects.next()
    }
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listing")
    }
}
