//! The detached sender: the host's own program, started again with an argument that its `main` checks first.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::config::ConfigFile;
use crate::consent;
use crate::delivery::{DeliveryQueue, Upstream};
use crate::environment::Environment;
use crate::names::Names;
use crate::policy::Policy;
use crate::process::{self, Started};

/// The first argument of a sender.
const ARGUMENT: &str = "__send-telemetry";
/// The variable that holds its job.
const VARIABLE: &str = "TELEMETRY_SENDER_JOB";

/// Proof that this program's `main` begins with [`run_sender_if_asked`], so that starting it again is safe.
#[derive(Debug, Clone, Copy)]
pub struct DetachedSender(());

/// Call it first in `main`. In an ordinary run it does nothing. In the process that
/// [`Telemetry::finish`](crate::Telemetry::finish) started, it drains the spool and ends the process, after ten seconds at
/// the latest.
#[must_use = "hand it to Builder::detached, or events will be sent by a thread"]
pub fn run_sender_if_asked() -> DetachedSender {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT)
        && let Some(job) = std::env::var(VARIABLE).ok().as_deref().and_then(Job::parse)
    {
        job.run();
        end();
    }
    DetachedSender(())
}

#[expect(clippy::exit, reason = "this process only sends, and its main must not continue as if it were the host")]
fn end() -> ! {
    std::process::exit(0)
}

/// Whether a process is a detached sender. Always true where the system does not show its arguments.
pub(crate) fn is_process_of_sender(pid: i32) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let path = PathBuf::from(format!("/proc/{pid}/cmdline"));
    std::fs::read(path).is_ok_and(|words| words.split(|byte| *byte == 0).any(|word| word == ARGUMENT.as_bytes()))
}

/// Whether this process is a sender. A host that missed the argument must not start another one.
pub(crate) fn is_sender(environment: &Environment) -> bool {
    environment.is_set(VARIABLE)
}

/// What a sender needs to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// When the host started it, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
    pub(crate) user_agent: String,
    pub(crate) authorization: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) config_files: Vec<PathBuf>,
    pub(crate) names: Names,
    pub(crate) policy: Policy,
}

impl Job {
    /// Starts the program again, without waiting for it.
    pub(crate) fn start(&self, _: DetachedSender) -> std::io::Result<Started> {
        process::start(&std::env::current_exe()?, ARGUMENT, (VARIABLE, &self.to_json().to_string()))
    }

    /// What the sender's process does.
    fn run(&self) {
        // On busy cores half of the time may be over before the program starts.
        let life = self.policy.sender_life.saturating_sub(self.age());
        // It exits before its end: on busy cores exiting takes time too.
        let margin = self.policy.sender_life / 10;
        let watch = life.saturating_sub(margin);
        if watch.is_zero() {
            return;
        }
        // Ends the process whatever hangs: a name server, a disk, a peer.
        let watchdog = std::thread::Builder::new().spawn(move || {
            std::thread::sleep(watch);
            end()
        });
        if watchdog.is_err() {
            return;
        }
        let started = Instant::now();
        let queue = DeliveryQueue::new(&self.folder, self.policy.clone(), Clock::system());
        let Some(mut lock) = queue.lock(Duration::from_secs(1)) else { return };
        if lock.sign().is_err() {
            return;
        }
        let Some(upstream) = self.upstream() else { return };
        // The same margin is left for the answer's receipt.
        let deadline = started + watch.saturating_sub(margin);
        let _ = queue.drain(&lock, &upstream, || deadline);
    }

    /// How long ago the host started this process; zero if the clock was set since.
    fn age(&self) -> Duration {
        let age = Duration::from_millis(Clock::system().now_ms().saturating_sub(self.started_ms));
        if age < self.policy.sender_life * 2 { age } else { Duration::ZERO }
    }

    #[cfg(feature = "http")]
    fn upstream(&self) -> Option<Upstream> {
        let environment = Environment::capture();
        let transport = Arc::new(crate::http::Http::new(&environment, self.ca_file.clone()));
        Some(self.upstream_over(transport, environment))
    }

    #[cfg(not(feature = "http"))]
    fn upstream(&self) -> Option<Upstream> {
        None
    }

    /// The endpoint over a transport. Its consent is read again for each request.
    pub(crate) fn upstream_over(&self, transport: Arc<dyn crate::Transport>, environment: Environment) -> Upstream {
        let (names, files) = (self.names.clone(), self.config_files.clone());
        let allowed = move || {
            let files: Vec<_> = files.iter().filter_map(|path| ConfigFile::read(path)).collect();
            consent::decide(consent::gather(None, &environment, &names, &files)).enabled
        };
        Upstream {
            url: self.url.clone(),
            user_agent: self.user_agent.clone(),
            authorization: self.authorization.clone(),
            transport,
            allowed: Arc::new(allowed),
        }
    }

    fn to_json(&self) -> Json {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        json!({
            "started_ms": self.started_ms,
            "folder": path(&self.folder),
            "url": self.url,
            "user_agent": self.user_agent,
            "authorization": self.authorization,
            "ca_file": self.ca_file.as_ref().map(path),
            "config_files": self.config_files.iter().map(path).collect::<Vec<_>>(),
            "variable": self.names.variable,
            "table": self.names.table,
            "key": self.names.key,
            "policy": self.policy.to_json(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let parsed: Json = serde_json::from_str(text).ok()?;
        let text = |name: &str| parsed.get(name).and_then(Json::as_str).map(str::to_owned);
        let config_files =
            parsed.get("config_files")?.as_array()?.iter().filter_map(Json::as_str).map(PathBuf::from).collect();
        let names =
            Names { variable: text("variable")?, table: text("table")?, key: text("key")?, ..Names::of("host") };
        Some(Self {
            started_ms: parsed.get("started_ms")?.as_u64()?,
            folder: PathBuf::from(text("folder")?),
            url: text("url")?,
            user_agent: text("user_agent")?,
            authorization: text("authorization"),
            ca_file: text("ca_file").map(PathBuf::from),
            config_files,
            names,
            policy: Policy::from_json(parsed.get("policy")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_job_survives_the_way_to_the_child() {
        let job = Job {
            started_ms: 1_795_350_000_000,
            folder: "/data/telemetry".into(),
            url: "https://example.org/".to_owned(),
            user_agent: "dlt/1".to_owned(),
            authorization: Some("Basic azo=".to_owned()),
            ca_file: Some("/ca.pem".into()),
            config_files: vec!["/etc/dlt/config.toml".into(), "/data/config.toml".into()],
            names: Names { variable: "V".to_owned(), table: "t".to_owned(), key: "k".to_owned(), ..Names::of("host") },
            policy: Policy { sender_life: Duration::from_millis(1_234), max_events: 7, ..Policy::default() },
        };
        assert_eq!(Job::parse(&job.to_json().to_string()), Some(job));
        assert_eq!(Job::parse("{}"), None);
    }
}
