//! A tracker on a free port with a folder of its own, and a client that speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use dlt_engine::destination::{Access, Destination};
use dlt_engine::rows_of;
use dlt_tracker::{Error, Ready, ServeOptions, Summary, serve};
use serde_json::{Map, Value};

/// A running tracker, in a thread of this process.
pub(crate) struct Tracker {
    pub(crate) ready: Ready,
    thread: Option<JoinHandle<Result<Summary, Error>>>,
}

impl Tracker {
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::with(options(data_dir))
    }

    pub(crate) fn with(options: ServeOptions) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || serve(options, |ready| sender.send(ready.clone()).unwrap()));
        match receiver.recv_timeout(Duration::from_secs(30)) {
            Ok(ready) => Self { ready, thread: Some(thread) },
            Err(_) => panic!("it did not start: {:?}", thread.join()),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.ready.address)
    }

    pub(crate) fn stop(mut self) -> Summary {
        self.ready.stop.stop();
        self.thread.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.ready.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn options(data_dir: &Path) -> ServeOptions {
    let mut options = ServeOptions::new("127.0.0.1:0", data_dir);
    options.load_interval = Some(Duration::from_millis(100));
    options.segment_bytes = 256 << 10;
    options
}

/// One connection that is kept open.
pub(crate) struct Client(BufReader<TcpStream>);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap()
    }

    pub(crate) fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body).unwrap()
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").unwrap()
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: tracker\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.0.get_mut().write_all(&bytes)?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, headers, body: String::from_utf8(body).unwrap() })
    }
}

/// Queries the tables of a tracker as a stranger would, while nobody else has the file open.
pub(crate) fn sql(data_dir: &Path, query: &str) -> Vec<Map<String, Value>> {
    let database = data_dir.join("tracker.duckdb");
    let destination = dlt_destination_duckdb::DuckDb::at(&database).unwrap();
    let mut connection = destination.connect("telemetry", Access::Read).unwrap();
    let mut rows = Vec::new();
    connection
        .query(query, &mut |_, batch| {
            rows.extend(rows_of(&batch)?);
            Ok(())
        })
        .unwrap();
    rows
}

/// The built example program.
pub(crate) fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/serve");
    assert!(path.exists(), "{} is built with the tests", path.display());
    path
}
