//! A Postgres server of its own.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::certificates;
use crate::own_server::{OwnServer, State};

/// A Postgres server on 127.0.0.1 with a folder of its own, ended when dropped and when the process that started it ends. It
/// has one role, [`Postgres::USER`], who may do everything; who comes by TCP needs the password.
///
/// The programs are those of `DLT_TEST_POSTGRES_BIN`, else the newest of Debian's folders, else of `PATH`.
#[derive(Debug)]
pub struct Postgres {
    server: OwnServer,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    tls: bool,
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
    /// [`Postgres::authority`]. Its database `certified`, which is yet to be made, is for those who come with the certificate of
    /// [`Postgres::client_certificate`].
    ///
    /// # Errors
    /// When Postgres or openssl is not installed, or the server does not start within a minute.
    pub fn with_tls() -> Result<Self> {
        Self::make(true)
    }

    fn make(tls: bool) -> Result<Self> {
        let programs = programs()?;
        let server = OwnServer::new("Postgres", "QUIT")?;
        let owner = owner(server.folder())?;
        let mut server = Self { server, programs, owner, tls };
        server.initialize()?;
        if tls {
            server.make_certificates()?;
        }
        server.resume()?;
        Ok(server)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The folder of its Unix socket, whose users need no password.
    pub fn socket_folder(&self) -> &Path {
        self.server.folder()
    }

    /// `postgresql://…` of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD_IN_URL, self.port())
    }

    /// The file of the authority that the server's certificate is by.
    pub fn authority(&self) -> PathBuf {
        self.server.folder().join("authority.crt")
    }

    /// The files of a certificate for [`Postgres::USER`] and of its key.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        let folder = self.server.folder();
        (folder.join("client.crt"), folder.join("client.key"))
    }

    /// Makes a folder the place of a database's tables and temporary ones from now on.
    ///
    /// # Errors
    /// When the server cannot use it.
    pub fn keep_tables_in(&self, database: &str, folder: &Path) -> Result<()> {
        let own = folder.join("tables");
        fs::create_dir(&own)?;
        self.give(&own)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700))?;
        self.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", own.display()))?;
        let settings = ["default_tablespace", "temp_tablespaces"];
        settings.iter().try_for_each(|setting| {
            self.sql("postgres", &format!("ALTER DATABASE \"{database}\" SET {setting} = small")).map(drop)
        })
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
        let output = self.psql(database).args(["-c", sql]).output()?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Copies a schema of one database into another one, by `pg_dump`.
    ///
    /// # Errors
    /// With what `pg_dump` or psql says.
    pub fn copy_schema(&self, schema: &str, from: &str, to: &str) -> Result<()> {
        let file = self.server.folder().join("copied.sql");
        let mut dump = Command::new(self.programs.join("pg_dump"));
        dump.args(["--no-owner", "-U", Self::USER, "-n", schema, "-d", from, "-h"]).arg(self.server.folder());
        dump.args(["-p", &self.port().to_string(), "-f"]).arg(&file);
        for mut command in [dump, {
            let mut read = self.psql(to);
            read.arg("-f").arg(&file);
            read
        }] {
            let output = command.output()?;
            if !output.status.success() {
                bail!("{}", String::from_utf8_lossy(&output.stderr));
            }
        }
        Ok(())
    }

    /// psql, connected to a database by the socket, without headings.
    pub fn psql(&self, database: &str) -> Command {
        psql(&self.server, &self.programs, database)
    }

    /// Ends the server as a crash does: nothing is written any more, and who is connected is cut off.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self) -> Result<()> {
        self.server.crash()
    }

    /// Starts it again after [`Postgres::crash`], on the same port.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn resume(&mut self) -> Result<()> {
        let (programs, owner, tls) = (&self.programs, self.owner, self.tls);
        let arguments = |server: &OwnServer| {
            let folder = server.folder().display();
            let mut settings = vec![
                format!("port={}", server.port()),
                "listen_addresses=127.0.0.1".to_owned(),
                format!("unix_socket_directories={folder}"),
                // A crash of the server is tested, not of the machine.
                "fsync=off".to_owned(),
                "shared_buffers=64MB".to_owned(),
                "max_wal_size=256MB".to_owned(),
                "log_min_messages=warning".to_owned(),
            ];
            if tls {
                settings.push("ssl=on".to_owned());
                settings.push(format!("ssl_cert_file={folder}/server.crt"));
                settings.push(format!("ssl_key_file={folder}/server.key"));
                settings.push(format!("ssl_ca_file={folder}/authority.crt"));
            }
            let program =
                [programs.join("postgres").display().to_string(), "-D".to_owned(), server.data().display().to_string()];
            program.into_iter().chain(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting])).collect()
        };
        let look = |server: &OwnServer, since: Duration| {
            let answer = psql(server, programs, "postgres").args(["-c", "SELECT 1"]).output();
            // It writes this file first, and takes it away at its end.
            let has_ended = || since > Duration::from_secs(2) && !server.data().join("postmaster.pid").exists();
            match answer {
                Ok(output) if output.status.success() => State::Up,
                _ if has_ended() => State::Ended,
                _ => State::Starting,
            }
        };
        let folder = self.server.folder().to_owned();
        self.server.start(|| command("sh", &folder, owner), arguments, look)
    }

    fn initialize(&self) -> Result<()> {
        let password = self.server.folder().join("password");
        fs::write(&password, Self::PASSWORD)?;
        self.give(&password)?;
        let mut command = command(self.programs.join("initdb"), self.server.folder(), self.owner);
        command.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        command.args(["--username", Self::USER, "--pwfile"]).arg(&password).arg("-D").arg(self.server.data());
        run(&mut command)
    }

    fn make_certificates(&self) -> Result<()> {
        let folder = self.server.folder();
        certificates::make_certificates(folder, Self::USER)?;
        // Who comes as this user needs the certificate, and no password.
        let rules = self.server.data().join("pg_hba.conf");
        let known = fs::read_to_string(&rules)?;
        fs::write(&rules, format!("hostssl certified all 127.0.0.1/32 cert\n{known}"))?;
        ["server.key", "server.crt", "authority.crt"].iter().try_for_each(|name| self.give(&folder.join(name)))
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group))?;
        }
        Ok(())
    }
}

/// psql, connected to a database by the socket, without headings.
fn psql(server: &OwnServer, programs: &Path, database: &str) -> Command {
    let mut command = Command::new(programs.join("psql"));
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", Postgres::USER, "-d", database, "-h"]);
    command.arg(server.folder()).args(["-p", &server.port().to_string()]);
    command
}

/// A program that runs as the server's user: Postgres refuses root.
fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
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
