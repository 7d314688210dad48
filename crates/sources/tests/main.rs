//! The sources as the engine uses them.
#![allow(clippy::unwrap_used)]

mod rows;
