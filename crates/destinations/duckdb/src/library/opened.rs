//! Finding the library, telling its version, and filling the table of functions.

// The only door to the loader. What is asserted: the library is DuckDB in the version that the bindings were made from.
#![allow(unsafe_code)]

use super::{LibraryInfo, VERSION, functions, whole};
use dlt_engine::{Error, ErrorKind, Result};
use duckdb::ffi;
use libloading::Library;
use std::cell::RefCell;
use std::ffi::{CStr, OsString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Mutex, PoisonError};

const NEEDED_BY_DUCKDB: &str = "install the library that is named there, in the version that is named: DuckDB needs it";

/// The library, if the table of functions is filled. One thread at a time fills it.
static OPEN: Mutex<Option<LibraryInfo>> = Mutex::new(None);

pub(super) fn open() -> Result<()> {
    info().map(drop)
}

pub(super) fn info() -> Result<LibraryInfo> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(info) = &*open {
        return Ok(info.clone());
    }
    // Never closed: its threads and what it registered with the system outlive the last database.
    let library = ManuallyDrop::new(find()?);
    let file = check_version(&library)?;
    fill_table(&library)?;
    Ok(open.insert(LibraryInfo { version: VERSION.to_owned(), file }).clone())
}

/// The loader looks into `LD_LIBRARY_PATH`, into the program's run path (its own folder) and where the system keeps libraries.
fn find() -> Result<Library> {
    let name = file_name();
    if let Some(half) = whole::cut_short(&name) {
        return Err(not_usable(Some(half), "its end is missing"));
    }
    // SAFETY: the initialisers of DuckDB's library ask nothing of the thread or the moment in which they run.
    unsafe { Library::new(&name) }.map_err(|cause| {
        // "libduckdb.so: cannot open shared object file: No such file or directory"
        let why = std::error::Error::source(&cause).map_or_else(|| cause.to_string(), ToString::to_string);
        let error = Error::new(ErrorKind::Destination, format!("DuckDB's library cannot be opened: {why}"));
        error.hint(if is_about_another(&why) { NEEDED_BY_DUCKDB.to_owned() } else { advice() })
    })
}

/// The loader begins with the file that it has trouble with, which may be one that DuckDB's library needs.
fn is_about_another(why: &str) -> bool {
    why.split(':').next().is_some_and(|file| !file.contains("duckdb"))
}

fn file_name() -> OsString {
    let name = libloading::library_filename("duckdb");
    // The loader of macOS follows the run path only where it is told to.
    if cfg!(target_os = "macos") { PathBuf::from("@rpath").join(name).into_os_string() } else { name }
}

fn advice() -> String {
    let name = libloading::library_filename("duckdb");
    let name = name.display();
    let beside = match std::env::current_exe().ok().as_deref().and_then(|program| program.parent()) {
        Some(folder) => format!("put the {name} that was built with this program into {}", folder.display()),
        None => format!("put the {name} that was built with this program beside it"),
    };
    format!("{beside}, or name its folder in LD_LIBRARY_PATH")
}

/// The library's file, if its version is the one that is needed.
fn check_version(library: &Library) -> Result<Option<PathBuf>> {
    type LibraryVersion = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: this is the function's signature in every version of DuckDB.
    let version = unsafe { library.get::<LibraryVersion>(c"duckdb_library_version") };
    let version = version.map_err(|_| not_usable(None, "it has no function duckdb_library_version"))?;
    // SAFETY: the answer is a text that lives as long as the library.
    let found = unsafe { CStr::from_ptr(version()) }.to_string_lossy();
    let place = file_of(*version as *const c_void);
    if found == VERSION {
        return Ok(place);
    }
    Err(not_usable(place, &format!("it is DuckDB {found}, and this program needs {VERSION}")))
}

/// Gives the crate `duckdb` the addresses of all functions that it may call.
fn fill_table(library: &Library) -> Result<()> {
    let missing = RefCell::new(None);
    let find = |name: &CStr| {
        // SAFETY: the address is not called here.
        match unsafe { library.get::<*mut c_void>(name) } {
            Ok(found) => *found,
            Err(_) => {
                missing.borrow_mut().get_or_insert_with(|| name.to_string_lossy().into_owned());
                ptr::null_mut()
            }
        }
    };
    // SAFETY: the library has the version that the bindings were made from.
    let mut table = unsafe { functions::table(find) };
    if let Some(name) = missing.into_inner() {
        return Err(not_usable(None, &format!("it has no function {name}")));
    }
    let access = ffi::duckdb_extension_access { set_error: None, get_database: None, get_api: Some(hand_over) };
    // SAFETY: the callee asks `hand_over` for the table, and copies it.
    let filled = unsafe { ffi::duckdb_rs_extension_api_init(ptr::from_mut(&mut table).cast(), &access, VERSION) };
    match filled {
        Ok(true) => Ok(()),
        _ => Err(Error::new(ErrorKind::Internal, "DuckDB's functions could not be handed over")),
    }
}

/// The table is where the extension's information would be.
unsafe extern "C" fn hand_over(table: ffi::duckdb_extension_info, _version: *const c_char) -> *const c_void {
    table.cast_const().cast()
}

/// The library that holds this address.
fn file_of(address: *const c_void) -> Option<PathBuf> {
    // SAFETY: zeros are a value of this plain structure; it is read only where the call says that it filled it.
    let mut found: libc::Dl_info = unsafe { std::mem::zeroed() };
    if unsafe { libc::dladdr(address, &mut found) } == 0 || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's text, which lives as long as the library.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    Some(PathBuf::from(name.to_string_lossy().into_owned()))
}

fn not_usable(place: Option<PathBuf>, why: &str) -> Error {
    let place = place.map_or_else(String::new, |place| format!(" {}", place.display()));
    Error::new(ErrorKind::Destination, format!("DuckDB's library{place} cannot be used: {why}")).hint(advice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_duckdb_needs_is_told_from_its_own() {
        assert!(!is_about_another("libduckdb.so: cannot open shared object file: No such file or directory"));
        assert!(!is_about_another("/opt/dlt/libduckdb.so: file too short"));
        assert!(is_about_another("libstdc++.so.6: cannot open shared object file: No such file or directory"));
        assert!(is_about_another(
            "/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /opt/dlt/libduckdb.so)"
        ));
    }

    #[test]
    fn every_function_of_the_crate_is_in_the_library() {
        open().unwrap();
        open().unwrap();
    }
}
