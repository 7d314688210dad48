//! How a command ends: the exit codes, and the failures that lead to them.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// The exit codes. They are part of the interface: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// 0: done. Also when the reader of a pipe closed it: it got what it wanted.
    Done,
    /// 1: the work was begun and failed (data, destination, disk, network).
    Failed,
    /// 2: nothing was begun, because the command line, a file of settings or a pipeline file is wrong.
    Usage,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Done => 0,
            Code::Failed => 1,
            Code::Usage => 2,
        })
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// From the nearest cause to the farthest.
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The work failed.
    pub(crate) fn work(message: impl Into<String>) -> Self {
        Self { code: Code::Failed, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// What was asked for cannot be understood or is not there.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, ..Self::work(message) }
    }

    /// Standard output was closed, which is no failure.
    pub(crate) fn reader_left() -> Self {
        Self { code: Code::Done, ..Self::work("standard output was closed") }
    }

    /// Adds what can be done about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause, and its causes.
    pub(crate) fn because(mut self, cause: &(dyn Error + 'static)) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<dlt::Error> for Failure {
    fn from(error: dlt::Error) -> Self {
        let mut failure = match error.kind() {
            dlt::ErrorKind::Config => Self::usage(error.to_string()),
            _ => Self::work(error.to_string()),
        };
        if let Some(cause) = error.source() {
            failure = failure.because(cause);
        }
        failure.hint = error.advice().map(str::to_owned);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_error_keeps_causes_and_advice() {
        let cause = std::io::Error::other("the disk is gone");
        let error = dlt::Error::new(dlt::ErrorKind::Storage, "cannot write").because(cause).hint("plug it in");
        let failure = Failure::from(error);
        assert_eq!(failure.code, Code::Failed);
        assert_eq!(failure.causes, ["the disk is gone"]);
        assert_eq!(failure.hint.as_deref(), Some("plug it in"));
        let failure = Failure::from(dlt::Error::new(dlt::ErrorKind::Config, "unknown key"));
        assert_eq!(failure.code, Code::Usage);
    }
}
