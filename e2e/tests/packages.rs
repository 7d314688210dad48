//! What `make dist` leaves, each installed into an empty folder or environment and used there. The tier `dist` makes it and runs
//! these.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The package whose name ends so.
fn package(end: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").canonicalize().expect("`make dist` comes first");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = names.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "one {end} in {}: {found:?}", folder.display());
    found[0].clone()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// A command with nothing of this machine's in its environment.
fn clean(program: impl AsRef<Path>, home: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("DO_NOT_TRACK", "1").current_dir(home);
    command
}

/// The installed program loads a file, reads it back, and knows its library.
fn is_usable(dlt: &Path, library: &Path) {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("events.jsonl"), "{\"id\":1,\"tags\":[\"a\",\"b\"]}\n{\"id\":2,\"tags\":[]}\n").unwrap();
    let words = "ingest events.jsonl --to duckdb:shop.duckdb --dataset raw";
    ran(clean(dlt, home.path()).args(words.split(' ')));
    let sql = "select (select count(*) from events) as events, (select count(*) from events__tags) as tags";
    let words = ["dataset", "raw", "--from", "duckdb:shop.duckdb", "--format", "csv", "--sql", sql];
    assert_eq!(text(&ran(clean(dlt, home.path()).args(words)).stdout), "events,tags\n2,2\n");

    let said = text(&ran(clean(dlt, home.path()).args(["--version", "-v"])).stdout);
    let line =
        |start: &str| said.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned).unwrap_or_default();
    assert!(said.starts_with(&format!("dlt {}\n", env!("CARGO_PKG_VERSION"))), "{said}");
    let (version, place) =
        line("DuckDB: ").split_once(" in ").map(|(a, b)| (a.to_owned(), PathBuf::from(b))).expect(&said);
    assert!(version.starts_with('v'), "{said}");
    assert_eq!(place.canonicalize().unwrap(), library.canonicalize().unwrap(), "{said}");
    let commit = line("commit: ");
    assert!(
        commit.trim_end_matches("-dirty").bytes().all(|byte| byte.is_ascii_hexdigit()) && commit.len() >= 12,
        "{said}"
    );
}

/// Manual pages can be read, completions are complete scripts, and the licences are there.
fn has_its_pages(usr: &Path, zsh: &str, doc: &Path) {
    for page in ["dlt", "dlt-ingest", "dlt-tracker-serve"] {
        let file = ["1", "1.gz"].map(|end| usr.join(format!("share/man/man1/{page}.{end}")));
        let file = file.iter().find(|file| file.exists()).unwrap();
        let shown = text(&ran(Command::new("man").env("MANWIDTH", "80").arg("-l").arg(file)).stdout);
        assert!(shown.contains("NAME") && shown.contains("OPTIONS"), "{page}: {shown}");
    }
    let bash = usr.join("share/bash-completion/completions/dlt");
    let script = format!("source '{}' && complete -p dlt", bash.display());
    assert!(text(&ran(Command::new("bash").args(["-c", &script])).stdout).contains("-F _dlt"));
    for script in [zsh, "share/fish/vendor_completions.d/dlt.fish"] {
        assert!(fs::read_to_string(usr.join(script)).unwrap().contains("ingest"), "{script}");
    }
    let notices = fs::read_to_string(doc.join("THIRD-PARTY")).unwrap();
    for name in ["arrow-array ", "tokio ", "duckdb ", "mimalloc "] {
        assert!(notices.contains(&format!("\n{name}")), "the licence of {name} is missing");
    }
    assert!(fs::read_to_string(doc.join("LICENSE.duckdb")).unwrap().contains("DuckDB"));
}

#[test]
fn a_wheel_is_installed_into_an_empty_environment_and_removed_without_a_trace() {
    let folder = TempDir::new().unwrap();
    let venv = folder.path().join("a venv");
    ran(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let listed = || -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![venv.clone()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.retain(|path| path.extension().is_none_or(|end| end != "pyc"));
        found.sort();
        found
    };
    let before = listed();
    let pip = |words: &[&str]| {
        let mut pip = clean(venv.join("bin/python"), folder.path());
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]).args(words);
        ran(&mut pip)
    };
    pip(&["install", "--no-index", package(".whl").to_str().unwrap()]);
    is_usable(&venv.join("bin/dlt"), &venv.join("lib/dlt/libduckdb.so"));
    has_its_pages(&venv, "share/zsh/site-functions/_dlt", &venv.join("share/doc/dlt"));
    // As `pipx` and the like make commands of an environment reachable.
    let link = folder.path().join("dlt");
    std::os::unix::fs::symlink(venv.join("bin/dlt"), &link).unwrap();
    is_usable(&link, &venv.join("lib/dlt/libduckdb.so"));
    pip(&["check"]);
    pip(&["uninstall", "--yes", "dlt-rs"]);
    assert_eq!(listed(), before);
}

#[test]
fn a_tarball_runs_from_any_folder() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("ein Ordner mit ü");
    fs::create_dir(&place).unwrap();
    ran(Command::new("tar").arg("xzf").arg(package(".tar.gz")).arg("-C").arg(&place));
    let root = fs::read_dir(&place).unwrap().next().unwrap().unwrap().path();
    is_usable(&root.join("bin/dlt"), &root.join("lib/dlt/libduckdb.so"));
    has_its_pages(&root, "share/zsh/site-functions/_dlt", &root.join("share/doc/dlt"));
    // The program without its library says what is missing; what needs no database runs.
    let alone = folder.path().join("alone");
    fs::copy(root.join("bin/dlt"), &alone).unwrap();
    let home = TempDir::new().unwrap();
    ran(clean(&alone, home.path()).args(["init", "--list-sources"]));
    let said = text(&ran(clean(&alone, home.path()).args(["--version", "-v"])).stdout);
    assert!(said.contains("DuckDB: DuckDB's library cannot be opened"), "{said}");
    // Nothing of the folder that it was built in.
    let bytes = fs::read(root.join("bin/dlt")).unwrap();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".duckdb");
    let checkout = checkout.to_str().unwrap().as_bytes();
    assert!(!bytes.windows(checkout.len()).any(|window| window == checkout));
}

#[test]
fn a_debian_package_is_installed_into_an_empty_root_and_removed() {
    let root = TempDir::new().unwrap();
    let state = root.path().join("var/lib/dpkg");
    for folder in ["info", "updates"] {
        fs::create_dir_all(state.join(folder)).unwrap();
    }
    for file in ["status", "available"] {
        fs::write(state.join(file), "").unwrap();
    }
    let dpkg = |words: &[&str]| {
        let mut dpkg = Command::new("dpkg");
        // What it depends on is this machine's.
        dpkg.arg("--root").arg(root.path()).args(["--force-depends", "--force-not-root"]).args(words);
        ran(dpkg.env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"))
    };
    dpkg(&["--install", package(".deb").to_str().unwrap()]);
    let usr = root.path().join("usr");
    is_usable(&usr.join("bin/dlt"), &usr.join("lib/dlt/libduckdb.so"));
    has_its_pages(&usr, "share/zsh/vendor-completions/_dlt", &usr.join("share/doc/dlt"));
    let unit = fs::read_to_string(usr.join("lib/systemd/system/dlt-tracker.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/dlt tracker serve") && !unit.contains("/usr/local"), "{unit}");
    assert!(root.path().join("etc/dlt-tracker/tracker.toml").exists());
    dpkg(&["--verify", "dlt"]);
    dpkg(&["--purge", "dlt"]);
    assert!(!usr.join("bin/dlt").exists() && !usr.join("lib/dlt").exists());
}

#[test]
fn the_sums_are_those_of_the_packages() {
    let sums = package("SHA256SUMS");
    let checked = ran(Command::new("sha256sum").current_dir(sums.parent().unwrap()).args(["--check", "SHA256SUMS"]));
    assert_eq!(text(&checked.stdout).lines().filter(|line| line.ends_with(": OK")).count(), 3);
}
