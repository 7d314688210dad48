//! A package for Debian and its like: the tree below `/usr`, and the unit of the tracker, which nothing starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::Tree;
use super::{About, SUMMARY, copy, files_below};
use crate::process;
use crate::workspace::Workspace;

/// The settings that the unit reads, for a person to change.
const SETTINGS: &str = "\
# Settings of the tracker under systemd. `dlt tracker serve --show-config` says what counts and where it comes from.
# Behind a proxy, or with tls_cert and tls_key: listen = \"0.0.0.0:8080\"
listen = \"127.0.0.1:8080\"
";

/// Whom the package names. There is no address to write to but the project's own.
const MAINTAINER: &str = "the dlt maintainers <dlt@localhost>";

const COPYRIGHT: &str = "\
Copyright: the authors of dlt
License: Apache-2.0, whose text is in /usr/share/common-licenses/Apache-2.0

What is linked into the program, and its library of DuckDB, have their own: THIRD-PARTY and LICENSE.duckdb beside this file.
";

pub(super) fn make(about: &About, tree: &Tree, work: &Path, out: &Path) -> Result<PathBuf> {
    let stage = work.join("deb");
    for file in tree.files()? {
        copy(&tree.path(&file.to_string_lossy()), &stage.join("usr").join(place(&file)))?;
    }
    let workspace = Workspace::locate();
    let unit = fs::read_to_string(workspace.path("deploy/dlt-tracker.service"))?;
    let units = stage.join("usr/lib/systemd/system");
    fs::create_dir_all(&units)?;
    fs::write(units.join("dlt-tracker.service"), unit.replace("/usr/local/bin/dlt", "/usr/bin/dlt"))?;
    let users = stage.join("usr/lib/sysusers.d");
    fs::create_dir_all(&users)?;
    fs::write(users.join("dlt-tracker.conf"), "u dlt-tracker - \"dlt tracker\" /var/lib/dlt-tracker\n")?;

    let settings = stage.join("etc/dlt-tracker");
    fs::create_dir_all(&settings)?;
    fs::write(settings.join("tracker.toml"), SETTINGS)?;

    let doc = stage.join("usr/share/doc/dlt");
    fs::remove_file(doc.join("LICENSE"))?;
    fs::write(doc.join("copyright"), COPYRIGHT)?;
    let date = process::output(
        Command::new("date").args(["--utc", "--rfc-email", "--date"]).arg(format!("@{}", about.moment)),
    )?;
    let entry = "dlt (VERSION) stable; urgency=medium\n\n  * CHANGELOG.md says what is new.\n\n -- MAINTAINER  DATE";
    let entry = entry.replace("VERSION", &about.version).replace("MAINTAINER", MAINTAINER).replace("DATE", &date);
    fs::write(doc.join("changelog"), entry)?;

    let files = files_below(&stage)?;
    for page in
        files.iter().filter(|file| file.starts_with("usr/share/man") || file.starts_with("usr/share/doc/dlt/changelog"))
    {
        process::output(Command::new("gzip").arg("-9n").arg(stage.join(page)))?;
    }
    control(about, &stage)?;
    let file = out.join(format!("dlt_{}_{}.deb", about.version, architecture(about.machine)));
    let mut build = Command::new("dpkg-deb");
    build
        .args(["--build", "--root-owner-group", "-Zxz"])
        .arg(&stage)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", &about.moment);
    process::output(&mut build).context("dpkg-deb makes packages for Debian (package dpkg)")?;
    Ok(file)
}

/// Where a file of the tree lies below `/usr`, by Debian's policy.
fn place(file: &Path) -> PathBuf {
    match file.to_str() {
        Some("share/zsh/site-functions/_dlt") => "share/zsh/vendor-completions/_dlt".into(),
        _ => file.to_owned(),
    }
}

fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control(about: &About, stage: &Path) -> Result<()> {
    let files = files_below(stage)?;
    let mut bytes = 0;
    for file in &files {
        bytes += fs::metadata(stage.join(file))?.len();
    }
    let sums = process::output(Command::new("md5sum").current_dir(stage).args(&files))?;
    let folder = stage.join("DEBIAN");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("md5sums"), sums)?;
    fs::write(folder.join("conffiles"), "/etc/dlt-tracker/tracker.toml\n")?;
    let (major, minor) = about.glibc;
    let control = format!(
        "Package: dlt\nVersion: {}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {}\n\
         Depends: libc6 (>= {major}.{minor}), libgcc-s1, libstdc++6\nRecommends: ca-certificates\nSection: database\n\
         Priority: optional\nDescription: {}\n {}.\n .\n Nested records become tables, schemas evolve, and a run that was killed is\n \
         taken up by the next. DuckDB, manual pages, completions and a unit of systemd\n for the tracker of telemetry come along.\n",
        about.version,
        architecture(about.machine),
        bytes.div_ceil(1024),
        SUMMARY.split(':').next().unwrap_or(SUMMARY),
        SUMMARY.replacen(", nested or flat,", ",\n nested or flat,", 1),
    );
    fs::write(folder.join("control"), control)?;
    Ok(())
}
