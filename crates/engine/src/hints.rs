//! What a source says about its tables beforehand, put into the schema.

use crate::error::{Error, ErrorKind, Result};
use crate::naming::Naming;
use crate::normalize::declare_rejected;
use crate::notice::Notice;
use crate::notices::Notices;
use crate::package::Manifest;
use crate::schema::{Column, Contract, Entity, MergeStrategy, Mode, Schema, Table, WriteDisposition, breach};
use crate::source::{Reference, Resource, TableHints};

/// Name of the table that a resource makes. Names that lose letters on their way (`日本`, `中国`: both `x`) do not share
/// one with others; mere spellings of a name do.
pub(crate) fn table_name(schema: &Schema, resource: &str, hints: &TableHints, naming: Naming) -> String {
    let given = given_name(resource, hints);
    let plain = naming.normalize_path(given);
    if plain.is_empty() {
        return plain;
    }
    for attempt in 0.. {
        let name = if attempt == 0 { plain.clone() } else { naming.apart(&plain, &[given], attempt) };
        let folded = naming.folded(&name);
        let Some(known) = schema.tables.values().find(|known| naming.folded(&known.name) == folded) else {
            return name;
        };
        let other = known.original_name();
        if known.parent.is_some() || other == given || naming.keeps_letters(given) && naming.keeps_letters(other) {
            return known.name.clone();
        }
    }
    plain
}

/// The name of the table before it is normalized.
pub(crate) fn given_name<'a>(resource: &'a str, hints: &'a TableHints) -> &'a str {
    hints.table.as_deref().unwrap_or(resource)
}

/// Puts what the source says about a table into the schema; returns the table's name.
///
/// Columns that are declared with another type than they have stay as they are, and are added to `kept`.
fn apply_hints(
    schema: &mut Schema,
    resource: &str,
    hints: &TableHints,
    naming: Naming,
    kept: &mut Vec<String>,
) -> Result<String> {
    let name = table_name(schema, resource, hints, naming);
    if name.is_empty() || name.starts_with("_dlt") {
        return Err(Error::new(ErrorKind::Config, format!("`{resource}` cannot be the name of a table"))
            .hint("give the table another name"));
    }
    let is_new = schema.tables.get(&name).is_none_or(Table::is_new);
    let table = schema
        .tables
        .entry(name.clone())
        .or_insert_with(|| Table::root(&name, resource, hints.disposition.unwrap_or_default()));
    if let Some(contract) = hints.contract {
        table.set_contract(contract);
    }
    let contract = schema.contract_of(&schema.tables[&name]);
    let table = &mut schema.tables[&name];
    // Seen before columns are declared: of a table without rows they are not there yet either.
    table.is_barred = is_new && contract.mode(Entity::Tables) != Mode::Evolve;
    let contract = match is_new {
        true => {
            if contract.mode(Entity::Columns) != Mode::Evolve {
                table.evolve_once();
            }
            Contract::from(Mode::Evolve)
        }
        false if table.evolves_once() => contract.columns(Mode::Evolve),
        false => contract,
    };
    if table.parent.is_some() {
        return Err(Error::new(ErrorKind::Config, format!("table `{name}` exists and is nested in another"))
            .hint("give the table another name"));
    }
    let given = given_name(resource, hints);
    if !naming.keeps_letters(given) {
        table.note_original_name(given);
    }
    // What is stored stays, unless this run was told otherwise.
    if hints.disposition.is_some() {
        table.write_disposition = hints.disposition;
    }
    if let Some(strategy) = hints.merge_strategy {
        table.set_merge_strategy(strategy);
    }
    if let Some(format) = hints.table_format {
        if !is_new && table.table_format() != format {
            let (was, name) = (table.table_format(), &table.name);
            let message = format!("table `{name}` has the table format `{was}`, and is to have `{format}`");
            return Err(Error::new(ErrorKind::Config, message)
                .hint("leave `table_format` as it was, load into another table, or drop the table first"));
        }
        table.set_table_format(format);
    }
    if let Some(depth) = hints.max_nesting {
        let normalizer = table.hints.entry("x-normalizer").or_insert_with(|| serde_json::json!({}));
        normalizer["max_nesting"] = depth.into();
    }
    if !hints.references.is_empty() {
        let names = |names: &[String]| names.iter().map(|name| naming.normalize_key(name)).collect::<Vec<_>>();
        let reference = |reference: &Reference| {
            serde_json::json!({
                "columns": names(&reference.columns),
                "referenced_table": naming.normalize_path(&reference.referenced_table),
                "referenced_columns": names(&reference.referenced_columns),
            })
        };
        table.hints.insert("references".to_owned(), hints.references.iter().map(reference).collect());
    }
    for hinted in &hints.columns {
        let name = table.claim_column(hints.choice.renamed(&hinted.name, naming), naming);
        if let Some(stays) = declare_column(table, Column { name, ..hinted.clone() }, contract)? {
            kept.push(stays);
        }
    }
    let renamed = |key: &[String]| -> Vec<String> {
        key.iter().map(|name| hints.choice.renamed(name, naming).to_owned()).collect()
    };
    declare_key(table, "primary_key", &renamed(&hints.primary_key), naming, contract)?;
    declare_key(table, "merge_key", &renamed(&hints.merge_key), naming, contract)?;
    declare_versions(table, hints, naming)?;
    if table.write_disposition == Some(WriteDisposition::Merge) {
        check_merge(table, hints.disposition.is_some())?;
        if table.merge_strategy()?.goes_by_key() {
            schema.propagate_root_ids(&name);
        }
    }
    Ok(name)
}

/// Puts what the run and its resources say into the schema; returns the root tables of the resources. What the run says of
/// the contract goes over what its resources say.
pub(crate) fn declare(
    schema: &mut Schema,
    resources: &[Resource],
    manifest: &Manifest,
    naming: Naming,
    notices: &Notices,
) -> Result<Vec<String>> {
    if let Some(contract) = manifest.contract {
        schema.set_contract(contract);
    }
    let (mut roots, mut kept) = (Vec::new(), Vec::new());
    for resource in resources {
        let hints = TableHints { contract: manifest.contract.or(resource.hints.contract), ..resource.hints.clone() };
        let root = apply_hints(schema, &resource.name, &hints, naming, &mut kept)?;
        if let (Some(strategy), None) = (hints.merge_strategy, hints.disposition) {
            say_if_unused(schema, &root, strategy, notices);
        }
        roots.push(root);
    }
    if let Some(given) = &manifest.rejected {
        let name = declare_rejected(schema, given, naming)?;
        if roots.contains(&name) {
            let what = format!("table `{name}` is loaded, and cannot take the rejected rows of the same run");
            return Err(Error::new(ErrorKind::Config, what).hint("give the table for rejected rows another name"));
        }
    }
    if let Some(first) = kept.first() {
        let others = if kept.len() > 1 { format!(", and {} others stay", kept.len() - 1) } else { String::new() };
        let message = format!("a column is not as it is declared: {first}{others}");
        let hint = "the dataset has it so: take it out of the declaration, or load into another table";
        notices.say(Notice::new(message).hint(hint).details(kept));
    }
    Ok(roots)
}

/// Says that a merge strategy was given for a table that is not merged.
fn say_if_unused(schema: &Schema, table: &str, strategy: MergeStrategy, notices: &Notices) {
    let disposition = schema.tables.get(table).and_then(|table| table.write_disposition).unwrap_or_default();
    if disposition != WriteDisposition::Merge {
        let (strategy, disposition) = (strategy.name(), disposition.name());
        let told = format!("`{table}` is not merged by {strategy}: its write disposition is {disposition}");
        notices.say(Notice::new(told).hint("set the write disposition to merge"));
    }
}

/// Hints that one column of a table has at most.
const SINGLE: [&str; 2] = ["dedup_sort", "hard_delete"];
/// Hints that are part of a column's type.
const OF_TYPE: [&str; 3] = ["precision", "scale", "timezone"];

/// Whether a contract lets a table have a column; one that is to be left out is simply not declared.
fn admits(table: &Table, column: &str, entity: Entity, contract: Contract) -> Result<bool> {
    match contract.mode(entity) {
        Mode::Evolve => Ok(true),
        Mode::Freeze => Err(breach(&table.name, column, entity)),
        Mode::DiscardRow | Mode::DiscardValue => Ok(false),
    }
}

fn is_complete(table: &Table, column: &str) -> bool {
    table.columns.get(column).is_some_and(|column| column.data_type.is_some())
}

/// Puts a column into the table; of one that is there the type stays and the hints are added. Returns what to say of a type
/// that stays and was declared otherwise.
fn declare_column(table: &mut Table, column: Column, contract: Contract) -> Result<Option<String>> {
    let is_new = !is_complete(table, &column.name);
    if is_new && !admits(table, &column.name, Entity::Columns, contract)? {
        return Ok(None);
    }
    let is_other = !is_new && table.columns.get(&column.name).is_some_and(|known| is_of_another_type(known, &column));
    if is_other && !admits(table, &column.name, Entity::DataType, contract)? {
        return Ok(None);
    }
    for hint in SINGLE.iter().filter(|hint| column.hints.contains_key(**hint)) {
        for other in table.columns.values_mut() {
            other.hints.remove(*hint);
        }
    }
    let name = table.name.clone();
    match table.columns.get_mut(&column.name) {
        Some(known) if known.data_type.is_some() => {
            let stays = is_other.then(|| told(&name, known));
            let others = column.hints.into_iter().filter(|(hint, _)| !OF_TYPE.contains(&hint.as_str()));
            known.hints.extend(others);
            Ok(stays)
        }
        // Its type is declared now: it stands where a column of a known type is added.
        Some(known) => {
            let mut hints = std::mem::take(&mut known.hints);
            hints.extend(column.hints);
            let joined = Column { nullable: known.nullable && column.nullable, hints, ..column };
            if joined.data_type.is_some() {
                table.columns.shift_remove(&joined.name);
            }
            table.add(joined);
            Ok(None)
        }
        None => {
            table.add(column);
            Ok(None)
        }
    }
}

/// Whether a column is declared with another type than it has.
fn is_of_another_type(known: &Column, declared: &Column) -> bool {
    let differs = |hint: &&str| declared.hints.get(*hint).is_some_and(|value| known.hints.get(*hint) != Some(value));
    let is_other_type = declared.data_type.is_some() && declared.data_type != known.data_type;
    let is_required = !declared.nullable && known.nullable && !declared.is("primary_key") && !declared.is("merge_key");
    is_other_type || is_required || declared.data_type.is_some() && OF_TYPE.iter().any(differs)
}

fn told(table: &str, known: &Column) -> String {
    let type_name = known.data_type.map_or("nothing", |data_type| data_type.name());
    let precision = known.number("precision").map(|precision| format!(" of precision {precision}")).unwrap_or_default();
    let null = if known.nullable { ", and may be null" } else { "" };
    format!("`{}` of table `{table}` stays {type_name}{precision}{null}", known.name)
}

/// Makes these columns the key. Another key takes the place of the one that was; none leaves it as it is.
fn declare_key(table: &mut Table, hint: &str, key: &[String], naming: Naming, contract: Contract) -> Result<()> {
    if key.is_empty() {
        return Ok(());
    }
    let key: Vec<String> = key.iter().map(|name| table.claim_column(name, naming)).collect();
    // A key that may not be there cannot be left out: rows would meet by another one.
    if contract.mode(Entity::Columns) != Mode::Evolve
        && let Some(missing) = key.iter().find(|name| !is_complete(table, name))
    {
        return Err(breach(&table.name, missing, Entity::Columns));
    }
    for column in table.columns.values_mut().filter(|column| !key.contains(&column.name)) {
        column.hints.remove(hint);
    }
    for name in &key {
        let column = table.columns.entry(name.clone()).or_insert_with(|| Column {
            name: name.clone(),
            data_type: None,
            nullable: false,
            hints: Default::default(),
        });
        column.nullable = false;
        column.hints.insert(hint.to_owned(), true.into());
    }
    Ok(())
}

/// Declares that the table keeps versions, where the strategy that does is given.
fn declare_versions(table: &mut Table, hints: &TableHints, naming: Naming) -> Result<()> {
    if hints.merge_strategy == Some(MergeStrategy::Scd2) {
        return table.keep_versions(&hints.scd2.clone().unwrap_or_default(), naming);
    }
    if hints.scd2.is_none() {
        return Ok(());
    }
    let what = format!("options of scd2 are given for table `{}`, and not the strategy", table.name);
    Err(Error::new(ErrorKind::Config, what).hint("name scd2 as the merge strategy, or leave the options out"))
}

/// Whether the table can be merged as it is declared. A stored merge without any key appends, as in the original.
fn check_merge(table: &Table, is_told: bool) -> Result<()> {
    let strategy = table.merge_strategy()?;
    if strategy == MergeStrategy::Scd2 {
        return table.versions().map(drop);
    }
    if let Some(column) = table.key_within().first().filter(|_| strategy != MergeStrategy::InsertOnly) {
        let what =
            format!("table `{}` has its key within the values of `{column}`, and is merged by {strategy}", table.name);
        return Err(
            Error::new(ErrorKind::Config, what).hint("use insert-only, or make the column a part of the primary key")
        );
    }
    let has_key = !table.columns_with("primary_key").is_empty();
    let can_merge = has_key || strategy == MergeStrategy::DeleteInsert && !table.columns_with("merge_key").is_empty();
    if can_merge || !is_told && !strategy.has_key_ids() {
        return Ok(());
    }
    let name = &table.name;
    Err(Error::new(ErrorKind::Config, format!("table `{name}` is to be merged and has no primary key"))
        .hint("name the columns that identify a row as its primary key, or use append"))
}
