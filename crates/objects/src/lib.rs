//! Object stores by address: local folders, S3, Google Cloud Storage, Azure, HTTP.
//!
//! An [`Address`] is what people write (`s3://bucket/prefix`, `az://…`, `gs://…`, `file://…`, a path, `https://…`), and
//! [`Credentials`] what is set beside it. [`Store::open`] makes a [`Store`] of the two, whose calls block: it can be used from any
//! thread, also from one of an async runtime. What waits for sockets runs on one background thread of its own.
//!
//! # What can be relied on
//!
//! - Memory is bounded: listings and objects are streams, and large objects are sent in parts.
//! - What fails for a while (a busy server, a connection that is cut) is tried again with growing pauses. A read that is cut goes
//!   on from the byte that it reached, if the object is still the same; it never ends early in silence.
//! - What [`Store::put`] or [`Writer::finish`] wrote is there as a whole, or not at all. In a local folder it is on the disk when the
//!   call returns.
//! - No error holds a secret: of what a server answers only its status and the code of its error are told.
//!
//! # What is not there
//!
//! Listing an `http(s)` address (a web server does not tell what it has), and writing to one.

mod address;
mod aws_profile;
mod backend;
mod credentials;
mod failure;
mod listing;
mod percent;
mod reader;
mod runtime;
mod store;
mod stream;
mod writer;

pub use address::{Address, Scheme};
pub use credentials::{AwsCredentials, AzureCredentials, Credentials, GcpCredentials};
pub use failure::{Result, StoreError, StoreErrorKind};
pub use listing::{Level, Listing, Object};
pub use reader::Reader;
pub use store::Store;
pub use writer::Writer;
