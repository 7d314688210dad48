//! Profiles of `~/.aws/credentials` and `~/.aws/config`, as the tools of AWS write them.

use crate::failure::{Result, StoreError, StoreErrorKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the files say of one profile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    values: BTreeMap<String, String>,
}

impl Profile {
    /// Reads the profile that is asked for; `None` means `AWS_PROFILE`, else `default`, which need not be there.
    ///
    /// # Errors
    /// [`StoreErrorKind::Config`] if a profile that somebody named is not there, or gets its keys in a way that is not known here.
    pub(crate) fn read(name: Option<&str>) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let file = |of: &str, name: &str| {
            variable(of).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".aws").join(name)))
        };
        let files = [file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), file("AWS_CONFIG_FILE", "config")];
        Self::of(named.as_deref(), &files.map(|file| file.and_then(|file| text_of(&file)).unwrap_or_default()))
    }

    fn of(named: Option<&str>, [credentials, config]: &[String; 2]) -> Result<Self> {
        let name = named.unwrap_or("default");
        let mut values = section(config, &[&format!("profile {name}"), name]);
        let keys = section(credentials, &[name]);
        match (values.as_mut(), keys) {
            (Some(values), Some(keys)) => values.extend(keys),
            (None, keys) => values = keys,
            (Some(_), None) => {}
        }
        let Some(values) = values else {
            return match named {
                None => Ok(Self::default()),
                Some(name) => Err(StoreError::new(StoreErrorKind::Config, format!("there is no AWS profile `{name}`"))
                    .hint("look at ~/.aws/credentials and ~/.aws/config, or correct `profile_name`")),
            };
        };
        let profile = Self { values };
        let other = ["sso_session", "sso_start_url", "credential_process", "role_arn"];
        if profile.get("aws_access_key_id").is_none()
            && let (Some(_), Some(way)) = (named, other.iter().find(|way| profile.get(way).is_some()))
        {
            return Err(StoreError::new(
                StoreErrorKind::Config,
                format!("the AWS profile `{name}` gets its keys by `{way}`, which dlt cannot do"),
            )
            .hint("let `aws configure export-credentials --format env` set them as environment variables"));
        }
        Ok(profile)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

fn text_of(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

/// The keys of the first section that has one of the names.
fn section(text: &str, names: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines() {
        // What is indented belongs to a key above.
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = names.contains(&name.as_str());
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, false, Some((key, value))) = (inside, is_nested, line.split_once('=')) {
            found.get_or_insert_default().insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CREDENTIALS: &str =
        "[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[minio]\naws_access_key_id=M\n";
    const CONFIG: &str = "# mine\n[profile minio]\nregion = eu-1\nendpoint_url = http://h:9000\ns3 =\n  addressing_style = path\n\
                          [profile sso]\nsso_start_url = https://x\n[default]\nregion=eu-2\n";

    fn profile(name: Option<&str>) -> Result<Profile> {
        Profile::of(name, &[CREDENTIALS.to_owned(), CONFIG.to_owned()])
    }

    #[test]
    fn both_files_make_a_profile() {
        let minio = profile(Some("minio")).unwrap();
        assert_eq!((minio.get("aws_access_key_id"), minio.get("region")), (Some("M"), Some("eu-1")));
        assert_eq!((minio.get("endpoint_url"), minio.get("addressing_style")), (Some("http://h:9000"), None));
        let default = profile(None).unwrap();
        assert_eq!((default.get("aws_secret_access_key"), default.get("region")), (Some("B"), Some("eu-2")));
    }

    #[test]
    fn what_cannot_be_had_is_told() {
        assert!(profile(Some("none")).unwrap_err().to_string().contains("no AWS profile `none`"));
        assert!(profile(Some("sso")).unwrap_err().to_string().contains("`sso_start_url`"));
        assert_eq!(Profile::of(None, &[String::new(), String::new()]).unwrap(), Profile::default());
    }
}
