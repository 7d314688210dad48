//! Schemas as diagrams, in the languages of programs that draw them.

use super::{Column, Schema, Table, column_names as names, system};

/// A language of diagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagram {
    /// Entity relationship diagram of Mermaid, which many viewers of Markdown draw.
    Mermaid,
    /// DBML, for dbdiagram.io and its like.
    Dbml,
    /// Graphviz.
    Dot,
}

/// One table points to another: many rows of the first belong to one of the second.
struct Reference<'a> {
    table: &'a str,
    column: &'static str,
    target: &'a str,
    target_column: &'static str,
}

impl Schema {
    /// Draws tables, columns and what points to what. The tables of the contract are part of it.
    pub fn to_diagram(&self, diagram: Diagram) -> String {
        match diagram {
            Diagram::Mermaid => self.to_mermaid(),
            Diagram::Dbml => self.to_dbml(),
            Diagram::Dot => self.to_dot(),
        }
    }

    fn drawn_tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().filter(|table| table.complete_columns().next().is_some())
    }

    fn references(&self) -> Vec<Reference<'_>> {
        let mut found = Vec::new();
        for table in self.drawn_tables() {
            let mut point = |column: &'static str, target: &'static str, at: &'static str| {
                if table.columns.contains_key(column) {
                    found.push(Reference { table: &table.name, column, target, target_column: at });
                }
            };
            if table.name != system::LOADS_TABLE {
                point(names::LOAD_ID, system::LOADS_TABLE, "load_id");
            }
            if table.name == system::LOADS_TABLE {
                point("schema_version_hash", system::VERSION_TABLE, "version_hash");
            }
            let Some(parent) = &table.parent else { continue };
            let root = &self.root_of(table).name;
            for (column, target) in [(names::PARENT_ID, parent), (names::ROOT_ID, root)] {
                if table.columns.contains_key(column) {
                    found.push(Reference { table: &table.name, column, target, target_column: names::ID });
                }
            }
        }
        found
    }

    fn to_mermaid(&self) -> String {
        let mut out = "erDiagram\n".to_owned();
        for table in self.drawn_tables() {
            out.push_str(&format!("    {} {{\n", mermaid_name(&table.name)));
            for (column, data_type) in table.complete_columns() {
                // Attributes know no quotes: what is no word of theirs becomes one.
                let word: String =
                    column.name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
                let key = match (column.is("primary_key"), column.is("unique")) {
                    (true, true) => " PK, UK",
                    (true, false) => " PK",
                    (false, true) => " UK",
                    _ => "",
                };
                let comment = description(column).map(|text| format!(" \"{}\"", text.replace('"', "'")));
                out.push_str(&format!("        {} {word}{key}{}\n", data_type.name(), comment.unwrap_or_default()));
            }
            out.push_str("    }\n");
        }
        for Reference { table, column, target, .. } in self.references() {
            let (table, target) = (mermaid_name(table), mermaid_name(target));
            out.push_str(&format!("    {table} }}|--|| {target} : \"{column}\"\n"));
        }
        out
    }

    fn to_dbml(&self) -> String {
        let mut out = String::new();
        for table in self.drawn_tables() {
            out.push_str(&format!("Table {} {{\n", quoted(&table.name)));
            for (column, data_type) in table.complete_columns() {
                let mut notes = Vec::new();
                for (hint, note) in [("primary_key", "pk"), ("unique", "unique")] {
                    if column.is(hint) {
                        notes.push(note.to_owned());
                    }
                }
                notes.push(if column.nullable { "null" } else { "not null" }.to_owned());
                notes.extend(description(column).map(|text| format!("note: '{}'", text.replace('\'', "\\'"))));
                let notes = notes.join(", ");
                out.push_str(&format!("  {} {} [{notes}]\n", quoted(&column.name), quoted(data_type.name())));
            }
            out.push_str("}\n\n");
        }
        for Reference { table, column, target, target_column } in self.references() {
            let (from, to) = (quoted(table), quoted(target));
            out.push_str(&format!("Ref: {from}.{} > {to}.{}\n", quoted(column), quoted(target_column)));
        }
        out
    }

    fn to_dot(&self) -> String {
        let mut out = format!("digraph {} {{\n", quoted(&self.name));
        out.push_str("  rankdir=\"RL\";\n  node [shape=plaintext, fontname=\"helvetica\"];\n\n");
        for table in self.drawn_tables() {
            out.push_str(&format!("  {} [label=<\n", quoted(&table.name)));
            out.push_str("    <table border=\"0\" cellborder=\"1\" cellspacing=\"0\" cellpadding=\"4\">\n");
            out.push_str(&format!("      <tr><td colspan=\"2\"><b>{}</b></td></tr>\n", markup(&table.name)));
            for (number, (column, data_type)) in table.complete_columns().enumerate() {
                let name = markup(&column.name);
                let name = if column.is("primary_key") { format!("<u>{name}</u>") } else { name };
                let rule = if column.nullable { "" } else { " not null" };
                out.push_str(&format!(
                    "      <tr><td align=\"left\" port=\"c{number}\">{name}</td><td align=\"left\">{}{rule}</td></tr>\n",
                    data_type.name()
                ));
            }
            out.push_str("    </table>>];\n");
        }
        out.push('\n');
        let port = |table: &str, column: &str| {
            let columns = self.tables.get(table).map(|table| table.complete_columns().map(|(column, _)| &column.name));
            let number = columns.and_then(|mut columns| columns.position(|name| name == column));
            number.map_or_else(|| quoted(table), |number| format!("{}:c{number}", quoted(table)))
        };
        for Reference { table, column, target, target_column } in self.references() {
            out.push_str(&format!("  {} -> {};\n", port(table, column), port(target, target_column)));
        }
        out.push_str("}\n");
        out
    }
}

fn description(column: &Column) -> Option<&str> {
    column.hints.get("description").and_then(serde_json::Value::as_str).filter(|text| !text.contains('\n'))
}

/// A name between quotes, as DBML and Graphviz take it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Mermaid takes plain words as they are and everything else between quotes, in which none can stand.
fn mermaid_name(name: &str) -> String {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "'")) }
}

fn markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Column, DataType, WriteDisposition};
    use super::*;

    fn example() -> Schema {
        let mut schema = Schema::new("shop");
        let mut orders = Table::root("orders", "orders", WriteDisposition::Append);
        orders.add(Column::inferred("id", DataType::Bigint).with("primary_key", true));
        orders.add(Column::inferred("it's \"odd\"", DataType::Text).with("description", "what it's \"called\""));
        orders.add(Column::inferred(names::LOAD_ID, DataType::Text));
        orders.add(Column::inferred(names::ID, DataType::Text));
        let mut items = Table::nested("orders__items", "orders");
        items.add(Column::inferred("sku", DataType::Text));
        items.add(Column::inferred(names::PARENT_ID, DataType::Text));
        let empty = Table::root("empty", "empty", WriteDisposition::Append);
        for table in [orders, items, empty] {
            schema.tables.insert(table.name.clone(), table);
        }
        schema
    }

    #[test]
    fn every_language_names_tables_columns_and_references() {
        for (diagram, words) in [
            (
                Diagram::Mermaid,
                [
                    "bigint id PK",
                    "text it_s__odd_ \"what it's 'called'\"",
                    "orders__items }|--|| orders : \"_dlt_parent_id\"",
                    "orders }|--|| _dlt_loads : \"_dlt_load_id\"",
                ],
            ),
            (
                Diagram::Dbml,
                [
                    "\"id\" \"bigint\" [pk, null]",
                    "\"it's \\\"odd\\\"\" \"text\" [null, note: 'what it\\'s \"called\"']",
                    "Ref: \"orders__items\".\"_dlt_parent_id\" > \"orders\".\"_dlt_id\"",
                    "Ref: \"orders\".\"_dlt_load_id\" > \"_dlt_loads\".\"load_id\"",
                ],
            ),
            (
                Diagram::Dot,
                [
                    "<u>id</u>",
                    "it's \"odd\"</td>",
                    "\"orders__items\":c1 -> \"orders\":c3;",
                    "\"orders\":c2 -> \"_dlt_loads\":c0;",
                ],
            ),
        ] {
            let drawn = example().to_diagram(diagram);
            for word in words {
                assert!(drawn.contains(word), "{diagram:?} lacks {word}:\n{drawn}");
            }
            assert!(!drawn.contains("empty"), "{drawn}");
        }
    }
}
