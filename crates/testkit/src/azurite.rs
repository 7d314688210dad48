//! Azure's storage: Azurite, its own emulator, from npm.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::venv;

const VERSION: &str = "3.37.0";

/// How long a start may take: it has many modules to load on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(180);

/// Makes containers and tokens.
const SCRIPT: &str = include_str!("azurite.js");

/// A storage account with nothing in it. Dropped, the server is killed.
#[derive(Debug)]
pub struct Azurite {
    server: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Azurite {
    /// The one account.
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// Its key, which is the same everywhere, and public.
    pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot be installed or takes no connection.
    pub fn start() -> Result<Self> {
        let program = installed()?;
        let address = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let output = File::create(folder.path().join("azurite.log"))?;
        let server = Command::new("node")
            .arg(program)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &address.port().to_string(),
                "--skipApiVersionCheck",
                "--silent",
            ])
            .arg("--location")
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("could not start node")?;
        let mut started = Self { server, address, folder };
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = started.server.try_wait()? {
                bail!("Azurite ended with {status}\n{}", started.log());
            }
            if begin.elapsed() > START_LIMIT {
                bail!("Azurite takes no connection after {START_LIMIT:?}\n{}", started.log());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `azure_account_host` says of an account there, at this address or one before it.
    pub fn account_host(server: impl std::fmt::Display) -> String {
        format!("http://{server}/{}", Self::ACCOUNT)
    }

    /// Makes a container.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn make_container(&self, name: &str) -> Result<()> {
        self.script(&["container", name]).map(drop)
    }

    /// A token that may do everything in the account for an hour.
    ///
    /// # Errors
    /// When there is no Node.js.
    pub fn sas_token(&self) -> Result<String> {
        Ok(self.script(&["sas"])?.trim().to_owned())
    }

    fn script(&self, arguments: &[&str]) -> Result<String> {
        let port = self.address.port().to_string();
        let output = Command::new("node").args(["-e", SCRIPT, &port, Self::KEY]).args(arguments).output()?;
        if !output.status.success() {
            bail!("{arguments:?}: {}{}", String::from_utf8_lossy(&output.stderr), self.log());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("azurite.log")).unwrap_or_default()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Its program, in the user's cache folder; installed once on a machine.
fn installed() -> Result<PathBuf> {
    let folder = venv::in_cache(&format!("azurite-{VERSION}"))?;
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let marker = folder.join("complete");
    if !marker.exists() {
        let output = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&folder)
            .arg(format!("azurite@{VERSION}"))
            .output()
            .context("hint: Node.js with npm is needed (on Debian: apt-get install npm)")?;
        if !output.status.success() {
            bail!("azurite could not be installed\n{}", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(&marker, "")?;
    }
    Ok(folder.join("node_modules/azurite/dist/src/blob/main.js"))
}
