//! Asks before something is done that cannot be undone.

use std::io::{self, IsTerminal as _, Write as _};

use crate::exit::{Failure, Outcome};

/// Whether a person says yes, or said so on the command line. Where nobody can be asked it has to be said there.
pub(crate) fn confirmed(question: &str, is_said: bool) -> Outcome<bool> {
    if is_said {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage("nothing was done: nobody can be asked here").hint("--yes says yes beforehand"));
    }
    let mut out = anstream::stderr().lock();
    let mut answer = String::new();
    let asked =
        write!(out, "{question} [y/N] ").and_then(|()| out.flush()).and_then(|()| io::stdin().read_line(&mut answer));
    asked.map_err(|error| Failure::work("cannot ask").because(&error).hint("--yes says yes beforehand"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
