//! A PgBouncer before a Postgres server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::own_server::{OwnServer, State};
use crate::postgres::Postgres;

/// A PgBouncer on 127.0.0.1 that gives each transaction a connection of its pool: two transactions of a client may meet two sessions
/// of the server. Ended when dropped and when the process that started it ends.
#[derive(Debug)]
pub struct PgBouncer(OwnServer);

impl PgBouncer {
    /// Starts one with so many connections to the server.
    ///
    /// # Errors
    /// When it is not installed (on Debian: `apt-get install pgbouncer`), or does not start within a minute.
    pub fn before(server: &Postgres, connections: u32) -> Result<Self> {
        let bouncer = OwnServer::new("PgBouncer", "KILL")?;
        let mut bouncer = Self(bouncer);
        let (folder, upstream) = (server.socket_folder().display().to_string(), server.port());
        let arguments = |own: &OwnServer| {
            let user = if rustix::process::geteuid().is_root() { "user = postgres\n" } else { "" };
            let settings = format!(
                "[databases]\n* = host={folder} port={upstream} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
                 unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\n{user}",
                Postgres::USER,
                own.port()
            );
            let file = own.folder().join("pgbouncer.ini");
            // Where it cannot be written, the program says so.
            let _ = fs::write(&file, settings);
            vec![program().display().to_string(), file.display().to_string()]
        };
        let look = |own: &OwnServer, since: Duration| match std::net::TcpStream::connect(("127.0.0.1", own.port())) {
            Ok(_) => State::Up,
            Err(_) if since > Duration::from_secs(5) => State::Ended,
            Err(_) => State::Starting,
        };
        open_to_all(bouncer.0.folder())?;
        bouncer.0.start(|| Command::new("sh"), arguments, look)?;
        Ok(bouncer)
    }

    /// `postgresql://…` of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{}@127.0.0.1:{}/{database}", Postgres::USER, self.0.port())
    }
}

/// As root it becomes another user, who reads its settings there.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?)
}

/// Debian's is in `/usr/sbin`, which not every user has in `PATH`.
fn program() -> PathBuf {
    let debian = Path::new("/usr/sbin/pgbouncer");
    if debian.exists() { debian.to_owned() } else { PathBuf::from("pgbouncer") }
}
