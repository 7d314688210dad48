//! Building and loading the telemetry of a host. Nothing is written before [`Setup::start`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::delivery::{DeliveryQueue, Upstream};
use crate::envelope::Software;
use crate::environment::Environment;
use crate::hash::base64;
use crate::names::Names;
use crate::notice::Notice;
use crate::policy::Policy;
use crate::sender::{self, DetachedSender, Job};
use crate::settings::{DeliveryMode, Paths, Settings};
use crate::transport::Transport;

/// How a host wants its events to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// In place in CI and containers; else detached where the host can be started again; else by a thread.
    #[default]
    Auto,
    /// Always the same way.
    Always(DeliveryMode),
}

/// Describes a host. Made by [`Telemetry::builder`](crate::Telemetry::builder).
#[derive(Clone)]
pub struct Builder {
    software: Software,
    names: Names,
    environment: Option<Environment>,
    clock: Clock,
    policy: Policy,
    data_dir: Option<PathBuf>,
    project_dir: Option<PathBuf>,
    endpoint: Option<String>,
    host_word: Option<String>,
    delivery: Delivery,
    sender: Option<DetachedSender>,
    transport: Option<Arc<dyn Transport>>,
    notice: Notice,
}

impl Builder {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        let names = if name == "dlt" { Names::dlt() } else { Names::of(name) };
        let software =
            Software { name: name.to_owned(), version: version.to_owned(), python: None, also_running_in: Vec::new() };
        Self {
            notice: Notice::of(name, &names),
            software,
            names,
            environment: None,
            clock: Clock::system(),
            policy: Policy::default(),
            data_dir: None,
            project_dir: None,
            endpoint: None,
            host_word: None,
            delivery: Delivery::Auto,
            sender: None,
            transport: None,
        }
    }

    /// Names of variables and keys other than those that follow from the host's name.
    #[must_use]
    pub fn names(mut self, names: Names) -> Self {
        self.notice = Notice::of(&self.software.name, &names);
        self.names = names;
        self
    }

    /// The folder that holds id, configuration and spool, instead of the one that follows from the environment.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// The project that the host works in, whose configuration is read too.
    #[must_use]
    pub fn project_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.project_dir = Some(folder.into());
        self
    }

    /// Where to send where no user says otherwise. An empty text is no endpoint: events stay on the machine.
    #[must_use]
    pub fn default_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned()).filter(|text| !text.is_empty());
        self
    }

    /// Switches telemetry off for this process, for the reason given, for example `--disable-telemetry`.
    #[must_use]
    pub fn off_because(mut self, reason: &str) -> Self {
        self.host_word = Some(reason.to_owned());
        self
    }

    /// Allows events to be sent by a detached process.
    #[must_use]
    pub fn detached(mut self, sender: DetachedSender) -> Self {
        self.sender = Some(sender);
        self
    }

    /// How events leave. A user's setting comes first.
    #[must_use]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The version of the Python that the host is loaded into; to be set only where there is one.
    #[must_use]
    pub fn python(mut self, version: &str) -> Self {
        self.software.python = Some(version.to_owned());
        self
    }

    /// An execution environment that can't be detected, such as `marimo`.
    #[must_use]
    pub fn running_in(mut self, name: &'static str) -> Self {
        self.software.also_running_in.push(name);
        self
    }

    /// The notice of the first run: `long` for a terminal, `line` for everything else.
    #[must_use]
    pub fn notice(mut self, long: &str, line: &str) -> Self {
        self.notice = Notice::custom(long, line);
        self
    }

    /// Other limits.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The host's own way to send; events then leave by a thread or in place, never detached.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// An environment other than the process's own.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// A clock other than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Reads environment and configuration. Writes nothing, starts nothing.
    #[must_use]
    pub fn load(self) -> Setup {
        let environment = self.environment.unwrap_or_else(Environment::capture);
        let mut folders = self.names.data_folders(&environment);
        if let Some(folder) = self.data_dir {
            folders.insert(0, folder);
        }
        // A sender works in another folder than its host.
        let absolute = |folder: &Path| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let folders: Vec<_> = folders.iter().map(|folder| absolute(folder)).collect();
        let project = self.project_dir.as_deref().map(absolute);
        let paths = Paths::find(folders, project.as_deref(), &self.names);
        let host_word = self
            .host_word
            .or_else(|| paths.is_none().then(|| "there is no home folder to keep anything in".to_owned()))
            .or_else(|| sender::is_sender(&environment).then(|| "this process sends for another".to_owned()));
        let paths = paths.unwrap_or_else(Paths::nowhere);
        let settings =
            Settings::read(host_word.as_deref(), &environment, &self.names, &paths, self.endpoint.as_deref());
        Setup {
            queue: DeliveryQueue::new(&paths.telemetry(), self.policy.clone(), self.clock.clone()),
            software: self.software,
            names: self.names,
            environment,
            clock: self.clock,
            policy: self.policy,
            delivery: self.delivery,
            sender: self.sender,
            transport: self.transport,
            notice: self.notice,
            paths,
            settings,
        }
    }
}

/// The telemetry of a host on this machine: can be inspected, changed, and started.
#[derive(Clone)]
pub struct Setup {
    pub(crate) software: Software,
    pub(crate) names: Names,
    pub(crate) environment: Environment,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) delivery: Delivery,
    pub(crate) sender: Option<DetachedSender>,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) notice: Notice,
    pub(crate) paths: Paths,
    pub(crate) settings: Settings,
    pub(crate) queue: DeliveryQueue,
}

impl Setup {
    /// Whether telemetry is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.consent.enabled
    }

    pub(crate) fn mode(&self, short_lived: bool) -> DeliveryMode {
        let wished = match (&self.settings.delivery, self.delivery) {
            (Some(setting), _) => setting.value,
            (None, Delivery::Always(mode)) => mode,
            (None, Delivery::Auto) if short_lived => DeliveryMode::InPlace,
            (None, Delivery::Auto) => DeliveryMode::Detached,
        };
        let can_detach = self.sender.is_some() && self.transport.is_none() && cfg!(feature = "http");
        if wished == DeliveryMode::Detached && !can_detach { DeliveryMode::Thread } else { wished }
    }

    /// What a sender has to know; `None` where there is no usable endpoint.
    pub(crate) fn job(&self) -> Option<Job> {
        let endpoint = self.settings.usable_endpoint()?;
        Some(Job {
            started_ms: self.clock.now_ms(),
            folder: self.queue.folder.clone(),
            url: endpoint.url().to_owned(),
            user_agent: format!("{}/{}", self.software.name, self.software.version),
            authorization: self.authorization(),
            ca_file: self.settings.ca_file.as_ref().map(|setting| setting.value.clone()),
            config_files: self.paths.config_files.clone(),
            names: self.names.clone(),
            policy: self.policy.clone(),
        })
    }

    pub(crate) fn authorization(&self) -> Option<String> {
        let key = self.settings.write_key.as_ref()?;
        Some(format!("Basic {}", base64(format!("{}:", key.value).as_bytes())))
    }

    /// Where this process itself would send.
    pub(crate) fn upstream(&self) -> Option<Upstream> {
        let job = self.job()?;
        let transport = self.transport()?;
        Some(job.upstream_over(transport, self.environment.clone()))
    }

    pub(crate) fn transport(&self) -> Option<Arc<dyn Transport>> {
        if let Some(transport) = &self.transport {
            return Some(Arc::clone(transport));
        }
        #[cfg(feature = "http")]
        {
            let ca_file = self.settings.ca_file.as_ref().map(|setting| setting.value.clone());
            Some(Arc::new(crate::http::Http::new(&self.environment, ca_file)))
        }
        #[cfg(not(feature = "http"))]
        None
    }
}
