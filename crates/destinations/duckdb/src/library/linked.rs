//! The version of a library that the loader or the linker has bound.

// One call of a function without arguments.
#![allow(unsafe_code)]

use std::ffi::CStr;

use super::LibraryInfo;

pub(super) fn info() -> LibraryInfo {
    // SAFETY: the answer is a text that lives as long as the program.
    let version = unsafe { CStr::from_ptr(duckdb::ffi::duckdb_library_version()) };
    LibraryInfo { version: version.to_string_lossy().into_owned(), file: None }
}
