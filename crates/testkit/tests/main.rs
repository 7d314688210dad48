//! The testkit keeps its own promises.
#![allow(clippy::unwrap_used)]

mod counterparts;
