//! How one table is read: its columns, its statement, and what is known of it beforehand.

use crate::failure::config;
use crate::range;
use crate::session::{Reading, Session};
use crate::settings::Settings;
use crate::statement::{From, Select};
use crate::table::{Kind, Reflected, SqlColumn, SqlTable};
use dlt_engine::incremental::{Incremental, Tracker};
use dlt_engine::schema::Column;
use dlt_engine::settings::{lacks_key, word_hint};
use dlt_engine::source::{ExtractContext, Reference, TableHints};
use dlt_engine::{Notices, Result};

/// See [`plan`].
pub(crate) struct Plan {
    pub(crate) reading: Reading,
    pub(crate) hints: TableHints,
    pub(crate) incremental: Option<Incremental>,
}

/// Gives a table what holds for all, where it says nothing itself.
pub(crate) fn inherit(table: &mut SqlTable, common: &TableHints, incremental: Option<&Incremental>) {
    let own = &mut table.hints;
    own.disposition = own.disposition.or(common.disposition);
    own.merge_strategy = own.merge_strategy.or(common.merge_strategy);
    own.table_format = own.table_format.or(common.table_format);
    own.max_nesting = own.max_nesting.or(common.max_nesting);
    own.contract = own.contract.or(common.contract);
    if own.scd2.is_none() {
        own.scd2.clone_from(&common.scd2);
    }
    let or = |own: &mut Vec<String>, common: &Vec<String>| {
        if own.is_empty() {
            own.clone_from(common);
        }
    };
    or(&mut own.primary_key, &common.primary_key);
    or(&mut own.merge_key, &common.merge_key);
    or(&mut own.choice.included, &common.choice.included);
    or(&mut own.choice.excluded, &common.choice.excluded);
    if own.choice.renamed.is_empty() {
        own.choice.renamed.clone_from(&common.choice.renamed);
    }
    for column in &common.columns {
        if own.columns.iter().all(|known| known.name != column.name) {
            own.columns.push(column.clone());
        }
    }
    if table.incremental.is_none() {
        table.incremental = incremental.cloned();
    }
}

/// Looks up what is known of a table, and says how it is read.
pub(crate) fn plan(
    settings: &Settings,
    table: &SqlTable,
    session: &mut dyn Session,
    context: &ExtractContext,
) -> Result<Plan> {
    let reflected = match &table.query {
        Some(query) => Reflected { columns: session.describe(query)?, ..Reflected::default() },
        None => session.reflect(settings.schema.as_deref(), &table.name)?,
    };
    let cursor = table.incremental.as_ref().map(|incremental| cursor(incremental, table, &reflected)).transpose()?;
    let columns = chosen_columns(settings, table, &reflected, cursor)?;
    let mut hints = hints(settings, table, &reflected, &columns);
    if lacks_key(&hints) {
        let message = format!("`{}` is to be merged, and the database knows no primary key of it", table.name);
        return Err(config(message, "name what identifies a row: primary_key = \"id\""));
    }
    let mut incremental = table.incremental.clone();
    if let Some(incremental) = &mut incremental {
        // The key that the database knows tells rows apart, as one would that is given.
        if incremental.primary_key.is_none() && hints.primary_key.is_empty() && !reflected.primary_key.is_empty() {
            incremental.primary_key = Some(reflected.primary_key.clone());
            // Python dlt has the keys of databases as lists.
            incremental.is_listed_key = true;
        }
    }
    let dialect = session.dialect();
    let from = match &table.query {
        Some(query) => From::Query(query),
        None => From::Table { schema: settings.schema.as_deref(), table: &table.name },
    };
    let mut select = Select { dialect, from, columns: &columns, conditions: Vec::new(), order: None };
    select.conditions.extend(table.condition.clone());
    if let (Some(incremental), Some(cursor)) = (&incremental, cursor) {
        let range = range_texts(incremental, table, &hints, context)?;
        select.conditions.extend(range::condition(dialect, cursor, incremental, &range));
        select.order = range::order(dialect, cursor, incremental);
    }
    let reading = Reading {
        sql: select.sql(),
        name: table.name.clone(),
        keeps_order: select.order.is_some(),
        columns: columns
            .iter()
            .map(|column| SqlColumn { kind: kind(column, settings, &hints), ..column.clone() })
            .collect(),
        chunk_size: settings.chunk_size,
        notices: context.notices.clone(),
    };
    // The statement has chosen; the engine would look for names again.
    hints.choice.included.clear();
    hints.choice.excluded.clear();
    Ok(Plan { reading, hints, incremental })
}

/// Where the run begins and ends. What there is to say of that the engine says, when it begins itself.
fn range_texts(
    incremental: &Incremental,
    table: &SqlTable,
    hints: &TableHints,
    context: &ExtractContext,
) -> Result<dlt_engine::incremental::RangeTexts> {
    let quiet = ExtractContext { notices: Notices::default(), ..context.clone() };
    Ok(Tracker::begin(incremental, &table.name, &hints.primary_key, &quiet)?.range_texts())
}

/// The column that tells what is new.
fn cursor<'a>(incremental: &Incremental, table: &SqlTable, reflected: &'a Reflected) -> Result<&'a SqlColumn> {
    incremental.check()?;
    find(&incremental.cursor_path, reflected).ok_or_else(|| {
        let message =
            format!("`{}` has no column `{}`, which is to be its cursor", table.name, incremental.cursor_path);
        config(message, nearest(&incremental.cursor_path, reflected))
    })
}

fn find<'a>(name: &str, reflected: &'a Reflected) -> Option<&'a SqlColumn> {
    reflected.columns.iter().find(|column| column.name == name)
}

fn nearest(name: &str, reflected: &Reflected) -> String {
    let names: Vec<&str> = reflected.columns.iter().map(|column| column.name.as_str()).collect();
    word_hint(name, &names)
}

/// The columns that are loaded. The cursor and the primary key always are.
fn chosen_columns(
    settings: &Settings,
    table: &SqlTable,
    reflected: &Reflected,
    cursor: Option<&SqlColumn>,
) -> Result<Vec<SqlColumn>> {
    let choice = &table.hints.choice;
    let is_common = |name: &String| settings.hints.choice.excluded.contains(name);
    let given = choice.included.iter().chain(choice.excluded.iter().filter(|name| !is_common(name)));
    for name in given {
        if find(name, reflected).is_none() {
            let message = format!("`{}` has no column `{name}`", table.name);
            return Err(config(message, nearest(name, reflected)));
        }
    }
    let is_needed = |column: &SqlColumn| {
        cursor.is_some_and(|cursor| cursor.name == column.name)
            || reflected.primary_key.contains(&column.name)
            || table.hints.primary_key.contains(&column.name)
    };
    let is_chosen = |column: &&SqlColumn| {
        let is_included = choice.included.is_empty() || choice.included.contains(&column.name);
        is_needed(column) || is_included && !choice.excluded.contains(&column.name)
    };
    let columns: Vec<SqlColumn> = reflected.columns.iter().filter(is_chosen).cloned().collect();
    if columns.is_empty() {
        let message = format!("`{}` has no column that is to be loaded", table.name);
        return Err(config(message, "leave out less: `excluded_columns` names columns"));
    }
    Ok(columns)
}

/// What is known of the table: what was said, and what the database says beyond that.
/// What its rows are handed over as: JSON stays JSON where somebody says so.
fn kind(column: &SqlColumn, settings: &Settings, hints: &TableHints) -> Kind {
    let is_said = |said: &Column| said.name == column.name && said.data_type.is_some();
    match settings.kind_of(column) {
        Kind::NestedJson if hints.columns.iter().any(is_said) => Kind::Json,
        kind => kind,
    }
}

fn hints(settings: &Settings, table: &SqlTable, reflected: &Reflected, columns: &[SqlColumn]) -> TableHints {
    let mut hints = table.hints.clone();
    let has_key = !hints.primary_key.is_empty() || hints.columns.iter().any(|column| column.is("primary_key"));
    for column in columns {
        let is_key = !has_key && reflected.primary_key.contains(&column.name);
        let known = column.hint(settings.level, is_key);
        match hints.columns.iter_mut().find(|said| said.name == column.name) {
            Some(said) => {
                if said.data_type.is_none() && settings.kind_of(column) != Kind::NestedJson {
                    said.data_type = known.data_type;
                    for (hint, value) in known.hints {
                        said.hints.entry(hint).or_insert(value);
                    }
                }
                if is_key {
                    said.hints.insert("primary_key".to_owned(), true.into());
                }
            }
            // What becomes columns of its own is no column itself.
            None if settings.kind_of(column) == Kind::NestedJson => {}
            None => hints.columns.push(known),
        }
    }
    if settings.resolve_foreign_keys {
        hints.references = reflected
            .foreign_keys
            .iter()
            .map(|key| Reference {
                columns: key.columns.clone(),
                referenced_table: key.table.clone(),
                referenced_columns: key.referenced.clone(),
            })
            .collect();
    }
    hints
}
