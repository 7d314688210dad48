//! What data may change of the schema: contracts on tables, columns and types.

use super::{Schema, Table};
use crate::error::{Error, ErrorKind, Result};
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Where a contract is kept, in a table's hints and in the settings of a schema.
const KEY: &str = "schema_contract";
/// Hint of a table: the columns of its first load are not held against its contract.
const EVOLVES_ONCE: &str = "evolve-columns-once";

/// What happens when data would change the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The schema grows.
    #[default]
    Evolve,
    /// The run fails, and nothing of it is loaded.
    Freeze,
    /// The row is left out, with everything nested in it.
    DiscardRow,
    /// The value is left out, and the row is loaded without it. Of a new table all rows are left out.
    DiscardValue,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Evolve, Self::Freeze, Self::DiscardRow, Self::DiscardValue];

    /// Name, as it is stored: `discard_row`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evolve => "evolve",
            Self::Freeze => "freeze",
            Self::DiscardRow => "discard_row",
            Self::DiscardValue => "discard_value",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a contract speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// New tables, nested ones too.
    Tables,
    /// New columns of a table that has been loaded before.
    Columns,
    /// Values that their column cannot hold, and that would make a variant column; declared types that are not the stored
    /// ones.
    DataType,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tables, Self::Columns, Self::DataType];

    /// Name, as it is stored: `data_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tables => "tables",
            Self::Columns => "columns",
            Self::DataType => "data_type",
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A contract as it is given and stored: one word for everything, or one for each entity; an entity that is not named
/// evolves.
///
/// ```
/// use dlt_engine::schema::{Contract, Mode};
///
/// let frozen = Contract::from(Mode::Freeze);
/// let strict = Contract::default().columns(Mode::DiscardValue).data_type(Mode::Freeze);
/// assert_eq!("columns=discard_value,data_type=freeze".parse(), Ok(strict));
/// assert_eq!("freeze".parse(), Ok(frozen));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The same for tables, columns and types.
    All(Mode),
    /// One for each.
    Each(Modes),
}

/// A mode for each entity; `None` is [`Mode::Evolve`] that nobody wrote down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modes {
    /// Of new tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Mode>,
    /// Of new columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Mode>,
    /// Of values of another type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<Mode>,
}

impl Default for Contract {
    /// Everything evolves.
    fn default() -> Self {
        Self::Each(Modes::default())
    }
}

impl From<Mode> for Contract {
    fn from(mode: Mode) -> Self {
        Self::All(mode)
    }
}

impl Contract {
    /// Sets what happens to new tables.
    #[must_use]
    pub fn tables(self, mode: Mode) -> Self {
        self.with(Entity::Tables, mode)
    }

    /// Sets what happens to new columns.
    #[must_use]
    pub fn columns(self, mode: Mode) -> Self {
        self.with(Entity::Columns, mode)
    }

    /// Sets what happens to values of another type than their column's.
    #[must_use]
    pub fn data_type(self, mode: Mode) -> Self {
        self.with(Entity::DataType, mode)
    }

    fn with(self, entity: Entity, mode: Mode) -> Self {
        let mut modes = match self {
            Self::All(mode) => Modes { tables: Some(mode), columns: Some(mode), data_type: Some(mode) },
            Self::Each(modes) => modes,
        };
        match entity {
            Entity::Tables => modes.tables = Some(mode),
            Entity::Columns => modes.columns = Some(mode),
            Entity::DataType => modes.data_type = Some(mode),
        }
        Self::Each(modes)
    }

    /// What it says of an entity.
    pub fn mode(self, entity: Entity) -> Mode {
        match (self, entity) {
            (Self::All(mode), _) => mode,
            (Self::Each(modes), Entity::Tables) => modes.tables.unwrap_or_default(),
            (Self::Each(modes), Entity::Columns) => modes.columns.unwrap_or_default(),
            (Self::Each(modes), Entity::DataType) => modes.data_type.unwrap_or_default(),
        }
    }

    /// Whether nothing is held back.
    pub fn is_open(self) -> bool {
        Entity::ALL.iter().all(|entity| self.mode(*entity) == Mode::Evolve)
    }

    fn stored(value: &serde_json::Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }
}

impl std::str::FromStr for Contract {
    type Err = String;

    /// Reads `freeze`, or `columns=discard_value,data_type=freeze`.
    fn from_str(text: &str) -> Result<Self, String> {
        let modes = || Mode::ALL.map(Mode::name).join(", ");
        let mode = |word: &str| Mode::named(word).ok_or_else(|| format!("`{word}` is none of {}", modes()));
        if !text.contains('=') {
            return mode(text.trim()).map(Self::All);
        }
        let mut contract = Self::default();
        for part in text.split(',') {
            let (entity, word) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` lacks `=` and a mode: write, for example, columns=freeze"))?;
            let known = Entity::ALL.into_iter().find(|known| known.name() == entity.trim());
            let known = known.ok_or_else(|| {
                format!("`{}` is none of {}", entity.trim(), Entity::ALL.map(Entity::name).join(", "))
            })?;
            contract = contract.with(known, mode(word.trim())?);
        }
        Ok(contract)
    }
}

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All(mode) => mode.serialize(serializer),
            Self::Each(modes) => modes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Contract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContractVisitor;
        impl<'de> Visitor<'de> for ContractVisitor {
            type Value = Contract;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a mode (evolve, freeze, discard_row or discard_value) or a table of tables, columns and data_type",
                )
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Contract, E> {
                let variant = de::value::StrDeserializer::<E>::new(word);
                Mode::deserialize(variant).map(Contract::All)
            }
            fn visit_map<A: MapAccess<'de>>(self, modes: A) -> Result<Contract, A::Error> {
                Modes::deserialize(MapAccessDeserializer::new(modes)).map(Contract::Each)
            }
        }
        deserializer.deserialize_any(ContractVisitor)
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(mode) => mode.fmt(f),
            Self::Each(_) => {
                let told = Entity::ALL.map(|entity| format!("{entity}={}", self.mode(entity)));
                f.write_str(&told.join(","))
            }
        }
    }
}

impl Table {
    /// The contract of this table alone, if it has one.
    pub fn contract(&self) -> Option<Contract> {
        self.hints.get(KEY).and_then(Contract::stored)
    }

    /// Stores a contract, in the place of the one that was.
    pub(crate) fn set_contract(&mut self, contract: Contract) {
        self.hints.insert(KEY.to_owned(), serde_json::to_value(contract).unwrap_or_default());
    }

    /// Whether no column of it has a type yet: it takes its first load, or is to be made by this one.
    pub(crate) fn is_new(&self) -> bool {
        self.complete_columns().next().is_none()
    }

    /// From now until its first rows are written all columns may be added.
    pub(crate) fn evolve_once(&mut self) {
        let normalizer = self.hints.entry("x-normalizer").or_insert_with(|| serde_json::json!({}));
        if normalizer.is_object() {
            normalizer[EVOLVES_ONCE] = true.into();
        }
    }

    pub(crate) fn evolves_once(&self) -> bool {
        let normalizer = self.hints.get("x-normalizer");
        normalizer.and_then(|normalizer| normalizer.get(EVOLVES_ONCE)?.as_bool()).unwrap_or(false)
    }

    /// Ends what [`Table::evolve_once`] began.
    pub(super) fn end_evolving(&mut self) {
        if let Some(serde_json::Value::Object(normalizer)) = self.hints.get_mut("x-normalizer") {
            normalizer.remove(EVOLVES_ONCE);
        }
    }
}

impl Schema {
    /// The contract that a table is held to: its own, else that of the nearest table it is nested in, else the schema's.
    pub fn contract_of(&self, table: &Table) -> Contract {
        let mut table = Some(table);
        while let Some(at) = table {
            if let Some(contract) = at.contract() {
                return contract;
            }
            table = at.parent.as_deref().and_then(|parent| self.tables.get(parent));
        }
        self.contract()
    }

    /// The contract of tables that have none of their own.
    pub fn contract(&self) -> Contract {
        self.settings.get(KEY).and_then(Contract::stored).unwrap_or_default()
    }

    /// Stores a contract for tables that have none of their own.
    pub(crate) fn set_contract(&mut self, contract: Contract) {
        self.settings.insert(KEY.to_owned(), serde_json::to_value(contract).unwrap_or_default());
    }

    /// A stored contract that cannot be understood.
    pub(crate) fn unknown_contract(&self) -> Option<&serde_json::Value> {
        let of_tables = self.tables.values().map(|table| table.hints.get(KEY));
        let stored = of_tables.chain([self.settings.get(KEY)]).flatten().filter(|contract| !contract.is_null());
        stored.into_iter().find(|contract| Contract::stored(contract).is_none())
    }
}

/// A declaration that would change what a contract holds fast.
pub(crate) fn breach(table: &str, column: &str, entity: Entity) -> Error {
    let what = match entity {
        Entity::DataType => format!("column `{column}` of table `{table}` is declared with another type than it has"),
        _ => format!("column `{column}` is declared and not in table `{table}`"),
    };
    Error::new(ErrorKind::Config, format!("{what}, and the contract of the table freezes `{entity}`"))
        .hint(format!("leave it out of the declaration, or allow it for one run: {}", allowing(entity)))
}

/// The setting that lets an entity evolve.
pub(crate) fn allowing(entity: Entity) -> String {
    format!("--schema-contract {entity}=evolve, or in a pipeline file schema_contract.{entity} = \"evolve\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::WriteDisposition;
    use serde_json::json;

    #[test]
    fn a_contract_is_stored_as_it_was_given() {
        for (given, stored) in [
            (Contract::from(Mode::Freeze), json!("freeze")),
            (Contract::default().columns(Mode::DiscardRow), json!({"columns": "discard_row"})),
            (Contract::default(), json!({})),
            (
                Contract::from(Mode::Freeze).tables(Mode::Evolve),
                json!({"tables": "evolve", "columns": "freeze", "data_type": "freeze"}),
            ),
        ] {
            assert_eq!(serde_json::to_value(given).unwrap(), stored);
            assert_eq!(Contract::stored(&stored), Some(given));
        }
        for wrong in [json!("frozen"), json!({"rows": "freeze"}), json!({"columns": "frozen"}), json!(1)] {
            assert_eq!(Contract::stored(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_text_is_understood_or_explained() {
        for wrong in ["frozen", "columns", "columns=frozen", "rows=freeze", "freeze,columns=evolve"] {
            let error = wrong.parse::<Contract>().unwrap_err();
            assert!(error.contains('`'), "{error}");
        }
        let contract: Contract = " tables = freeze , data_type=discard_value".parse().unwrap();
        assert_eq!(contract, Contract::default().tables(Mode::Freeze).data_type(Mode::DiscardValue));
        assert_eq!(contract.to_string().parse::<Contract>().unwrap().mode(Entity::Tables), Mode::Freeze);
        assert!(Contract::default().is_open() && !contract.is_open());
    }

    #[test]
    fn the_nearest_contract_counts() {
        let mut schema = Schema::new("s");
        schema.tables.insert("t".into(), Table::root("t", "t", WriteDisposition::Append));
        schema.tables.insert("t__l".into(), Table::nested("t__l", "t"));
        let of = |schema: &Schema, name: &str| schema.contract_of(&schema.tables[name]);
        assert!(of(&schema, "t__l").is_open());
        schema.set_contract(Mode::Freeze.into());
        assert_eq!(of(&schema, "t__l"), Mode::Freeze.into());
        schema.tables["t"].set_contract(Contract::default().columns(Mode::DiscardRow));
        assert_eq!(of(&schema, "t__l"), Contract::default().columns(Mode::DiscardRow));
        schema.tables["t__l"].set_contract(Mode::Evolve.into());
        assert!(of(&schema, "t__l").is_open() && !of(&schema, "t").is_open());
    }
}
