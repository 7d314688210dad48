//! Finding and loading a driver.

use adbc_core::LOAD_FLAG_DEFAULT;
use adbc_core::error::{Error as AdbcError, Status};
use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;
use dlt_engine::{Error, ErrorKind, Result};
use std::env;
use std::path::{Path, PathBuf};

/// Loads the driver of that name: a path of a library or manifest is taken as it is. A name is looked up as a manifest, as
/// a library `adbc_driver_NAME` of the system, and as the package of that name in the active Python environment.
///
/// # Errors
/// [`ErrorKind::Config`] if there is none, with how to get one.
pub(crate) fn load(driver: &str) -> Result<ManagedDriver> {
    let given = |name: &Path| ManagedDriver::load_from_name(name, None, AdbcVersion::V110, LOAD_FLAG_DEFAULT, None);
    if is_path(driver) {
        return given(Path::new(driver)).map_err(|error| not_loaded(Path::new(driver), &error));
    }
    let short = short_name(driver);
    if let Ok(found) = given(Path::new(driver)) {
        return Ok(found);
    }
    let full = format!("adbc_driver_{short}");
    if let Ok(found) = ManagedDriver::load_dynamic_from_name(&full, None, AdbcVersion::V110) {
        return Ok(found);
    }
    match in_environments(&short) {
        Some(path) => given(&path).map_err(|error| not_loaded(&path, &error)),
        None => Err(not_found(driver, &short)),
    }
}

/// Whether it is a path, and no name.
pub(crate) fn is_path(driver: &str) -> bool {
    driver.contains(['/', '\\']) || [".so", ".dylib", ".dll", ".toml"].iter().any(|ending| driver.ends_with(ending))
}

/// `sqlite` for `adbc_driver_sqlite`; PostgreSQL's driver has its full name.
fn short_name(driver: &str) -> String {
    let name = driver.replace('-', "_");
    match name.strip_prefix("adbc_driver_").unwrap_or(&name) {
        "postgres" => "postgresql".to_owned(),
        name => name.to_owned(),
    }
}

/// The library that the package has in the active environment.
fn in_environments(short: &str) -> Option<PathBuf> {
    let virtual_env = env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let conda = env::var_os("CONDA_PREFIX").map(PathBuf::from);
    [virtual_env, conda].into_iter().flatten().find_map(|folder| in_environment(&folder, short))
}

fn in_environment(folder: &Path, short: &str) -> Option<PathBuf> {
    let mut libraries = vec![folder.join("Lib")];
    let entries = std::fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    libraries.extend(
        entries.map(|entry| entry.path()).filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("python"))
        }),
    );
    // The newest interpreter first, where an environment has several.
    libraries.sort();
    libraries.into_iter().rev().find_map(|library| {
        let package = library.join(format!("site-packages/adbc_driver_{short}"));
        // The wheels of all systems end their library in `.so`.
        ["so", "dylib", "dll"]
            .iter()
            .map(|ending| package.join(format!("libadbc_driver_{short}.{ending}")))
            .find(|path| path.is_file())
    })
}

fn not_found(driver: &str, short: &str) -> Error {
    let error = Error::new(ErrorKind::Config, format!("there is no ADBC driver `{driver}` on this machine"));
    error.hint(format!(
        "install one: `pip install adbc-driver-{}` in an active Python environment, or `dbc install {short}`; or set \
         `driver` to the path of its library",
        short.replace('_', "-")
    ))
}

fn not_loaded(path: &Path, error: &AdbcError) -> Error {
    let why = match (path.exists(), error.status) {
        (false, _) => "it is not there".to_owned(),
        (true, Status::NotFound) => "something that it needs is not there, or it is no ADBC driver".to_owned(),
        _ => error.message.lines().next().unwrap_or_default().to_owned(),
    };
    Error::new(ErrorKind::Config, format!("the ADBC driver {} cannot be loaded: {why}", path.display()))
        .hint("name the library of a driver that is built for this machine, or a driver by name: driver = \"sqlite\"")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_the_environment_is_found() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(in_environment(root.path(), "sqlite"), None);
        for python in ["python3.9", "python3.12"] {
            let package = root.path().join("lib").join(python).join("site-packages/adbc_driver_sqlite");
            std::fs::create_dir_all(&package).unwrap();
            std::fs::write(package.join("libadbc_driver_sqlite.so"), "").unwrap();
        }
        assert!(
            in_environment(root.path(), "sqlite").unwrap().ends_with("adbc_driver_sqlite/libadbc_driver_sqlite.so")
        );
        assert_eq!(in_environment(root.path(), "postgresql"), None);
    }

    #[test]
    fn names_have_one_form() {
        for (driver, short) in [
            ("sqlite", "sqlite"),
            ("adbc-driver-sqlite", "sqlite"),
            ("adbc_driver_postgresql", "postgresql"),
            ("postgres", "postgresql"),
        ] {
            assert_eq!(short_name(driver), short);
        }
        assert!(is_path("./libx.so") && is_path("libx.so") && is_path("drivers/x") && !is_path("sqlite"));
    }

    #[test]
    fn what_is_not_there_says_how_to_get_it() {
        let error = load("no_such_database").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.advice().unwrap().contains("pip install adbc-driver-no-such-database"), "{:?}", error.advice());
        let error = load("/nowhere/libadbc_driver_x.so").unwrap_err();
        assert!(error.to_string().ends_with("cannot be loaded: it is not there"), "{error}");
        let file = tempfile::NamedTempFile::with_suffix(".so").unwrap();
        let error = load(file.path().to_str().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}
