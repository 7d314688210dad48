//! A line for a crontab.

use std::path::Path;

use super::{Deployment, Plan, Schedule, paths};

/// A crontab that runs the pipeline in its folder, one run at a time. `binary` is the program's path: cron knows few of them.
pub fn crontab(plan: &Plan, schedule: &Schedule, binary: &Path, folder: &Path) -> Deployment {
    let slug = plan.slug('-');
    let file = paths::absolute(&plan.file);
    let project = file.parent().unwrap_or(Path::new("/")).to_owned();
    let path = folder.join(format!("{slug}.crontab"));
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let command = format!(
        "cd {} && mkdir -p .dlt && {{ [ ! -f .dlt/{slug}.env ] || {{ set -a; . ./.dlt/{slug}.env; }}; }} && exec flock --nonblock --conflict-exit-code 0 .dlt/{slug}.lock {} run {}",
        quoted(&project.to_string_lossy()),
        quoted(&binary.to_string_lossy()),
        quoted(&name)
    );
    let needs: String = plan.needed.iter().map(|needed| format!("#   {}\n", needed.variable)).collect();
    let needs = match needs.as_str() {
        "" => "# It needs no settings from outside of its folder.\n".to_owned(),
        needs => format!(
            "# It runs in the project's folder and reads .dlt/secrets.toml there. Settings that are not in that file, of these:\n{needs}\
             # belong into .dlt/{slug}.env, a line NAME=value each, which others may not read (chmod 600).\n"
        ),
    };
    let text = format!(
        "# Runs the pipeline {} by dlt. Written by `dlt deploy`.\n{needs}\
         # A run that finds another one under way does nothing. What a run prints, cron mails to MAILTO.\n\
         SHELL=/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n{schedule} {}\n",
        plan.pipeline.replace('\n', " "),
        // Cron takes a percent sign for the end of the line.
        command.replace('%', "\\%")
    );
    let next = vec![
        format!("look at it, then add it to yours: (crontab -l 2>/dev/null; cat {}) | crontab -", path.display()),
        "times are in the machine's time zone".to_owned(),
    ];
    Deployment { files: vec![(path, text)], warnings: Vec::new(), next }
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain =
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_for_a_shell() {
        for (word, expected) in
            [("a/b_c.toml", "a/b_c.toml"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$(x)", "'$(x)'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
