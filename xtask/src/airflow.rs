//! What the tier `airflow` needs of the machine: the programs by which others check what is written for them. Airflow itself comes
//! from PyPI.

use std::process::Command;

use crate::process;

/// The oldest Python that Airflow 3.3 runs on.
const PYTHON: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// Why its tests can't run on this machine; nothing where they can.
pub(crate) fn lack(_: &crate::workspace::Workspace) -> Option<String> {
    let python = std::env::var_os("DLT_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    if !process::succeeds(Command::new(&python).args(["-c", PYTHON])) {
        return Some("Airflow needs Python 3.10 or newer".to_owned());
    }
    None
}
