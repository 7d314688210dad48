//! A MariaDB server of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::certificates;
use crate::own_server::{OwnServer, State};

/// A MariaDB server on 127.0.0.1 with a folder of its own, ended when dropped and when the process that started it ends. It
/// has one user, [`MariaDb::USER`], who may do everything and needs the password.
///
/// The programs are those of `PATH` and `/usr/sbin`.
#[derive(Debug)]
pub struct MariaDb {
    server: OwnServer,
    tls: bool,
}

impl MariaDb {
    /// The user who owns everything.
    pub const USER: &str = "loader";
    /// Its password: with what URLs trip over.
    pub const PASSWORD: &str = "p@ss:w/rd%20#?&";
    /// The same, as a URL holds it.
    pub const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd%2520%23%3F%26";

    /// Makes and starts a server.
    ///
    /// # Errors
    /// When MariaDB is not installed, or does not start within a minute.
    pub fn start() -> Result<Self> {
        Self::make(false)
    }

    /// Makes and starts a server that takes nobody without TLS, with a certificate for `localhost` by the authority of
    /// [`MariaDb::authority`].
    ///
    /// # Errors
    /// As [`MariaDb::start`], and when openssl is not installed.
    pub fn with_tls() -> Result<Self> {
        Self::make(true)
    }

    fn make(tls: bool) -> Result<Self> {
        let server = OwnServer::new("MariaDB", "KILL")?;
        // Temporary tables of servers that start at once would meet in the common folder.
        fs::create_dir(server.folder().join("tmp"))?;
        if tls {
            certificates::make_certificates(server.folder(), Self::USER)?;
        }
        let mut server = Self { server, tls };
        server.initialize()?;
        server.resume()?;
        let made = format!(
            "CREATE USER '{0}'@'%' IDENTIFIED BY '{1}'; GRANT ALL ON *.* TO '{0}'@'%' WITH GRANT OPTION",
            Self::USER,
            Self::PASSWORD
        );
        server.sql("mysql", &made)?;
        Ok(server)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The file of the authority that the server's certificate is by.
    pub fn authority(&self) -> PathBuf {
        self.server.folder().join("authority.crt")
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        socket(&self.server)
    }

    /// `mysql://…` of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD_IN_URL, self.port())
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When it is there, or the server does not run.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.sql("mysql", &format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4")).map(drop)
    }

    /// Runs SQL by the client and returns what it prints, without headings: columns with tabs between them.
    ///
    /// # Errors
    /// With what the client says.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        client(&self.server, database, sql)
    }

    /// Ends the server as a crash does: nothing is written any more, and who is connected is cut off.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self) -> Result<()> {
        self.server.crash()
    }

    /// Starts it again after [`MariaDb::crash`], on the same port.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn resume(&mut self) -> Result<()> {
        let tls = self.tls;
        let arguments = |server: &OwnServer| {
            let mut arguments = vec![
                program("mariadbd").display().to_string(),
                "--no-defaults".to_owned(),
                format!("--user={}", user()),
                format!("--datadir={}", server.data().display()),
                format!("--socket={}", socket(server).display()),
                format!("--pid-file={}", server.folder().join("pid").display()),
                format!("--tmpdir={}", server.folder().join("tmp").display()),
                format!("--port={}", server.port()),
                "--bind-address=127.0.0.1".to_owned(),
                // A crash of the server is tested, not of the machine.
                "--innodb-flush-log-at-trx-commit=2".to_owned(),
                "--innodb-buffer-pool-size=32M".to_owned(),
                "--innodb-log-file-size=16M".to_owned(),
                "--skip-name-resolve".to_owned(),
            ];
            if tls {
                let folder = server.folder().display();
                arguments.push("--require-secure-transport=ON".to_owned());
                arguments.extend(
                    [("ca", "authority.crt"), ("cert", "server.crt"), ("key", "server.key")]
                        .map(|(option, file)| format!("--ssl-{option}={folder}/{file}")),
                );
            }
            arguments
        };
        let look = |server: &OwnServer, _| match client(server, "mysql", "SELECT 1") {
            Ok(_) => State::Up,
            Err(_) if server.log().contains("[ERROR] Aborting") => State::Ended,
            Err(_) => State::Starting,
        };
        self.server.start(|| Command::new("sh"), arguments, look)
    }

    fn initialize(&self) -> Result<()> {
        let output = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", self.server.data().display()))
            .arg(format!("--tmpdir={}", self.server.folder().join("tmp").display()))
            .arg(format!("--user={}", user()))
            .output()
            .context("hint: MariaDB is needed (on Debian: apt-get install mariadb-server)")?;
        if !output.status.success() {
            bail!("mariadb-install-db: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

fn socket(server: &OwnServer) -> PathBuf {
    server.folder().join("socket")
}

/// Runs SQL by the client.
fn client(server: &OwnServer, database: &str, sql: &str) -> Result<String> {
    let output = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
        .arg(format!("--socket={}", socket(server).display()))
        .args(["--execute", sql, database])
        .output()?;
    if !output.status.success() {
        bail!("mariadb: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Who the server runs as: root only where root starts it.
fn user() -> String {
    if rustix::process::geteuid().is_root() { "root".to_owned() } else { env::var("USER").unwrap_or_default() }
}

fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| Path::new(name).to_owned())
}
