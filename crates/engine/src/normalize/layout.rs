//! What a worker knows of one resource: where each key of the data leads.
//!
//! The data is a tree of objects. Each object position is a [`Node`]; each key that was seen in it is a [`Slot`], which says
//! where its value goes when it is a scalar (a column), an object (another node of the same table) or a list (a node of
//! a nested table). The slow path fills slots in; the fast path only follows them.

use super::breach::{Breach, LeftOut, in_one_form};
use super::column::ColumnRows;
use super::digests::RowDigests;
use crate::choice::ColumnChoice;
use crate::error::{Error, ErrorKind, Result};
use crate::json::Surrogates;
use crate::naming::Naming;
use crate::rules::ColumnRules;
use crate::schema::{
    Column, Contract, DataType, Entity, MergeStrategy, Mode, Schema, Table, WriteDisposition, column_names,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Index of nothing.
pub(crate) const NONE: usize = usize::MAX;
const UNLIMITED_NESTING: i64 = 1000;
/// Keys that a worker remembers from one chunk to the next.
const MOST_SLOTS: usize = 20_000;

/// Keys that are named apart: table, keys from the row down, and name.
pub(crate) type Renamed = BTreeSet<(String, Vec<String>, String)>;

/// What ids of root rows are made of.
#[derive(Debug)]
pub(crate) enum RootIds {
    /// Of nothing: they are random.
    Random,
    /// Of the primary key: its normalized names.
    Key(Vec<String>),
    /// Of the whole row.
    Row(RowDigests),
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct TableRows {
    pub(crate) name: String,
    /// Index of the table that it is nested in, or [`NONE`]. The schema names only this one.
    pub(crate) parent: usize,
    /// All tables that rows were nested in: `{"a": {"b": []}}` and `{"a": [{"b": []}]}` fill one table from two.
    pub(crate) parents: Vec<usize>,
    pub(crate) columns: Vec<ColumnRows>,
    pub(crate) by_name: HashMap<String, usize>,
    /// Names of columns by their folded form, where the convention keeps capitals and the destination does not tell them
    /// apart.
    by_folded: Option<HashMap<String, String>>,
    /// Names (folded) that belong to one key alone, with the keys from the row down.
    pub(crate) owners: HashMap<String, Vec<String>>,
    /// Those that were found in this chunk.
    pub(crate) new_owners: Vec<(String, Vec<String>)>,
    /// Columns that hints name and whose type no value showed yet.
    pub(crate) hinted: HashMap<String, Column>,
    /// How many of `columns` the schema had; the others were found in this chunk.
    pub(crate) known_columns: usize,
    pub(crate) is_new: bool,
    /// What may be added to it.
    pub(crate) contract: Contract,
    /// Whether it takes its first load, and with it any column.
    pub(crate) evolves_once: bool,
    /// Whether it may not come into being: no row is added.
    pub(crate) is_barred: bool,
    pub(crate) rows: usize,
    /// Rows that are not passed on, of those that came as Arrow.
    pub(crate) dropped: HashSet<usize>,
    /// For each row of a nested table: its parent's place in `parents` and row, and its own place in the list.
    pub(crate) parent_tables: Vec<u32>,
    pub(crate) parent_rows: Vec<u32>,
    pub(crate) list_index: Vec<i64>,
}

impl TableRows {
    pub(crate) fn new(name: &str, parent: usize, is_new: bool) -> Self {
        Self {
            name: name.to_owned(),
            parent,
            parents: Vec::from_iter((parent != NONE).then_some(parent)),
            columns: Vec::new(),
            by_name: HashMap::new(),
            by_folded: None,
            owners: HashMap::new(),
            new_owners: Vec::new(),
            hinted: HashMap::new(),
            known_columns: 0,
            is_new,
            contract: Contract::All(Mode::Evolve),
            evolves_once: false,
            is_barred: false,
            rows: 0,
            dropped: HashSet::new(),
            parent_tables: Vec::new(),
            parent_rows: Vec::new(),
            list_index: Vec::new(),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.parent == NONE
    }

    pub(crate) fn add(&mut self, column: Column, data_type: DataType) -> usize {
        let at = self.columns.len();
        if let Some(by_folded) = &mut self.by_folded {
            by_folded.insert(column.name.to_ascii_lowercase(), column.name.clone());
        }
        self.by_name.insert(column.name.clone(), at);
        self.columns.push(ColumnRows::new(column, data_type));
        at
    }

    /// The name of the column that the destination would take for this one.
    pub(crate) fn spelled(&self, folded: &str) -> Option<String> {
        let known = self.by_folded.as_ref()?.get(folded);
        known.or_else(|| self.hinted.keys().find(|name| name.eq_ignore_ascii_case(folded))).cloned()
    }

    /// Index of a column that the engine fills, which is made where it is missing.
    pub(crate) fn system_column(&mut self, name: &str, data_type: DataType) -> usize {
        match self.by_name.get(name) {
            Some(&at) => at,
            None => {
                let mut column = Column::inferred(name, data_type);
                if let Some(hinted) = self.hinted.get(name) {
                    column.hints.extend(hinted.hints.clone());
                }
                self.add(column, data_type)
            }
        }
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        if self.rows == rows {
            return;
        }
        self.rows = rows;
        for column in &mut self.columns {
            column.truncate(rows);
        }
        if !self.is_root() {
            self.parent_tables.truncate(rows);
            self.parent_rows.truncate(rows);
            self.list_index.truncate(rows);
        }
    }
}

/// A place in the data where objects stand.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) table: usize,
    /// Normalized names from the row down to this object.
    pub(crate) path: Vec<String>,
    /// And the keys of the data that they were made of.
    pub(crate) keys: Vec<String>,
    /// Levels below that may still be split; 0 keeps what is nested as JSON.
    pub(crate) level: i64,
    pub(crate) slots: Vec<Slot>,
    pub(crate) index: HashMap<String, usize>,
}

/// A key in a node.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: String,
    /// Whether the key stands in JSON as it is, without escapes.
    pub(crate) is_plain: bool,
    /// Normalized key.
    pub(crate) part: String,
    /// Normalized path from the row: the column's name.
    pub(crate) name: String,
    pub(crate) target: Target,
    /// Whether its values are not to be loaded; the slow path decides, and the fast path steps over them.
    pub(crate) is_left_out: bool,
    /// The object in which the key was seen last, to notice one that comes twice.
    pub(crate) seen_in: u64,
}

impl Slot {
    /// A slot that has no name yet.
    pub(crate) fn new(key: &str) -> Self {
        let target = Target { column: NONE, object: NONE, list: NONE, is_shared: false };
        let is_plain = !key.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
        Self {
            key: key.to_owned(),
            is_plain,
            part: String::new(),
            name: String::new(),
            target,
            is_left_out: false,
            seen_in: 0,
        }
    }
}

/// Where the values of a key go. Each is an index, or [`NONE`] where no such value was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) column: usize,
    pub(crate) object: usize,
    pub(crate) list: usize,
    /// Another key leads to the same column, or the engine fills it: the slow path decides.
    pub(crate) is_shared: bool,
}

/// Nodes for the elements of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListNodes {
    pub(crate) table: usize,
    /// Place of the table that the list stands in, among the `parents` of `table`.
    pub(crate) parent: u32,
    /// Elements that are objects, and (as if under the key `value`) scalars.
    pub(crate) element: usize,
    /// Elements that are lists, as if under the key `list`.
    pub(crate) wrapper: usize,
}

/// Tables, nodes and slots of one resource.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) naming: Naming,
    pub(crate) tables: Vec<TableRows>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) lists: Vec<ListNodes>,
    /// Tables by their folded names.
    table_index: HashMap<String, usize>,
    /// Slots by the (folded) column that they lead to: node and place in it.
    pub(crate) by_column: HashMap<(usize, String), Vec<(usize, usize)>>,
    pub(crate) slots_in_all: usize,
    /// Keys that are named apart, since this was last asked for.
    pub(crate) renamed: Renamed,
    pub(crate) surrogates: Surrogates,
    /// Normalized names of the columns that need a value in every row, because rows are merged by them.
    pub(crate) keys: Vec<String>,
    /// The key as the user spelled it.
    pub(crate) spelled_key: Arc<[String]>,
    pub(crate) root_ids: RootIds,
    pub(crate) propagates_root_id: bool,
    pub(crate) objects_seen: u64,
    /// What the row under way has that the contract does not let in.
    pub(crate) breaches: Vec<Breach>,
    pub(crate) left_out: LeftOut,
    /// Which columns of the root table are loaded, where that is not all of them.
    pub(crate) choice: Option<Arc<ColumnChoice>>,
    /// The row that lacks a value, where that was found last: its table and number.
    pub(crate) lacking: Option<(usize, usize)>,
    /// Whether the row under way may bring any column: it is among the first of its table.
    pub(crate) takes_all_columns: bool,
    /// Which types and hints new columns have.
    pub(crate) rules: ColumnRules,
    /// Whether the root table has the columns of the contract; they come after those of its first row.
    pub(crate) is_begun: bool,
}

/// The node of a root row.
pub(crate) const ROOT_NODE: usize = 0;
/// The root table.
pub(crate) const ROOT_TABLE: usize = 0;

impl Layout {
    /// What `schema` says about `root` and the tables nested in it.
    ///
    /// # Errors
    /// If the schema lacks the table.
    pub(crate) fn new(schema: &Schema, root: &str, naming: Naming) -> Result<Self> {
        let table = schema
            .tables
            .get(root)
            .ok_or_else(|| Error::new(ErrorKind::Internal, format!("the schema lacks table `{root}`")))?;
        let strategy = match table.write_disposition {
            Some(WriteDisposition::Merge) => Some(table.merge_strategy()?),
            _ => None,
        };
        let names = |hint| table.columns_with(hint).into_iter().map(str::to_owned);
        let mut keys: Vec<String> =
            names("primary_key").chain(names("merge_key")).filter(|_| strategy.is_some()).collect();
        let root_ids = match strategy {
            Some(strategy) if strategy.has_key_ids() => {
                RootIds::Key(names("primary_key").chain(table.key_within().into_iter().map(str::to_owned)).collect())
            }
            Some(MergeStrategy::Scd2) => {
                let versions = table.versions()?;
                if versions.are_digests() {
                    RootIds::Row(RowDigests::default())
                } else {
                    keys.push(versions.row_version.to_owned());
                    RootIds::Random
                }
            }
            _ => RootIds::Random,
        };
        let propagates_root_id = match strategy {
            Some(strategy) if strategy.goes_by_key() => true,
            // Versions do without, but a column that was made for another strategy needs its values.
            Some(_) => schema.chain(root).iter().skip(1).any(|nested| !nested.columns_with("root_key").is_empty()),
            None => false,
        };
        let level = table.max_nesting().or_else(|| schema.max_nesting()).map_or(UNLIMITED_NESTING, i64::from);
        let mut layout = Self {
            naming,
            tables: Vec::new(),
            nodes: Vec::new(),
            lists: Vec::new(),
            table_index: HashMap::new(),
            by_column: HashMap::new(),
            slots_in_all: 0,
            renamed: Renamed::new(),
            surrogates: Surrogates::default(),
            keys,
            spelled_key: Arc::default(),
            root_ids,
            propagates_root_id: propagates_root_id || schema.propagates_root_ids(root),
            objects_seen: 0,
            breaches: Vec::new(),
            left_out: LeftOut::default(),
            lacking: None,
            choice: None,
            takes_all_columns: false,
            rules: ColumnRules::of(schema)?,
            is_begun: table.columns.contains_key(column_names::ID),
        };
        layout.add_known(table, NONE, schema);
        layout.add_node(ROOT_TABLE, Vec::new(), Vec::new(), level);
        Ok(layout)
    }

    fn add_known(&mut self, table: &Table, parent: usize, schema: &Schema) {
        let at = self.add_table(&table.name, parent, false);
        let rows = &mut self.tables[at];
        rows.contract = in_one_form(schema.contract_of(table));
        rows.evolves_once = table.evolves_once();
        // A nested table that only hints name is as new as one that they do not.
        rows.is_barred =
            table.is_barred || parent != NONE && table.is_new() && rows.contract.mode(Entity::Tables) != Mode::Evolve;
        for column in table.columns.values() {
            match column.data_type {
                Some(data_type) => {
                    self.tables[at].add(column.clone(), data_type);
                }
                None => {
                    self.tables[at].hinted.insert(column.name.clone(), column.clone());
                }
            }
        }
        self.tables[at].known_columns = self.tables[at].columns.len();
        for (name, keys) in table.original_keys() {
            let keys = keys.into_iter().map(str::to_owned).collect();
            self.tables[at].owners.insert(self.naming.folded(name).into_owned(), keys);
        }
        for child in schema.tables.values().filter(|child| child.parent.as_deref() == Some(&table.name)) {
            self.add_known(child, at, schema);
        }
    }

    fn add_table(&mut self, name: &str, parent: usize, is_new: bool) -> usize {
        let at = self.tables.len();
        self.table_index.insert(self.naming.folded(name).into_owned(), at);
        let mut rows = TableRows::new(name, parent, is_new);
        rows.by_folded = self.naming.is_case_sensitive().then(HashMap::new);
        if parent != NONE {
            rows.contract = self.tables[parent].contract;
            rows.is_barred = rows.contract.mode(Entity::Tables) != Mode::Evolve;
        }
        self.tables.push(rows);
        at
    }

    fn add_node(&mut self, table: usize, path: Vec<String>, keys: Vec<String>, level: i64) -> usize {
        self.nodes.push(Node { table, path, keys, level, slots: Vec::new(), index: HashMap::new() });
        self.nodes.len() - 1
    }

    /// Index of the slot of `key` if it was seen.
    #[inline]
    pub(crate) fn find_slot(&self, node: usize, key: &str) -> Option<usize> {
        self.nodes[node].index.get(key).copied()
    }

    /// Whether nested values under this slot stay JSON.
    pub(crate) fn keeps_json(&self, node: usize, slot: usize) -> bool {
        let node = &self.nodes[node];
        let column = self.tables[node.table].by_name.get(&node.slots[slot].name);
        node.level <= 0 || column.is_some_and(|&at| self.tables[node.table].columns[at].data_type == DataType::Json)
    }

    /// The node of the object under this slot, made if it is new.
    pub(crate) fn object_node(&mut self, node: usize, slot: usize) -> usize {
        let known = self.nodes[node].slots[slot].target.object;
        if known != NONE {
            return known;
        }
        let of = &self.nodes[node];
        let mut path = of.path.clone();
        path.push(of.slots[slot].part.clone());
        let keys = of.keys.iter().chain([&of.slots[slot].key]).cloned().collect();
        let made = self.add_node(of.table, path, keys, of.level - 1);
        self.nodes[node].slots[slot].target.object = made;
        made
    }

    /// The nodes for the list under this slot, made if they are new; `row_level` is the level of the row it stands in.
    pub(crate) fn list_nodes(&mut self, node: usize, slot: usize, row_level: i64) -> usize {
        let known = self.nodes[node].slots[slot].target.list;
        if known != NONE {
            return known;
        }
        let of = &self.nodes[node];
        let parent = of.table;
        let parts = [self.tables[parent].name.as_str()].into_iter();
        let path = of.path.iter().map(String::as_str).chain([of.slots[slot].part.as_str()]);
        let name = self.naming.join_path(parts.chain(path));
        let table = match self.table_index.get(&*self.naming.folded(&name)) {
            Some(&table) => table,
            None => self.add_table(&name, parent, true),
        };
        let parents = &mut self.tables[table].parents;
        let parent = match parents.iter().position(|&known| known == parent) {
            Some(place) => place as u32,
            None => {
                parents.push(parent);
                (parents.len() - 1) as u32
            }
        };
        let element = self.add_node(table, Vec::new(), Vec::new(), row_level - 1);
        let wrapper = self.add_node(table, Vec::new(), Vec::new(), row_level - 2);
        self.lists.push(ListNodes { table, parent, element, wrapper });
        self.nodes[node].slots[slot].target.list = self.lists.len() - 1;
        self.lists.len() - 1
    }

    /// Whether so many keys were seen that it is better to begin anew than to go on: they are data rather than names.
    pub(crate) fn is_crowded(&self) -> bool {
        self.slots_in_all > MOST_SLOTS
    }

    /// Whether this chunk showed a table, a column or an owner of a name that the schema lacks.
    pub(crate) fn has_news(&self) -> bool {
        self.tables.iter().any(|table| {
            let is_new = table.is_new && table.rows > 0;
            is_new || table.known_columns < table.columns.len() || !table.new_owners.is_empty()
        })
    }
}
