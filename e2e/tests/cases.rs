//! The named cases: text files in `cases/`, one theme each. Their first lines explain the form.

/// What one case loads, run after run, into one table.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) dataset: String,
    pub(crate) runs: Vec<Run>,
}

/// One load.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// `append`, `replace` or `merge`.
    pub(crate) disposition: String,
    /// Keys and strategy of a merge, by the names of the command line's options.
    pub(crate) options: Vec<(String, String)>,
    /// The JSONL file.
    pub(crate) text: String,
}

impl Run {
    /// A run without options.
    pub(crate) fn of(disposition: &str, text: impl Into<String>) -> Self {
        Self { disposition: disposition.into(), options: Vec::new(), text: text.into() }
    }

    /// What the command line says of it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--write-disposition".to_owned(), self.disposition.clone()];
        arguments.extend(self.options.iter().flat_map(|(option, value)| [format!("--{option}"), value.clone()]));
        arguments
    }
}

impl Case {
    /// A case of one appending run.
    pub(crate) fn of_one_run(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), table: "items".into(), dataset: "data".into(), runs: vec![Run::of("append", text)] }
    }

    /// Whether it is one of `documents`.
    pub(crate) fn is_generated(&self) -> bool {
        ["small_", "large_", "merged_"].iter().any(|start| self.name.starts_with(start))
    }

    /// Whether a run has hints that our command line does not know.
    pub(crate) fn is_hinted(&self) -> bool {
        self.runs.iter().any(|run| run.options.iter().any(|(option, _)| option.ends_with("-column")))
    }

    /// The name of the pipeline, and so of the schema, that loads it.
    pub(crate) fn pipeline(&self) -> String {
        format!("case_{}", self.name)
    }
}

/// Parses a file of cases.
///
/// # Panics
/// When the file does not have the form.
pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    // Whether the case said what its first run is.
    let mut is_begun = false;
    for line in text.split('\n') {
        if line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix("== ") {
            let (name, setting) = heading.split_once(' ').unwrap_or((heading, ""));
            let mut case = Case::of_one_run(name, "");
            match setting.split_once('=') {
                Some(("table", value)) => case.table = value.into(),
                Some(("dataset", value)) => case.dataset = value.into(),
                None if setting.is_empty() => {}
                _ => panic!("{name}: unknown setting {setting:?}"),
            }
            cases.push(case);
            is_begun = false;
            continue;
        }
        let Some(case) = cases.last_mut() else {
            assert!(line.is_empty(), "a line before the first case: {line:?}");
            continue;
        };
        if let Some(words) = line.strip_prefix("-- ") {
            let mut words = words.split(' ');
            let disposition = words.next().unwrap_or_default();
            assert!(matches!(disposition, "append" | "replace" | "merge"), "{}: {line:?}", case.name);
            // A case may begin with its first run's disposition.
            if !std::mem::replace(&mut is_begun, true) && case.runs[0].text.trim().is_empty() {
                case.runs.pop();
            }
            let mut run = Run::of(disposition, "");
            for word in words {
                let (option, value) = word.split_once('=').unwrap_or_else(|| panic!("{}: {line:?}", case.name));
                run.options.push((option.into(), value.into()));
            }
            case.runs.push(run);
        } else if let Some(run) = case.runs.last_mut() {
            run.text.push_str(line);
            run.text.push('\n');
        }
    }
    // Empty lines before the next heading belong to the layout of the file.
    for run in cases.iter_mut().flat_map(|case| &mut case.runs) {
        while run.text.ends_with("\n\n") {
            run.text.pop();
        }
    }
    cases
}

#[test]
fn cases_are_read_as_they_are_written() {
    let text = "# why\n== one table=T\n{\"a\":1}\n\n  {}\n\n== two\n-- replace\n1\n-- merge primary-key=a,b\n2\n";
    let cases = parse(text);
    assert_eq!((cases[0].name.as_str(), cases[0].table.as_str()), ("one", "T"));
    assert_eq!(cases[0].runs[0].text, "{\"a\":1}\n\n  {}\n");
    let runs: Vec<_> = cases[1].runs.iter().map(|it| (it.disposition.as_str(), it.text.as_str())).collect();
    assert_eq!(runs, [("replace", "1\n"), ("merge", "2\n")]);
    assert_eq!(cases[1].runs[1].arguments(), ["--write-disposition", "merge", "--primary-key", "a,b"]);
}
