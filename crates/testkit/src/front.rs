//! A proxy before a server that makes it fail as told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on.
    None,
    /// It is answered with this status and the XML body of an S3 error of this code, and not passed on. With 429 comes
    /// `Retry-After: 1`.
    Answer(u16, &'static str),
    /// It is passed on, and the connection is cut after so many bytes of the answer's body.
    CutAnswer(usize),
    /// It is passed on, and the answer is thrown away: the server has done it, and nobody knows.
    LoseAnswer,
    /// It is passed on after a while.
    Delay(Duration),
}

type Faults = Arc<dyn Fn(&str, &str) -> Fault + Send + Sync>;

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// The proxy: one request a connection. It stops when dropped.
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Front {
    /// Listens on a free port of 127.0.0.1. `fault` is asked for each request by its method and its path with the query, in the
    /// order in which requests come.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn before(server: SocketAddr, fault: impl Fn(&str, &str) -> Fault + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let faults: Faults = Arc::new(fault);
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let (shared, faults) = (Arc::clone(&shared), Arc::clone(&faults));
                    thread::spawn(move || {
                        // A connection that fails is what this is for.
                        let _ = pass(&stream, server, &shared, &faults);
                    });
                }
            })
        };
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and path of each request that came, in order.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn pass(client: &TcpStream, server: SocketAddr, shared: &Shared, faults: &Faults) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push(line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let first = head.first().cloned().unwrap_or_default();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if let Ok(mut seen) = shared.seen.lock() {
        seen.push(format!("{method} {path}"));
    }
    let fault = faults(method, path);
    match fault {
        Fault::Answer(status, code) => {
            let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
            let mut client = client;
            let wait = if status == 429 { "Retry-After: 1\r\n" } else { "" };
            write!(
                client,
                "HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\n{wait}Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )?;
            return Ok(());
        }
        Fault::Delay(time) => thread::sleep(time),
        _ => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    for line in &head {
        upstream.write_all(line.as_bytes())?;
    }
    upstream.write_all(b"Connection: close\r\n\r\n")?;
    upstream.write_all(&body)?;
    let (answer, body_at) = answer_of(upstream, method == "HEAD")?;
    let passed = match fault {
        Fault::LoseAnswer => &[],
        Fault::CutAnswer(bytes) => &answer[..answer.len().min(body_at + bytes)],
        _ => answer.as_slice(),
    };
    let mut client = client;
    client.write_all(passed)?;
    Ok(())
}

/// The whole answer of a server, and where its body begins. A server may leave the connection open.
fn answer_of(upstream: TcpStream, is_head: bool) -> Result<(Vec<u8>, usize)> {
    let mut reader = BufReader::new(upstream);
    let (mut answer, mut length) = (Vec::new(), None);
    loop {
        let begin = answer.len();
        if reader.read_until(b'\n', &mut answer)? == 0 {
            return Ok((answer, begin));
        }
        let line = String::from_utf8_lossy(&answer[begin..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        }
        if line == "\r\n" {
            break;
        }
    }
    let body_at = answer.len();
    match (is_head, length) {
        (true, _) => {}
        (false, Some(length)) => drop(reader.take(length).read_to_end(&mut answer)?),
        (false, None) => drop(reader.read_to_end(&mut answer)?),
    }
    Ok((answer, body_at))
}
