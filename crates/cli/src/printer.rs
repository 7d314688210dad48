//! The only place that prints: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Effects, Style};

use crate::exit::{Code, Failure, Outcome};

/// A heading or a name that matters.
pub(crate) const BOLD: Style = Style::new().effects(Effects::BOLD);
/// What is secondary.
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
/// What is to be acted upon.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
/// Advice.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Quiet,
    Normal,
    Verbose,
}

/// Decides what is printed where. Colours are taken out where they would not be seen (`NO_COLOR`, a file, a pipe).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) level: Level,
}

impl Printer {
    /// Data that was asked for, with styles for people: always printed, to standard output.
    pub(crate) fn data(&self, text: &str) -> Outcome {
        written(anstream::stdout().lock().write_all(text.as_bytes()))
    }

    /// Data that was asked for, written piece by piece as bytes, of which each arrives: what takes styles out would take
    /// control characters out of the data.
    pub(crate) fn data_with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Outcome {
        let mut out = io::BufWriter::new(io::stdout().lock());
        written(write(&mut out).and_then(|()| out.flush()))
    }

    /// A line that reports what was done, to standard output; left out when quiet.
    pub(crate) fn report(&self, line: &str) -> Outcome {
        if self.level == Level::Quiet {
            return Ok(());
        }
        written(writeln!(anstream::stdout().lock(), "{line}"))
    }

    /// A line beside the matter, to standard error; left out when quiet.
    pub(crate) fn note(&self, line: &str) {
        if self.level > Level::Quiet {
            say(line);
        }
    }

    /// A line for those who want to know more, to standard error.
    pub(crate) fn detail(&self, line: &str) {
        if self.level == Level::Verbose {
            say(&format!("{DIM}{line}{DIM:#}"));
        }
    }

    /// Something that is to be acted upon, to standard error; left out when quiet.
    pub(crate) fn warning(&self, line: &str) {
        self.note(&format!("{WARNING}warning{WARNING:#}: {line}"));
    }

    /// A notice of a run: what was left out, guessed or renamed, with the single cases for those who want to know more.
    pub(crate) fn notice_lines(&self, notice: &dlt::Notice) -> Vec<String> {
        let mut lines = vec![format!("{WARNING}note{WARNING:#}: {}", notice.message)];
        lines.extend(notice.hint.iter().map(|hint| format!("      {hint}")));
        if self.level == Level::Verbose {
            lines.extend(notice.details.iter().map(|case| format!("      {DIM}{case}{DIM:#}")));
        }
        lines
    }

    /// Something that happened while a server runs, to standard error; never left out.
    pub(crate) fn happened(&self, line: &str) {
        say(line);
    }

    /// The failure that ends the command, with causes and a hint.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.code == Code::Done {
            return;
        }
        say(&failure_text(&format!("{BAD}error{BAD:#}"), failure));
    }

    /// A failure that does not end the command, but must not go unseen.
    pub(crate) fn complaint(&self, failure: &Failure) {
        say(&failure_text(&format!("{WARNING}warning{WARNING:#}"), failure));
    }

    /// Whether bars may be drawn.
    pub(crate) fn draws_progress(&self) -> bool {
        self.level == Level::Normal && io::stderr().is_terminal()
    }
}

fn say(text: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn written(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::reader_left()),
        Err(error) => Err(Failure::work("cannot write to standard output").because(&error)),
    }
}

/// A failure as it is printed. A cause that the message before it quotes already is left out.
fn failure_text(label: &str, failure: &Failure) -> String {
    let mut text = format!("{label}: {}", indented(&failure.message, "       "));
    let mut before = failure.message.as_str();
    for cause in &failure.causes {
        if !before.contains(cause.trim()) {
            text.push_str(&format!("\n  {DIM}cause{DIM:#}: {}", indented(cause.trim(), "         ")));
        }
        before = cause;
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("\n\n{HINT}hint{HINT:#}: {}", indented(hint, "      ")));
    }
    text
}

/// Further lines below the first; an empty one stays empty.
fn indented(text: &str, by: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n").replace('\n', &format!("\n{by}")).replace(&format!("\n{by}\n"), "\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&failure_text("error", failure)).to_string()
    }

    #[test]
    fn a_failure_has_causes_a_blank_line_and_a_hint() {
        let mut failure = Failure::work("cannot load events.jsonl").hint("free some space\n\nand try again");
        failure.causes = vec!["cannot write part 3".to_owned(), "no space left".to_owned(), "space left".to_owned()];
        assert_eq!(
            plain(&failure),
            "error: cannot load events.jsonl\n  cause: cannot write part 3\n  cause: no space left\n\nhint: free some space\n\n      and try again"
        );
    }
}
