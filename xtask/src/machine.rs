//! What the machine must have for the tests: installed where that is one call of a package manager, else named
//! together with the command that installs it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A program that tests start, and the Debian package that brings it.
struct Tool {
    /// A command that succeeds where the tool is usable.
    probe: &'static [&'static str],
    package: &'static str,
    /// What it is needed for, as the message says it.
    purpose: &'static str,
}

const TEST_TOOLS: [Tool; 13] = [
    Tool { probe: &["python3", "--version"], package: "python3", purpose: "real Python dlt as a counterpart" },
    Tool {
        probe: &["python3", "-c", "import venv, ensurepip"],
        package: "python3-venv",
        purpose: "an environment of its own for Python dlt",
    },
    Tool { probe: &["strace", "-V"], package: "strace", purpose: "counting the system calls that telemetry makes" },
    Tool {
        // Debian's keeps the server's programs out of PATH.
        probe: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb"],
        package: "postgresql",
        purpose: "a Postgres server of their own for tests of that destination",
    },
    Tool {
        probe: &["sh", "-c", "PATH=$PATH:/usr/sbin command -v pgbouncer"],
        package: "pgbouncer",
        purpose: "Postgres behind a pool of connections",
    },
    Tool { probe: &["openssl", "version"], package: "openssl", purpose: "certificates for servers of tests" },
    Tool {
        probe: &["sh", "-c", "command -v mariadb-install-db && PATH=$PATH:/usr/sbin command -v mariadbd"],
        package: "mariadb-server",
        purpose: "a MariaDB server of their own for tests of the source sql_database",
    },
    Tool { probe: &["chromium", "--version"], package: "chromium", purpose: "the pages of the tracker in a browser" },
    Tool { probe: &["chromedriver", "--version"], package: "chromium-driver", purpose: "driving that browser" },
    Tool {
        probe: &["sh", "-c", "command -v crontab"],
        package: "cron",
        purpose: "checking the crontabs that dlt deploy writes",
    },
    Tool {
        probe: &["systemd-analyze", "--version"],
        package: "systemd",
        purpose: "checking the units of systemd that dlt deploy writes",
    },
    Tool { probe: &["man", "--version"], package: "man-db", purpose: "reading the manual pages that packages bring" },
    Tool { probe: &["git", "--version"], package: "git", purpose: "listing the tracked files" },
];

/// Makes sure that the test runner and every tool that a test starts is there.
pub(crate) fn ensure_test_tools() -> Result<()> {
    let missing: Vec<&Tool> = TEST_TOOLS.iter().filter(|tool| !is_there(tool)).collect();
    install(&missing)?;
    ensure_nextest()
}

fn is_there(tool: &Tool) -> bool {
    let Some((program, arguments)) = tool.probe.split_first() else { return true };
    process::succeeds(Command::new(program).args(arguments))
}

fn install(missing: &[&Tool]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    for tool in missing {
        println!("missing: {} ({})", tool.package, tool.purpose);
    }
    if may_install() {
        process::run(Command::new("apt-get").args(["update", "-q"]))?;
        process::run(
            Command::new("apt-get")
                .args(["install", "-y", "-q", "--no-install-recommends"])
                .args(&packages)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
    }
    if let Some(tool) = missing.iter().find(|tool| !is_there(tool)) {
        bail!(
            "{} is missing: it is needed for {}. Install it with `sudo apt-get install {}` or your system's own package manager",
            tool.package,
            tool.purpose,
            packages.join(" ")
        );
    }
    Ok(())
}

/// As root on a system with apt, one call installs what is missing. Anybody else is told the call.
fn may_install() -> bool {
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && ["/usr/bin/apt-get", "/bin/apt-get"].iter().any(|path| Path::new(path).exists())
}

/// The test runner. Its own default features would let it replace itself over the network, so they are off.
fn ensure_nextest() -> Result<()> {
    if process::succeeds(Command::new("cargo").args(["nextest", "--version"])) {
        return Ok(());
    }
    println!("missing: cargo-nextest (the test runner); compiling it takes some minutes, once");
    process::run(Command::new("cargo").args([
        "install",
        "cargo-nextest",
        "--locked",
        "--no-default-features",
        "--features",
        "default-no-update",
    ]))
}
