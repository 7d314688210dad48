//! A service and a timer of systemd.

use std::path::Path;

use dlt_engine::{Error, ErrorKind, Result};

use super::schedule::check_zone;
use super::{Deployment, Plan, Schedule, paths};

/// A service that runs the pipeline in its folder, and a timer that starts it. `binary` is the program's path.
///
/// # Errors
/// [`ErrorKind::Config`] if there is no such time zone, or a path has characters that a unit cannot have.
pub fn systemd(
    plan: &Plan,
    schedule: &Schedule,
    zone: Option<&str>,
    binary: &Path,
    folder: &Path,
) -> Result<Deployment> {
    zone.map_or(Ok(()), check_zone)?;
    let unit = format!("dlt-{}", plan.slug('-'));
    let file = paths::absolute(&plan.file);
    let project = file.parent().unwrap_or(Path::new("/"));
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (program, project_text, name) =
        (word(&binary.to_string_lossy())?, directory(&project.to_string_lossy())?, word(&name)?);
    let needs: String = plan.needed.iter().map(|needed| format!("#   {}\n", needed.variable)).collect();
    let needs = match needs.as_str() {
        "" => "# It needs no settings from outside of its folder.\n".to_owned(),
        needs => format!(
            "# It reads .dlt/secrets.toml of the project. Settings that are not in that file, of these:\n{needs}\
             # belong into the file of EnvironmentFile, a line NAME=value each, which others may not read (chmod 600).\n"
        ),
    };
    let pipeline = plan.pipeline.replace(['%', '\n', '\\'], " ");
    let service = format!(
        "# Runs the pipeline {pipeline} by dlt. Written by `dlt deploy`.\n{needs}[Unit]\nDescription=Pipeline {pipeline} of dlt\n\
         Wants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\nWorkingDirectory={project_text}\n\
         EnvironmentFile=-/etc/dlt/{unit}.env\nExecStart={program} run {name}\nPrivateTmp=true\nNoNewPrivileges=true\n"
    );
    let times: String = schedule.on_calendar(zone).iter().map(|time| format!("OnCalendar={time}\n")).collect();
    let timer = format!(
        "# Starts {unit}.service. Written by `dlt deploy` from the schedule: {schedule}\n[Unit]\nDescription=When pipeline {pipeline} of dlt runs\n\n\
         [Timer]\n{times}# A time that was missed while the machine was off is made up for.\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    );
    let (service_path, timer_path) = (folder.join(format!("{unit}.service")), folder.join(format!("{unit}.timer")));
    let next = vec![
        format!("check them: systemd-analyze verify {} {}", service_path.display(), timer_path.display()),
        format!(
            "install them: cp {} {} ~/.config/systemd/user/ && systemctl --user daemon-reload",
            service_path.display(),
            timer_path.display()
        ),
        format!(
            "switch the timer on: systemctl --user enable --now {unit}.timer, and loginctl enable-linger for when nobody is logged in"
        ),
        format!("what runs print: journalctl --user -u {unit}"),
    ];
    Ok(Deployment { files: vec![(service_path, service), (timer_path, timer)], warnings: Vec::new(), next })
}

/// A word of a command line in a unit.
fn word(text: &str) -> Result<String> {
    if text.contains(['\n', '\r']) {
        return Err(Error::new(ErrorKind::Config, format!("{text:?} cannot stand in a unit of systemd"))
            .hint("give the file or folder a name without line breaks"));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let is_plain = escaped.chars().all(|letter| letter.is_alphanumeric() || "/._-+:@%$".contains(letter));
    Ok(if is_plain { escaped } else { format!("\"{escaped}\"") })
}

/// A folder, which is one word to the end of the line.
fn directory(text: &str) -> Result<String> {
    word(text).map(|_| text.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_of_a_unit() {
        for (text, expected) in
            [("/a/b", "/a/b"), ("a b", "\"a b\""), ("50%", "50%%"), ("a\"b", "\"a\\\"b\""), ("$x", "$$x")]
        {
            assert_eq!(word(text).unwrap(), expected);
        }
        assert!(word("a\nb").is_err());
        assert_eq!(directory("/a b/5%").unwrap(), "/a b/5%%");
    }
}
