//! Trackers on this machine, each with a fault of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Arena;
use crate::process;

/// All that there are, in the order of the report.
pub(super) const NAMES: [&str; 10] =
    ["fast", "refused", "silent", "black hole", "slow DNS", "429", "500", "garbage", "redirect", "endless body"];

/// Longer than any sender lives.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Tracker {
    pub(super) name: &'static str,
    pub(super) url: String,
    /// A library that whoever talks to it has to be started with.
    pub(super) preload: Option<PathBuf>,
    helper: Option<Child>,
}

#[derive(Clone)]
enum Behaviour {
    Answer(String),
    /// Takes the connection and never says a word.
    Silent,
    /// Answers with a body that never ends.
    Endless,
}

impl Tracker {
    pub(super) fn start(name: &'static str, arena: &Arena) -> Result<Tracker> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port could be opened on 127.0.0.1")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let status = |line: &str, headers: &str| {
            Behaviour::Answer(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n"))
        };
        let behaviour = match name {
            "fast" => status("204 No Content", ""),
            "silent" => Behaviour::Silent,
            "429" => status("429 Too Many Requests", "Retry-After: 60\r\n"),
            "500" => status("500 Internal Server Error", ""),
            "garbage" => Behaviour::Answer("\u{16}\u{3}\u{1} this is not HTTP\r\n\r\n".to_owned()),
            "redirect" => status("302 Found", &format!("Location: {url}again\r\n")),
            "endless body" => Behaviour::Endless,
            // Nobody listens any more where somebody did a moment ago.
            "refused" => return Ok(Tracker { name, url, preload: None, helper: None }),
            "black hole" => return Tracker::black_hole(name, arena),
            "slow DNS" => {
                let (url, preload) = ("http://tracker.invalid/".to_owned(), Some(slow_resolver(arena)?));
                return Ok(Tracker { name, url, preload, helper: None });
            }
            other => bail!("there is no tracker called {other}"),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behaviour = behaviour.clone();
                // Whoever is not answered finds out by himself.
                thread::spawn(move || serve(stream, &behaviour));
            }
        });
        Ok(Tracker { name, url, preload: None, helper: None })
    }

    /// A socket whose queue is full: the system lets every further connection hang. The standard library cannot make
    /// one so short.
    fn black_hole(name: &'static str, arena: &Arena) -> Result<Tracker> {
        let mut command = Command::new(&arena.python);
        command.arg(arena.bench.join("python/black_hole.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut helper = command.spawn().with_context(|| process::shown(&command))?;
        let mut port = String::new();
        if let Some(output) = helper.stdout.take() {
            BufReader::new(output).read_line(&mut port)?;
        }
        let url = format!("http://127.0.0.1:{}/", port.trim());
        let tracker = Tracker { name, url, preload: None, helper: Some(helper) };
        port.trim().parse::<u16>().with_context(|| format!("black_hole.py printed {port:?} and no port"))?;
        Ok(tracker)
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if let Some(helper) = &mut self.helper {
            let _ = helper.kill();
            let _ = helper.wait();
        }
    }
}

/// Compiles the library that stands in for a name server. Only root could make the system's own one hang.
fn slow_resolver(arena: &Arena) -> Result<PathBuf> {
    let library = arena.work.with_file_name("slow_resolver.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(arena.bench.join("native/slow_resolver.c"));
    process::run(&mut command)?;
    Ok(library)
}

/// Whatever fails here is the sender's to bear.
fn serve(mut stream: TcpStream, behaviour: &Behaviour) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    match behaviour {
        Behaviour::Silent => while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {},
        Behaviour::Answer(answer) => {
            if read_request(&mut stream).is_some() && stream.write_all(answer.as_bytes()).is_ok() {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read(&mut [0; 64]);
            }
        }
        Behaviour::Endless => {
            let begun = read_request(&mut stream).is_some() && stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok();
            while begun && stream.write_all(&[b'a'; 1 << 16]).is_ok() {}
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}
