//! The package: a folder, or a git repository that is fetched into one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dlt_engine::digest::name_digest;
use dlt_engine::{Error, ErrorKind, Result};

use super::Said;
use super::child::{Program, Secrets};
use super::settings::{SshKey, is_repository};

/// How long a repository may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Gives the key to an agent of its own, which ends with git: no file ever holds it.
const WITH_KEY: &str = r#"printf '%s\n' "$DLT_SSH_KEY" | ssh-add -q - && unset DLT_SSH_KEY && exec git "$@""#;

/// Where the package is, as somebody wrote it.
pub(super) struct Source<'a> {
    pub(super) location: &'a str,
    pub(super) branch: Option<&'a str>,
    pub(super) key: Option<&'a SshKey>,
}

/// The address without what is secret in it, and that.
fn apart(location: &str) -> (String, Option<&str>) {
    let Some((scheme, rest)) = location.split_once("://") else { return (location.to_owned(), None) };
    let (login, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    if login.is_empty() || login.contains('/') {
        return (location.to_owned(), None);
    }
    // Of a token alone nobody knows that it is no name.
    let secret = login.split_once(':').map_or(login, |(_, password)| password);
    let is_name = scheme.starts_with("ssh") && !login.contains(':');
    if is_name { (location.to_owned(), None) } else { (format!("{scheme}://{place}"), Some(secret)) }
}

impl Source<'_> {
    /// The address as it may be shown.
    pub(super) fn shown(&self) -> String {
        apart(self.location).0
    }

    /// The folder of the package. A repository is fetched into one below `folder`.
    pub(super) fn folder(&self, folder: &Path, say: &mut dyn FnMut(Said<'_>)) -> Result<PathBuf> {
        let local = Path::new(self.location);
        let found = match is_repository(self.location) && !local.join(PROJECT).is_file() {
            true => self.fetched(folder, say)?,
            false => {
                if let Some(what) = self.branch.map(|_| "a branch").or(self.key.map(|_| "a key")) {
                    say(Said::Note(&format!("{} is a folder: {what} means nothing there", local.display())));
                }
                std::path::absolute(local).unwrap_or_else(|_| local.to_owned())
            }
        };
        if found.join(PROJECT).is_file() {
            return Ok(found);
        }
        let shown = self.shown();
        let what = match local.exists() || found != local {
            true if found.is_dir() => format!("{shown} is no dbt package: it has no {PROJECT}"),
            _ => format!("there is no dbt package {shown}"),
        };
        Err(Error::new(ErrorKind::Config, what)
            .hint("name the folder that holds dbt_project.yml; `dlt dbt init DIR` writes a first package"))
    }

    fn fetched(&self, folder: &Path, say: &mut dyn FnMut(Said<'_>)) -> Result<PathBuf> {
        let shown = self.shown();
        let mut secrets = Secrets::default();
        if let (_, Some(secret)) = apart(self.location) {
            secrets.add(secret);
        }
        let name = shown.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        let name: String = name
            .trim_end_matches(".git")
            .chars()
            .filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter))
            .collect();
        let digest: String = name_digest(&shown).chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let folder = folder.join("packages").join(format!("{name}-{digest}"));
        let storage = |cause| Error::storage("make", &folder, cause);
        fs::create_dir_all(&folder).map_err(storage)?;
        let lock = File::create(folder.with_extension("lock")).map_err(storage)?;
        lock.lock().map_err(storage)?;
        say(Said::Note(&match self.branch {
            Some(branch) => format!("fetching {branch} of {shown}"),
            None => format!("fetching {shown}"),
        }));
        if !folder.join(".git").is_dir() {
            self.git(&folder, &["init", "--quiet"], &secrets, say)?;
        }
        let wanted = self.branch.unwrap_or("HEAD");
        self.git(
            &folder,
            &["fetch", "--quiet", "--force", "--no-tags", "--depth", "1", "package", "--", wanted],
            &secrets,
            say,
        )?;
        self.git(&folder, &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"], &secrets, say)?;
        Ok(folder)
    }

    fn git(&self, folder: &Path, arguments: &[&str], secrets: &Secrets, say: &mut dyn FnMut(Said<'_>)) -> Result<()> {
        let agent_needed = arguments.first() == Some(&"fetch");
        let mut program = match self.key {
            Some(SshKey::Text(key)) if agent_needed => Program::new("ssh-agent")
                .args(["sh", "-c", WITH_KEY, "git"])
                .env("DLT_SSH_KEY", key.replace("\r\n", "\n").trim()),
            _ => Program::new("git"),
        };
        // Addresses can hold tokens: in the environment only this user can see them, and they stay out of the repository.
        program = program
            .args(arguments)
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "remote.package.url")
            .env("GIT_CONFIG_VALUE_0", self.location)
            .without_env("GIT_DIR")
            .without_env("GIT_WORK_TREE")
            .folder(folder)
            .secrets(secrets)
            .limit(LIMIT);
        program = without_questions(program);
        if let Some(key) = self.key {
            program = program.env("GIT_SSH_COMMAND", ssh_command(key));
        }
        let ended = program.run(&mut |line| say(Said::Line(line)))?;
        if ended.success {
            return Ok(());
        }
        let what = match &ended {
            ended if ended.code == Some(127) => match self.key {
                Some(SshKey::Text(_)) => {
                    "git or ssh-agent is not there, and the package is a repository with a key".to_owned()
                }
                _ => "git is not there, and the package is a repository".to_owned(),
            },
            ended if ended.is_late => format!("git did not end within {} minutes", LIMIT.as_secs() / 60),
            ended => format!("cannot fetch {}: {}", self.shown(), ended.said(4)),
        };
        let said = ended.said(20);
        let hint = match self.branch {
            _ if ended.code == Some(127) => "install git (and openssh-client for keys), or name a folder".to_owned(),
            Some(branch) if said.contains("couldn't find remote ref") => {
                format!("the repository has no branch or tag `{branch}`; set package_repository_branch or --branch")
            }
            _ if said.contains("terminal prompts disabled") || said.contains("Authentication failed") => {
                "the repository wants a login, and nobody is asked: use an address of ssh with package_repository_ssh_key, or a credential helper of git".to_owned()
            }
            _ if said.contains("Permission denied (publickey") => {
                "the server does not take the key: set package_repository_ssh_key to one that may read the repository".to_owned()
            }
            _ if said.contains("Error loading key") => {
                "package_repository_ssh_key is no key that ssh can read without a passphrase".to_owned()
            }
            _ if said.contains("Host key verification failed") => {
                "this machine does not know the server's key: connect once by ssh, or set package_repository_ssh_key, with which \
                 servers that are new are believed"
                    .to_owned()
            }
            _ => "try the address with `git ls-remote`".to_owned(),
        };
        Err(Error::new(ErrorKind::Source, what).hint(hint))
    }
}

/// Nobody sits there to answer: git and ssh fail where they would ask, and do not wait for servers without end.
pub(super) fn without_questions(program: Program) -> Program {
    program
        .env("GIT_TERMINAL_PROMPT", "0")
        .default_env("GIT_HTTP_LOW_SPEED_LIMIT", "100")
        .default_env("GIT_HTTP_LOW_SPEED_TIME", "30")
        .default_env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=15")
}

fn ssh_command(key: &SshKey) -> String {
    let options = "-o BatchMode=yes -o ConnectTimeout=15 -o StrictHostKeyChecking=accept-new";
    match key {
        SshKey::Text(_) => format!("ssh {options}"),
        SshKey::File(path) => {
            // git runs in another folder.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let path = path.to_string_lossy().replace('\'', r"'\''");
            format!("ssh -i '{path}' -o IdentitiesOnly=yes {options}")
        }
    }
}

/// What makes a folder a package.
pub(super) const PROJECT: &str = "dbt_project.yml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_not_shown() {
        assert_eq!(apart("https://ann:tok:en@h/x.git"), ("https://h/x.git".to_owned(), Some("tok:en")));
        assert_eq!(apart("https://token@h/x"), ("https://h/x".to_owned(), Some("token")));
        assert_eq!(apart("ssh://git@h/x"), ("ssh://git@h/x".to_owned(), None));
        assert_eq!(apart("git@h:x"), ("git@h:x".to_owned(), None));
        assert_eq!(apart("https://h/a@b"), ("https://h/a@b".to_owned(), None));
    }
}
