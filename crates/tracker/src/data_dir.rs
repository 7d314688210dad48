//! The data folder: its paths, its lock, and requests to the process that holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::durable_dir;
use crate::error::Error;
use crate::projects::KeysFile;

/// The paths in a data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The tables.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("tracker.duckdb")
    }

    /// The segments of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// Where the engine keeps its load packages.
    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// What is kept on this machine of tables in files.
    pub(crate) fn local(&self) -> PathBuf {
        self.0.join("tables")
    }

    /// What this folder is known by where it writes tables in files.
    pub(crate) fn owner(&self) -> PathBuf {
        self.0.join("owner")
    }

    /// Rows that the tables refused, or that went missing from them.
    pub(crate) fn refused(&self) -> PathBuf {
        self.0.join("refused")
    }

    /// What opens the dashboard.
    pub(crate) fn token(&self) -> PathBuf {
        self.0.join("dashboard-token")
    }

    /// The key by which ids of users, and names, are hashed.
    pub(crate) fn id_key(&self) -> PathBuf {
        self.0.join("id-key")
    }

    /// The hashes of write keys.
    pub(crate) fn keys(&self) -> KeysFile {
        KeysFile::new(self.0.join("keys.json"))
    }

    /// What each project may send.
    pub(crate) fn contracts(&self) -> PathBuf {
        self.0.join("contracts")
    }

    /// Says that the events of this folder are loaded into tables elsewhere.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.0.join("tables-are-elsewhere")
    }

    /// Says that the tables elsewhere may hold more than the journal here knows of: the folder was copied before they were.
    pub(crate) fn tables_first(&self) -> PathBuf {
        self.0.join("tables-are-asked-first")
    }

    /// Holds the newest number of the journal when events were first taken without an answer of the tables, until they have given it.
    pub(crate) fn without_tables(&self) -> PathBuf {
        self.0.join("begun-without-tables")
    }

    /// The newest number that the journal had when it began without its tables, if these have not answered since.
    pub(crate) fn begun_without_tables(&self) -> Result<Option<u64>, Error> {
        let file = self.without_tables();
        let failed = |source| Error::folder("read", &file, source);
        match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map(Some).map_err(|error| failed(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Notes the newest number of a journal that begins without its tables; durable when it returns.
    pub(crate) fn begin_without_tables(&self, newest: u64) -> Result<(), Error> {
        let (path, temporary) = (self.without_tables(), self.0.join("begun-without-tables.tmp"));
        let written = (|| {
            let mut file = File::create(&temporary)?;
            file.write_all(newest.to_string().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)?;
            durable_dir::sync(&self.0)
        })();
        written.map_err(|source| Error::folder("write", path, source))
    }

    /// Notes that the tables have answered, and are those of the journal; durable when it returns.
    pub(crate) fn tables_answered(&self) -> Result<(), Error> {
        for file in [self.tables_first(), self.without_tables()] {
            let removed = match std::fs::remove_file(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                removed => removed.and_then(|()| durable_dir::sync(&self.0)),
            };
            removed.map_err(|source| Error::folder("remove", file, source))?;
        }
        Ok(())
    }

    /// Says that the folder is being filled by a backup, or from one.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join("not-finished")
    }

    /// Whether a file is of a process that runs, and nothing of what is kept.
    pub(crate) fn is_of_a_run(name: &str) -> bool {
        matches!(name, "lock" | "server.json") || name.ends_with(".tmp")
    }

    /// Whether a file of this folder is of a process that runs, or is copied in a way of its own.
    pub(crate) fn is_of_process(&self, name: &str) -> bool {
        let is_table =
            self.database().file_name().and_then(|table| table.to_str()).is_some_and(|table| name.starts_with(table));
        is_table || Self::is_of_a_run(name)
    }

    /// Refuses a folder that is not filled yet.
    pub(crate) fn is_whole(&self) -> Result<(), Error> {
        match self.unfinished().exists() {
            true => Err(Error::NotFinished { folder: self.0.clone(), marker: self.unfinished() }),
            false => Ok(()),
        }
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }

    fn server_file(&self) -> PathBuf {
        self.0.join("server.json")
    }

    /// Whether there is anything to read.
    pub(crate) fn exists(&self) -> bool {
        self.journal().exists() || self.database().exists()
    }

    /// Makes the folder for its owner alone: others could read the tables, and the key that protects the report.
    pub(crate) fn create(&self) -> Result<(), Error> {
        durable_dir::create(&self.0).map_err(|source| Error::folder("make the folder", &self.0, source))
    }

    /// Locks the folder for this process; `None` if another has it. The system releases the lock when the process ends.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.lock_file();
        let failed = |source| Error::folder("lock", &path, source);
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Locks the folder for this process.
    ///
    /// # Errors
    /// When another one has it.
    pub(crate) fn lock_or_refuse(&self) -> Result<Lock, Error> {
        self.lock()?.ok_or_else(|| self.in_use())
    }

    /// The error for a folder that another process has.
    pub(crate) fn in_use(&self) -> Error {
        Error::InUse { folder: self.0.clone(), pid: self.server().map(|server| server.pid) }
    }

    /// Whether another process has locked the folder. Writes nothing where none ever did.
    pub(crate) fn is_in_use(&self) -> Result<bool, Error> {
        Ok(self.lock_file().exists() && self.lock()?.is_none())
    }

    /// Writes where the server listens. Only the owner may read the file: it holds the key to the report.
    pub(crate) fn announce(&self, server: &ServerFile) -> Result<(), Error> {
        let (path, temporary) = (self.server_file(), self.0.join("server.json.tmp"));
        let text = serde_json::to_string_pretty(server).unwrap_or_default();
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            std::fs::rename(&temporary, &path)
        })();
        written.map_err(|source| Error::folder("write", path, source))
    }

    /// Removes what [`DataDir::announce`] wrote, or what a killed server left.
    pub(crate) fn withdraw(&self) {
        // A stale file does no harm: the lock shows that no server runs.
        let _ = std::fs::remove_file(self.server_file());
    }

    /// What the running server wrote about itself.
    pub(crate) fn server(&self) -> Option<ServerFile> {
        serde_json::from_str(&std::fs::read_to_string(self.server_file()).ok()?).ok()
    }

    /// Locks the folder, or requests a document from the server that holds it. Waits for a server that is starting, and
    /// for another process that is reading. What a server was asked to do it is not asked again: it may do it yet, or have done it.
    pub(crate) fn reach(&self, method: &str, path: &str, body: &[u8]) -> Result<Reached, Error> {
        self.is_whole()?;
        let deadline = Instant::now() + REACH_TIMEOUT;
        loop {
            if let Some(lock) = self.lock()? {
                return Ok(Reached::Free(lock));
            }
            let Some(server) = self.server() else {
                if Instant::now() > deadline {
                    return Err(Error::InUse { folder: self.0.clone(), pid: None });
                }
                std::thread::sleep(LOOKS);
                continue;
            };
            let (error, can_repeat) = match server.connect() {
                Err(error) => (error, true),
                Ok(stream) => match server.ask(stream, method, path, body) {
                    Ok(answer) => return Ok(Reached::Answered(answer, server)),
                    // Who only reads may ask the next one, where this one was stopped meanwhile.
                    Err(error) => {
                        let is_late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                        (error, method == "GET" && !is_late)
                    }
                },
            };
            if !can_repeat || Instant::now() > deadline {
                return Err(server.no_answer(error.to_string()));
            }
            std::thread::sleep(LOOKS);
        }
    }
}

/// How long a server may take to start, or another reader to finish.
const REACH_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is looked for it.
const LOOKS: Duration = Duration::from_millis(50);
/// How long an answer may take: a report first loads what is in the journal.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an answer may take that goes through all there is, or waits for what does.
const LONG_ANSWER_TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);
/// The beginnings of their paths.
const LONG: [&str; 8] = [
    "/retain.json",
    "/backup.json",
    "/sql.arrow",
    "/check.json",
    "/replay.json",
    "/forget.json",
    "/learned-contract.json",
    "/edge-take.json",
];

/// How a data folder was reached.
#[derive(Debug)]
pub(crate) enum Reached {
    /// No tracker runs on it, and none can while the lock is held.
    Free(Lock),
    /// The tracker that runs on it answered.
    Answered(Answer, ServerFile),
}

/// The lock of the data folder, held while this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The contents of `server.json`, written by a running server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
    /// The bearer token of `report.json` and `check.json`.
    pub(crate) key: String,
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl ServerFile {
    /// The error for a missing or malformed answer.
    pub(crate) fn no_answer(&self, reason: String) -> Error {
        Error::NoAnswer { address: self.address.to_string(), pid: self.pid, reason }
    }

    /// The error for what it was asked and could not do.
    pub(crate) fn failed(&self, reason: &str) -> Error {
        Error::Failed { address: self.address.to_string(), pid: self.pid, reason: reason.to_owned() }
    }

    /// Connects over loopback.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), Duration::from_secs(2))
    }

    /// One request. The server closes the connection after it, so the answer ends where the stream ends.
    pub(crate) fn ask(&self, mut stream: TcpStream, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let address = self.address;
        let is_long = LONG.iter().any(|beginning| path.starts_with(beginning));
        stream.set_read_timeout(Some(if is_long { LONG_ANSWER_TIMEOUT } else { ANSWER_TIMEOUT }))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            body.len(),
            self.key
        )?;
        stream.write_all(body)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        parse(&response).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }
}

fn parse(response: &[u8]) -> Option<Answer> {
    let end = memchr::memmem::find(response, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&response[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: response[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        let lock = dir.lock().unwrap();
        assert!(lock.is_some());
        assert!(!dir.exists(), "a lock is no data");
        assert!(dir.lock().unwrap().is_none());
        drop(lock);
        assert!(dir.lock().unwrap().is_some());
    }

    #[test]
    fn what_a_server_was_asked_to_do_it_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        let _lock = dir.lock().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = ServerFile { address: listener.local_addr().unwrap(), pid: 1, key: String::new() };
        dir.announce(&server).unwrap();
        let ended = std::thread::spawn(move || {
            let mut asked = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                asked.push(request[0]);
                // It ends without an answer; the third time it gives one.
                if asked.len() == 3 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                    return asked;
                }
            }
            asked
        });
        assert!(matches!(dir.reach("POST", "/forget.json?id=ada", b""), Err(Error::NoAnswer { .. })));
        assert!(matches!(dir.reach("GET", "/report.json", b""), Ok(Reached::Answered(..))));
        assert_eq!(ended.join().unwrap(), b"PGG");
    }

    #[test]
    fn answers_are_taken_apart() {
        let answer = parse(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, &answer.body[..]), (503, &b"{}"[..]));
        assert!(parse(b"SSH-2.0").is_none());
    }
}
