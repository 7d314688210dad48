//! `dlt init`: begins a project.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use dlt::connector::DestinationConnector;
use dlt::declaration::Declaration;

use crate::args::Init;
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid};
use crate::printer::{BOLD, DIM, GOOD, Printer};
use crate::settings::Settings;
use crate::templates::{CONFIG_HEADER, SECRETS_HEADER, Template, ignored};

/// What may be said beside pipeline files.
const SETTINGS_FILES: [&str; 2] = [".dlt/config.toml", ".dlt/secrets.toml"];

pub(crate) fn init(arguments: &Init, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    if arguments.list_sources {
        let destination = dlt::DESTINATIONS.first().map_or("DESTINATION", |known| known.name);
        let next = format!("Begin with one of them: dlt init SOURCE {destination}");
        return list(printer, dlt::SOURCES.iter().map(|known| (known.name, known.about)), &next);
    }
    if arguments.list_destinations {
        let known = dlt::DESTINATIONS.iter().map(|known| (known.name, known.about));
        return list(printer, known, "Begin with one of them: dlt init SOURCE DESTINATION");
    }
    let source = arguments.source.as_deref().unwrap_or_default();
    let destination = arguments.destination.as_deref().unwrap_or_default();
    let known = dlt::SOURCES.iter().find(|known| known.name == source).ok_or_else(|| unknown_source(source))?;
    let template = Template::of(known, destination_of_kind(destination)?);

    let folder = &settings.folder;
    // What is wrong is found before anything is written.
    for file in SETTINGS_FILES {
        check_toml(&folder.join(file))?;
    }
    let pipeline_file = format!("{source}_pipeline.toml");
    let written = write_new(&folder.join(&pipeline_file), &template.pipeline)?;
    report(printer, written, &pipeline_file, "what is loaded, and where to")?;
    let [config_file, secrets_file] = SETTINGS_FILES;
    let config = with_section(&folder.join(config_file), CONFIG_HEADER, "")?;
    report(printer, config, config_file, "settings; to be committed")?;
    let [of_source, of_destination] = template.secrets;
    let mut secrets = with_section(&folder.join(secrets_file), SECRETS_HEADER, of_source)?;
    if let Change::Extended = with_section(&folder.join(secrets_file), SECRETS_HEADER, of_destination)?
        && let Change::Kept = secrets
    {
        secrets = Change::Extended;
    }
    report(printer, secrets, secrets_file, "passwords and tokens; stays out of git")?;
    let ignored = with_lines(&folder.join(".gitignore"), &ignored())?;
    report(printer, ignored, ".gitignore", "keeps secrets and databases out of git")?;

    // `dlt run` alone means the only pipeline file of the folder.
    let is_alone = Declaration::find(folder).is_ok();
    let run = if is_alone { "dlt run".to_owned() } else { format!("dlt run {pipeline_file}") };
    let show = format!("dlt dataset {}", template.dataset);
    let width = show.len().max(run.len());
    printer.report(&format!("\n{BOLD}Next{BOLD:#}"))?;
    printer.report(&format!("  look through {pipeline_file}"))?;
    printer.report(&format!("  {run:<width$}  {DIM}loads the data{DIM:#}"))?;
    printer.report(&format!("  {show:<width$}  {DIM}shows what was loaded{DIM:#}"))
}

fn list(printer: Printer, known: impl Iterator<Item = (&'static str, &'static str)>, next: &str) -> Outcome {
    let mut grid = Grid::new(["name", "what it is"]);
    for (name, about) in known {
        grid.push(vec![Cell::Text(name.to_owned()), Cell::Text(about.to_owned())]);
    }
    printer.data(&grid.draw(None))?;
    printer.note(&format!("\n{next}"));
    Ok(())
}

fn unknown_source(source: &str) -> Failure {
    let names = dlt::SOURCES.iter().map(|known| known.name);
    Failure::usage(format!("unknown source `{source}`")).hint(match dlt::suggest(source, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`dlt init --list-sources` shows what there is".to_owned(),
    })
}

fn destination_of_kind(destination: &str) -> Outcome<&'static DestinationConnector> {
    if let Some(known) = dlt::DESTINATIONS.iter().find(|known| known.name == destination) {
        return Ok(known);
    }
    // The form NAME:PLACE is a destination with a place; the place belongs in the file.
    let place = dlt::DestinationName::parse(destination)?;
    Err(Failure::usage(format!("`{destination}` names a place; `dlt init` takes the kind alone"))
        .hint(format!("write `{}`, then set its path in the pipeline file", place.kind())))
}

/// What happened to a file.
enum Change {
    Created,
    Extended,
    Kept,
}

fn report(printer: Printer, change: Change, file: &str, about: &str) -> Outcome {
    let (style, word) = match change {
        Change::Created => (GOOD, "created "),
        Change::Extended => (GOOD, "extended"),
        Change::Kept => (DIM, "kept    "),
    };
    printer.report(&format!("{style}{word}{style:#}  {file:<26} {DIM}{about}{DIM:#}"))
}

/// Writes a file that must not exist yet; one that does is kept.
fn write_new(path: &Path, text: &str) -> Outcome<Change> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot("make folder", folder, &error))?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).map_err(|error| cannot("write", path, &error))?;
            Ok(Change::Created)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Change::Kept),
        Err(error) => Err(cannot("write", path, &error)),
    }
}

/// A file of settings that is there must be one.
fn check_toml(path: &Path) -> Outcome {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    toml_edit::Document::parse(text.as_str()).map(drop).map_err(|error| {
        let message = error.message().replace('\n', "; ");
        Failure::usage(format!("{} is not valid TOML: {message}", path.display()))
            .hint("repair the file, then try again")
    })
}

/// Makes a file of settings, or adds the section to one that lacks it.
fn with_section(path: &Path, header: &str, section: &str) -> Outcome<Change> {
    let new = if section.is_empty() { header.to_owned() } else { format!("{header}\n{section}") };
    if let Change::Created = write_new(path, &new)? {
        return Ok(Change::Created);
    }
    let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
    // Its first heading tells whether it was added before, commented out or not.
    let heading = section.lines().map(|line| line.trim_start_matches("# ")).find(|line| line.starts_with('['));
    if heading.is_none_or(|heading| text.contains(heading)) {
        return Ok(Change::Kept);
    }
    append(path, &text, &format!("\n{section}"))
}

/// Adds the lines that a file lacks.
fn with_lines(path: &Path, lines: &[&str]) -> Outcome<Change> {
    let all = lines.join("\n") + "\n";
    if let Change::Created = write_new(path, &all)? {
        return Ok(Change::Created);
    }
    let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
    let missing: Vec<_> = lines.iter().filter(|line| !text.lines().any(|own| own.trim() == **line)).copied().collect();
    if missing.is_empty() {
        return Ok(Change::Kept);
    }
    append(path, &text, &(missing.join("\n") + "\n"))
}

fn append(path: &Path, text: &str, more: &str) -> Outcome<Change> {
    let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut file = fs::OpenOptions::new().append(true).open(path).map_err(|error| cannot("write", path, &error))?;
    file.write_all(format!("{separator}{more}").as_bytes()).map_err(|error| cannot("write", path, &error))?;
    Ok(Change::Extended)
}

fn cannot(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::work(format!("cannot {doing} {}", path.display())).because(error);
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            failure.hint("a file stands where a folder has to be; move it away, then try again")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            failure.hint("make the folder writable, or begin the project in another")
        }
        _ => failure,
    }
}
