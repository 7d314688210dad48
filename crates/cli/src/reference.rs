//! The reference page of the command line, made from the same declarations that parse it.

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Arguments;

/// The page as Markdown.
pub(crate) fn page() -> String {
    let mut command = Arguments::command();
    command.build();
    let mut out = String::from(
        "# Command line\n\n\
         Made from the program itself; `dlt COMMAND --help` says the same.\n\n\
         Standard output carries data, standard error everything else. Exit codes: 0 done (also when the reader of a pipe \
         closed it), 1 the work was begun and failed, 2 nothing was begun because the command line, a settings file or a \
         pipeline file is wrong. Colours are left out with `NO_COLOR` and where nobody would see them.\n\n\
         ## Options of every command\n\n",
    );
    for argument in command.get_arguments().filter(|argument| argument.is_global_set()) {
        push_argument(&mut out, argument);
    }
    for child in command.get_subcommands() {
        push_command(&mut out, child, "dlt");
    }
    out
}

fn push_command(out: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let children: Vec<_> = command.get_subcommands().filter(|child| child.get_name() != "help").collect();
    out.push_str(&format!("\n## `{name}`\n\n"));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        out.push_str(&format!("{}.\n", about.to_string().trim_end_matches('.')));
    }
    let own: Vec<_> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect();
    if !own.is_empty() {
        out.push_str(&format!("\n```text\n{}\n```\n\n", usage(command, &name)));
        own.iter().for_each(|argument| push_argument(out, argument));
    }
    for child in children {
        push_command(out, child, &name);
    }
}

fn usage(command: &Command, name: &str) -> String {
    let text = command.clone().bin_name(name).render_usage().to_string();
    text.trim_start_matches("Usage: ").trim().to_owned()
}

fn push_argument(out: &mut String, argument: &Arg) {
    let mut names = Vec::new();
    if let Some(short) = argument.get_short() {
        names.push(format!("`-{short}`"));
    }
    let value =
        argument.get_value_names().filter(|_| argument.get_action().takes_values()).map(|names| names.join(" "));
    match (argument.get_long(), value) {
        (Some(long), Some(value)) => names.push(format!("`--{long} {value}`")),
        (Some(long), None) => names.push(format!("`--{long}`")),
        (None, Some(value)) => names.push(format!("`{value}`")),
        (None, None) => {}
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    out.push_str(&format!("- {}: {help}", names.join(", ")));
    let values: Vec<_> = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).collect();
    let explained = values.iter().any(|value| value.get_help().is_some());
    let default =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(", ");
    if argument.get_action().takes_values() && !default.is_empty() {
        out.push_str(&format!(" [default: {default}]"));
    }
    if argument.get_action().takes_values() && !values.is_empty() && !explained {
        let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        out.push_str(&format!(" ({})", names.join(", ")));
    }
    out.push('\n');
    if explained {
        for value in values {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            out.push_str(&format!("  - `{}`: {help}\n", value.get_name()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::page;

    /// Set `UPDATE_REFERENCE=1` to write the page anew after a change of the arguments.
    #[test]
    fn the_page_in_the_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == page(),
            "docs/reference/cli.md is stale: run this test with UPDATE_REFERENCE=1 to write it anew"
        );
    }

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory as _;
        crate::args::Arguments::command().debug_assert();
    }
}
