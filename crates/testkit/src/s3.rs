//! An S3 server: that of moto, from PyPI.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::venv;

/// What is installed.
const REQUIREMENTS: [&str; 1] = ["moto[server,s3]==5.2.5"];

/// How long a start may take: Python imports a lot on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A server with nothing in it, which takes any credentials. Dropped, it is killed.
#[derive(Debug)]
pub struct S3 {
    server: Child,
    address: SocketAddr,
    log: TempDir,
}

impl S3 {
    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot be installed or takes no connection.
    pub fn start() -> Result<Self> {
        let folder = venv::shared(venv::in_cache("moto-5.2.5")?, &REQUIREMENTS)?;
        let address = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?.local_addr()?;
        let log = tempfile::tempdir()?;
        let output = File::create(log.path().join("moto.log"))?;
        let server = Command::new(folder.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("could not start moto_server")?;
        let mut started = Self { server, address, log };
        let begin = Instant::now();
        while started.request("GET", "/").is_err() {
            if let Some(status) = started.server.try_wait()? {
                bail!("moto_server ended with {status}\n{}", started.log());
            }
            if begin.elapsed() > START_LIMIT {
                bail!("moto_server takes no connection after {START_LIMIT:?}\n{}", started.log());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        self.request("PUT", &format!("/{name}")).map(|_| ())
    }

    /// Sends a request without a body that the server takes unsigned, and returns the body of its answer.
    ///
    /// # Errors
    /// When the connection fails or the server answers other than 200.
    pub fn request(&self, method: &str, path: &str) -> Result<Vec<u8>> {
        self.send(method, path, b"")
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<()> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        let encoded: String = key
            .bytes()
            .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        self.send("PUT", &format!("/{bucket}/{encoded}"), bytes).map(|_| ())
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        // Moto finds the service by the scope of the signature.
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            self.address,
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end =
            answer.windows(4).position(|window| window == b"\r\n\r\n").context("the answer has no end of headers")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        if head.split(' ').nth(1) != Some("200") {
            bail!("{method} {path}: {}", head.lines().next().unwrap_or_default());
        }
        Ok(answer.split_off(end + 4))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path().join("moto.log")).unwrap_or_default()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
