//! A tracker on this machine that does what a test tells it to, and keeps what it got.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Read it and answer with these bytes.
    Answer(Vec<u8>),
    /// Take the connection and never say a word.
    Silent,
    /// Read it, then close without an answer.
    Close,
    /// Answer 204 after a while.
    Late(Duration),
    /// Answer 200 with a body that never ends.
    Endless,
}

impl Behaviour {
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        Self::Answer(
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes(),
        )
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(crate) struct Tracker {
    address: String,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<Mutex<usize>>,
}

impl Tracker {
    /// The last behaviour is repeated for ever.
    pub(crate) fn start(behaviours: Vec<Behaviour>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (theirs, counter) = (Arc::clone(&received), Arc::clone(&connections));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                *counter.lock().unwrap() += 1;
                let behaviour = behaviours[number.min(behaviours.len() - 1)].clone();
                let received = Arc::clone(&theirs);
                std::thread::spawn(move || serve(stream.unwrap(), behaviour, &received));
            }
        });
        Self { address, received, connections }
    }

    pub(crate) fn well_behaved() -> Self {
        Self::start(vec![Behaviour::status(204, "Connection: close\r\n", "")])
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Waits until so many requests are in, for ten seconds at most.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        for _ in 0..1000 {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} of {count} requests came", self.received().len());
    }
}

fn serve(mut stream: TcpStream, behaviour: Behaviour, received: &Mutex<Vec<Received>>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    if matches!(behaviour, Behaviour::Silent) {
        let _ = stream.read(&mut [0; 1 << 16]);
        std::thread::sleep(Duration::from_secs(30));
        return;
    }
    let Some(request) = read(&mut stream) else { return };
    received.lock().unwrap().push(request);
    match behaviour {
        Behaviour::Answer(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Behaviour::Endless => {
            let length = 10_u64 << 30;
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
            while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
        }
        Behaviour::Late(pause) => {
            std::thread::sleep(pause);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
        Behaviour::Silent | Behaviour::Close => {}
    }
}

fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let request = Received { head: head.to_owned(), body: body.to_owned() };
        let length: usize = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(request);
        }
    }
}
