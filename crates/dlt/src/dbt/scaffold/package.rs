//! The files of a package.

use std::fmt::Write as _;

use super::Staged;
use super::text::{in_comment, literal, quoted, yaml};
use crate::dbt::profile::Adapter;

pub(super) struct Package<'a> {
    pub(super) name: String,
    /// The source's name in the package.
    pub(super) source: String,
    /// The dataset, as the destination calls it.
    pub(super) dataset: String,
    pub(super) adapter: Adapter,
    pub(super) tables: &'a [Staged],
}

impl Package<'_> {
    /// Every file with its text.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![
            ("dbt_project.yml".to_owned(), self.project()),
            (".gitignore".to_owned(), "target/\nlogs/\ndbt_packages/\n".to_owned()),
            ("models/staging/sources.yml".to_owned(), self.sources()),
            ("models/staging/staging.yml".to_owned(), self.models()),
        ];
        for staged in self.tables {
            files.push((format!("models/staging/{}.sql", staged.model), self.model(staged)));
            if staged.key.len() > 1 {
                files.push((format!("tests/{}_key.sql", staged.model), key_test(staged)));
            }
        }
        files
    }

    fn project(&self) -> String {
        let (name, profile) = (&self.name, self.adapter.name());
        let (kind, why) = match self.adapter {
            Adapter::DuckDb => ("view", "Views take no room and are always as new as what was loaded."),
            Adapter::Postgres => (
                "table",
                "Tables, because Postgres lets no table be dropped or changed that a view reads: loads could fail.",
            ),
        };
        format!(
            "# Transforms what `dlt` loaded into dataset {dataset}. Build it with: dlt dbt build THIS_FOLDER\n\
             name: {name}\nversion: \"1.0.0\"\nprofile: {profile}\n\n\
             models:\n  {name}:\n    staging:\n      # {why}\n      +materialized: {kind}\n",
            dataset = self.dataset.replace(['\n', '\r'], " "),
            name = yaml(name),
        )
    }

    fn sources(&self) -> String {
        let dataset = self.dataset.replace('\\', "\\\\").replace('\'', "\\'");
        let schema = format!("{{{{ var('source_dataset_name', '{dataset}') }}}}");
        let mut out = format!(
            "version: 2\n\nsources:\n  - name: {}\n    description: What was loaded, as it came.\n    schema: {}\n    quoting:\n      \
             schema: true\n      identifier: true\n    tables:\n      - name: _dlt_loads\n        description: One row for each load; \
             `status` is 0 where it is complete.\n",
            yaml(&self.source),
            yaml(&schema),
        );
        for staged in self.tables {
            let _ = writeln!(out, "      - name: {}", yaml(&staged.source));
            if staged.source != staged.table.name {
                let _ = writeln!(out, "        identifier: {}", yaml(&literal(&staged.table.name)));
            }
            if let Some(about) = description(&staged.table.hints) {
                let _ = writeln!(out, "        description: {}", yaml(&about));
            }
            out.push_str("        columns:\n");
            for (column, _) in staged.table.complete_columns() {
                let _ = writeln!(out, "          - name: {}", yaml(&literal(&column.name)));
                if let Some(about) = about_column(&column.name, &column.hints) {
                    let _ = writeln!(out, "            description: {}", yaml(&about));
                }
                if let Some(parent) = staged.parent.as_ref().filter(|_| column.name == "_dlt_parent_id") {
                    let _ = write!(
                        out,
                        "            data_tests:\n              - not_null\n              - relationships:\n                  \
                         arguments:\n                    to: source('{}', '{}')\n                    field: _dlt_id\n",
                        self.source, parent.source
                    );
                }
            }
        }
        out
    }

    fn models(&self) -> String {
        let mut out = "version: 2\n\nmodels:\n".to_owned();
        for staged in self.tables {
            let about = match &staged.parent {
                Some(parent) => {
                    format!("Rows of {}, each with the key of its row in {}.", staged.table.name, parent.name)
                }
                None => format!("Rows of {}.", staged.table.name),
            };
            let _ = write!(out, "  - name: {}\n    description: {}\n", yaml(&staged.model), yaml(&literal(&about)));
            let tested: Vec<_> = staged
                .table
                .complete_columns()
                .filter_map(|(column, _)| {
                    let tests = tests_of(staged, &column.name);
                    (!tests.is_empty()).then_some((&column.name, tests))
                })
                .collect();
            if tested.is_empty() {
                continue;
            }
            out.push_str("    columns:\n");
            for (column, tests) in tested {
                let _ =
                    write!(out, "      - name: {}\n        quote: true\n        data_tests:\n", yaml(&literal(column)));
                tests.iter().for_each(|test| {
                    let _ = writeln!(out, "          - {test}");
                });
            }
        }
        out
    }

    fn model(&self, staged: &Staged) -> String {
        let table = &staged.table;
        let source = |name: &str| format!("{{{{ source('{}', '{name}') }}}}", self.source);
        let Some(parent) = &staged.parent else {
            let columns: Vec<_> =
                table.complete_columns().map(|(column, _)| format!("    {}", quoted(&column.name))).collect();
            return format!("select\n{}\nfrom {}\n", columns.join(",\n"), source(&staged.source));
        };
        let mut columns: Vec<_> =
            table.complete_columns().map(|(column, _)| format!("    item.{}", quoted(&column.name))).collect();
        columns.extend(
            parent.columns.iter().map(|(column, name)| format!("    parent.{} as {}", quoted(column), quoted(name))),
        );
        format!(
            "-- Each row of {} belongs to one of {}.\nselect\n{}\nfrom {} as item\ninner join {} as parent\n    on parent.\"_dlt_id\" = \
             item.\"_dlt_parent_id\"\n",
            in_comment(&table.name),
            in_comment(&parent.name),
            columns.join(",\n"),
            source(&staged.source),
            source(&parent.source)
        )
    }
}

/// Fails with the keys that several rows share.
fn key_test(staged: &Staged) -> String {
    let columns = staged.key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
    format!(
        "-- The key of {} is different for each row.\nselect {columns}\nfrom {{{{ ref('{}') }}}}\ngroup by {columns}\nhaving count(*) > 1\n",
        in_comment(&staged.table.name),
        staged.model
    )
}

fn tests_of(staged: &Staged, column: &str) -> Vec<&'static str> {
    let is_row_id = column == "_dlt_id";
    let is_key = matches!(staged.key.as_slice(), [key] if key == column);
    let mut tests = Vec::new();
    if is_row_id || is_key {
        tests.push("unique");
    }
    if is_row_id || staged.filled.iter().any(|filled| filled == column) {
        tests.push("not_null");
    }
    tests
}

fn description(hints: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    let text = hints.get("description")?.as_str()?.trim();
    (!text.is_empty()).then(|| literal(text))
}

/// What the schema says of a column, or what it is for in every dataset.
fn about_column(name: &str, hints: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    let known = match name {
        "_dlt_id" => "Id of the row.",
        "_dlt_load_id" => "The load that brought the row; see _dlt_loads.",
        "_dlt_parent_id" => "Id of the row that this one belongs to.",
        "_dlt_root_id" => "Id of the row of the root table that this one belongs to.",
        "_dlt_list_idx" => "Place in the list, from 0.",
        _ => return description(hints),
    };
    description(hints).or_else(|| Some(known.to_owned()))
}
