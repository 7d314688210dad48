//! A Postgres server of its own.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
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
kill -QUIT $server 2>/dev/null
wait $server
if [ ! -e "$folder/keep" ]; then rm -rf "$folder"; fi"#;

/// A Postgres server on 127.0.0.1 with a folder of its own, ended when dropped and when the process that started it ends. It
/// has one role, [`Postgres::USER`], who may do everything; who comes by TCP needs the password.
///
/// The programs are those of `DLT_TEST_POSTGRES_BIN`, else the newest of Debian's folders, else of `PATH`.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    port: u16,
    tls: bool,
    supervisor: Option<Child>,
}

impl Postgres {
    /// The role that owns everything.
    pub const USER: &str = "loader";
    /// Its password: with what URLs, connection strings and formats trip over.
    pub const PASSWORD: &str = "p@ss:w/rd%20#?&'\\ ü";
    /// The same, as a URL holds it.
    pub const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd%2520%23%3F%26%27%5C%20%C3%BC";

    /// Makes and starts a server without TLS.
    ///
    /// # Errors
    /// When Postgres is not installed, or does not start within a minute.
    pub fn start() -> Result<Self> {
        Self::make(false)
    }

    /// Makes and starts a server that offers TLS, with a certificate for `localhost` by the authority of
    /// [`Postgres::authority`].
    ///
    /// # Errors
    /// When Postgres or openssl is not installed, or the server does not start within a minute.
    pub fn with_tls() -> Result<Self> {
        Self::make(true)
    }

    fn make(tls: bool) -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("dlt-postgres-").tempdir()?;
        let owner = owner(folder.path())?;
        let mut server = Self { folder, programs, owner, port: 0, tls, supervisor: None };
        server.initialize()?;
        if tls {
            server.make_certificates()?;
        }
        server.resume()?;
        Ok(server)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket, whose users need no password.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// `postgresql://…` of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD_IN_URL, self.port)
    }

    /// The file of the authority that the server's certificate is by.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.crt")
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When it is there, or the server does not run.
    pub fn create_database(&self, name: &str) -> Result<()> {
        // A copy by files is a tenth of the time, and of the log.
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\" STRATEGY file_copy")).map(drop)
    }

    /// Runs SQL by psql and returns what it prints, without headings: columns with `|` between them.
    ///
    /// # Errors
    /// With what psql says.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", Self::USER, "-d", database, "-c", sql])
            .arg("-h")
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string()])
            .output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
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

    /// Starts it again after [`Postgres::crash`], on the same port.
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

    fn launch(&self) -> Result<Child> {
        let folder = self.folder.path();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut settings = vec![
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.display()),
            // A crash of the server is tested, not of the machine.
            "fsync=off".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "max_wal_size=256MB".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        if self.tls {
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", folder.join("server.crt").display()));
            settings.push(format!("ssl_key_file={}", folder.join("server.key").display()));
        }
        let mut command = self.command("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(folder).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.data());
        for setting in &settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        command.spawn().context("could not start Postgres")
    }

    /// Waits until it takes connections; false if it has ended instead.
    fn is_up(&mut self) -> Result<bool> {
        let started = Instant::now();
        loop {
            if self.sql("postgres", "SELECT 1").is_ok() {
                return Ok(true);
            }
            // It writes this file first, and takes it away at its end.
            let has_begun = started.elapsed() > Duration::from_secs(2);
            if has_begun && !self.data().join("postmaster.pid").exists() {
                self.end()?;
                return Ok(false);
            }
            if started.elapsed() > START_LIMIT {
                bail!("Postgres takes no connection after {START_LIMIT:?}: {}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            supervisor.wait()?;
        }
        Ok(())
    }

    fn initialize(&self) -> Result<()> {
        let password = self.folder.path().join("password");
        fs::write(&password, Self::PASSWORD)?;
        self.give(&password)?;
        let mut command = self.command(self.programs.join("initdb"));
        command.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        command.args(["--username", Self::USER, "--pwfile"]).arg(&password).arg("-D").arg(self.data());
        run(&mut command)
    }

    fn make_certificates(&self) -> Result<()> {
        let folder = self.folder.path();
        let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=testkit authority' -keyout authority.key -out authority.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > server.ext
openssl x509 -req -days 2 -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -extfile server.ext -out server.crt
chmod 600 server.key";
        run(Command::new("sh").args(["-c", script]).current_dir(folder))?;
        ["server.key", "server.crt"].iter().try_for_each(|name| self.give(&folder.join(name)))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A program that runs as the server's user: Postgres refuses root.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group))?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Whatever it says, the folder goes next.
        let _ = self.end();
    }
}

/// Who runs the server, if not this process's own user; the folder is made theirs.
fn owner(folder: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).context("no user to run Postgres as")?;
    chown(folder, Some(user), Some(group))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(Some((user, group)))
}

/// The folder with initdb, postgres and psql.
fn programs() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("DLT_TEST_POSTGRES_BIN") {
        return Ok(PathBuf::from(folder));
    }
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    found.sort();
    let in_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    let newest = found.pop().map(|(_, folder)| folder);
    newest.or_else(in_path).context("Postgres is not installed (on Debian: apt-get install postgresql)")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
