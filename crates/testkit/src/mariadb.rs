//! A MariaDB server of its own.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// How long a start may take, recovery after a kill included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Ends the server when the process that started it is gone: its standard input is then closed.
const SUPERVISOR: &str = r#"folder=$1; shift
"$@" </dev/null & server=$!
cat >/dev/null
kill -KILL $server 2>/dev/null
wait $server
if [ ! -e "$folder/keep" ]; then rm -rf "$folder"; fi"#;

/// A MariaDB server on 127.0.0.1 with a folder of its own, ended when dropped and when the process that started it ends. It
/// has one user, [`MariaDb::USER`], who may do everything and needs the password.
///
/// The programs are those of `PATH` and `/usr/sbin`.
#[derive(Debug)]
pub struct MariaDb {
    folder: TempDir,
    port: u16,
    supervisor: Option<Child>,
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
        let folder = tempfile::Builder::new().prefix("dlt-mariadb-").tempdir()?;
        // Temporary tables of servers that start at once would meet in the common folder.
        fs::create_dir(folder.path().join("tmp"))?;
        let mut server = Self { folder, port: 0, supervisor: None };
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
        self.port
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// `mysql://…` of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD_IN_URL, self.port)
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
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}", self.socket().display()))
            .args(["--execute", sql, database])
            .output()?;
        if !output.status.success() {
            bail!("mariadb: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Ends the server as a crash does: nothing is written any more, and who is connected is cut off.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self) -> Result<()> {
        fs::write(self.folder.path().join("keep"), "")?;
        self.end()
    }

    /// Starts it again after [`MariaDb::crash`], on the same port.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn resume(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.folder.path().join("keep"));
        let port = self.port;
        // A free port may be taken before the server has it.
        for _ in 0..5 {
            if port == 0 {
                self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            }
            self.supervisor = Some(self.launch()?);
            if self.is_up()? {
                return Ok(());
            }
        }
        bail!("the server does not start: {}", self.log())
    }

    fn initialize(&self) -> Result<()> {
        let output = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", self.data().display()))
            .arg(format!("--tmpdir={}", self.folder.path().join("tmp").display()))
            .arg(format!("--user={}", user()))
            .output()
            .context("hint: MariaDB is needed (on Debian: apt-get install mariadb-server)")?;
        if !output.status.success() {
            bail!("mariadb-install-db: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn launch(&self) -> Result<Child> {
        let folder = self.folder.path();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(folder).arg(program("mariadbd"));
        command.args([
            "--no-defaults".to_owned(),
            format!("--user={}", user()),
            format!("--datadir={}", self.data().display()),
            format!("--socket={}", self.socket().display()),
            format!("--pid-file={}", folder.join("pid").display()),
            format!("--tmpdir={}", folder.join("tmp").display()),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            // A crash of the server is tested, not of the machine.
            "--innodb-flush-log-at-trx-commit=2".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
            "--innodb-log-file-size=16M".to_owned(),
            "--skip-name-resolve".to_owned(),
        ]);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        command.spawn().context("could not start MariaDB")
    }

    /// Waits until it takes connections; false if it has ended instead.
    fn is_up(&mut self) -> Result<bool> {
        let started = Instant::now();
        loop {
            if self.sql("mysql", "SELECT 1").is_ok() {
                return Ok(true);
            }
            if self.log().contains("[ERROR] Aborting") {
                File::create(self.folder.path().join("log"))?;
                fs::write(self.folder.path().join("keep"), "")?;
                self.end()?;
                return Ok(false);
            }
            if started.elapsed() > START_LIMIT {
                bail!("MariaDB takes no connection after {START_LIMIT:?}: {}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            supervisor.wait()?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Nothing can be done where it does not end; the folder is then left to the supervisor.
        let _ = self.end();
    }
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
