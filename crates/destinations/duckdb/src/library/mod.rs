//! DuckDB's library, opened when the first database is.
//!
//! A linked library has the loader bind its 66,000 symbols before `main`, which takes five times as long as all else that a
//! command without a database does. With the feature `dlopen` nothing is linked: the crate `duckdb` calls through a table
//! of functions, as an extension of DuckDB does, and [`open_library`] fills it.

#[cfg(feature = "dlopen")]
mod functions;
#[cfg(feature = "dlopen")]
mod opened;
#[cfg(feature = "dlopen")]
mod whole;

use std::path::PathBuf;

use dlt_engine::Result;

/// DuckDB's version, which the crate `duckdb` and the prebuilt library share. A test holds it to theirs.
pub const VERSION: &str = "v1.5.6";

/// The DuckDB that this program uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryInfo {
    /// Its version, as `v1.5.6`.
    pub version: String,
    /// The file of the library; none where it is linked into the program.
    pub file: Option<PathBuf>,
}

/// The DuckDB that this program uses; opens the library, as [`open_library`] does.
///
/// # Errors
/// As [`open_library`].
pub fn library_info() -> Result<LibraryInfo> {
    #[cfg(feature = "dlopen")]
    return opened::info();
    #[cfg(not(feature = "dlopen"))]
    Ok(LibraryInfo { version: VERSION.to_owned(), file: None })
}

/// Opens DuckDB's library if the feature `dlopen` is on and that was not done before; else does nothing.
///
/// Opening a database does it too. A program that serves for long calls it when it starts, so that what is wrong with the
/// library is said then.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Destination`] when there is no library, or one of another version.
pub fn open_library() -> Result<()> {
    #[cfg(feature = "dlopen")]
    opened::open()?;
    Ok(())
}
