//! Databases as sources, each by the real thing.

#![allow(clippy::unwrap_used)]

