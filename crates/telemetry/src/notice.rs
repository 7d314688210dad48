//! The notice of the first run, shown once on a machine before anything is sent.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::disk;
use crate::endpoint::Endpoint;
use crate::environment::Environment;
use crate::names::Names;

/// The file that remembers that the notice was shown, and whether an endpoint was known then.
const FILE: &str = "notice";
const SHOWN: &str = "shown\n";
const SHOWN_WITHOUT_ENDPOINT: &str = "shown, no endpoint was set\n";

/// The texts.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    long: String,
    line: String,
    /// Whether the texts still lack the sentence on where events go.
    names_endpoint: bool,
}

impl Notice {
    /// What can be said of any host; of `dlt` also the commands that it has.
    pub(crate) fn of(host: &str, names: &Names) -> Self {
        let variable = &names.variable;
        let (preview, switch) = match host {
            "dlt" => (" `dlt telemetry show` prints every byte before it is sent.", "`dlt --disable-telemetry`, or "),
            _ => ("", ""),
        };
        Self {
            long: format!(
                "{host} collects anonymous usage data: which commands run, how long they take, whether they succeed.\n\
                 No data of yours, no names, no paths.{preview}\n\
                 To switch it off: {switch}{variable}=false, or DO_NOT_TRACK=1."
            ),
            line: format!(
                "{host}: anonymous usage data is collected; {variable}=false or DO_NOT_TRACK=1 switches it off."
            ),
            names_endpoint: true,
        }
    }

    pub(crate) fn custom(long: &str, line: &str) -> Self {
        Self { long: long.to_owned(), line: line.to_owned(), names_endpoint: false }
    }

    /// Shows the notice if it is due. True if it was: this run is the first, or has to count as the first because
    /// nothing can be remembered.
    ///
    /// Where nothing can be remembered, nothing can be sent by a later run either; only a run that sends on its own
    /// (`sends_at_once`) then has something to say.
    pub(crate) fn show_if_due(
        &self,
        folder: &Path,
        environment: &Environment,
        endpoint: Option<&Endpoint>,
        sends_at_once: bool,
    ) -> bool {
        let file = folder.join(FILE);
        let due = match disk::text_at_most(&file, 256) {
            // Shown when nothing could leave the machine: now that something can, it is due again.
            Ok(text) => text == SHOWN_WITHOUT_ENDPOINT && endpoint.is_some(),
            Err(_) => true,
        };
        if !due {
            return false;
        }
        let mark = if endpoint.is_some() { SHOWN } else { SHOWN_WITHOUT_ENDPOINT };
        let remembered = fs::create_dir_all(folder).and_then(|()| fs::write(&file, mark)).is_ok();
        if remembered || sends_at_once {
            let text = self.text(environment.stderr_is_terminal && !sends_at_once, endpoint);
            let _ = writeln!(std::io::stderr(), "{text}");
        }
        true
    }

    fn text(&self, terminal: bool, endpoint: Option<&Endpoint>) -> String {
        let text = if terminal { &self.long } else { &self.line };
        let place = match endpoint {
            _ if !self.names_endpoint => return text.clone(),
            Some(endpoint) => format!("It is sent to {endpoint}"),
            None => "No endpoint is set: it stays on this machine".to_owned(),
        };
        let gap = if terminal { "\n" } else { " " };
        let sending = match endpoint {
            Some(_) if terminal => ", beginning with the next run.\n",
            _ if terminal => ".\n",
            _ => ".",
        };
        format!("{text}{gap}{place}{sending}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::parse("tracker.example").unwrap()
    }

    #[test]
    fn on_a_terminal_it_says_everything_and_elsewhere_one_line() {
        let notice = Notice::of("dlt", &Names::dlt());
        let long = notice.text(true, Some(&endpoint()));
        for part in [
            "dlt telemetry show",
            "dlt --disable-telemetry",
            "DO_NOT_TRACK=1",
            "https://tracker.example/",
            "the next run",
        ] {
            assert!(long.contains(part), "{part} is missing in {long}");
        }
        assert_eq!(notice.text(false, Some(&endpoint())).lines().count(), 1);
        assert!(notice.text(false, None).contains("stays on this machine"));
        assert!(!Notice::of("pond", &Names::of("pond")).text(true, None).contains("pond telemetry"));
    }

    #[test]
    fn it_is_due_once_and_again_when_there_is_somewhere_to_send() {
        let folder = tempfile::tempdir().unwrap();
        let notice = Notice::custom("", "");
        let due =
            |endpoint: Option<&Endpoint>| notice.show_if_due(folder.path(), &Environment::empty(), endpoint, false);
        assert_eq!([due(None), due(None)], [true, false]);
        assert_eq!([due(Some(&endpoint())), due(Some(&endpoint())), due(None)], [true, false, false]);
    }
}
