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

use dlt_engine::Result;

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
