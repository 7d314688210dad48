//! Dropping resources of a dataset outside of a run: tables, schema and state in one transaction, which counts as a load.

use crate::destination::{Access, Connection, LoadRecord};
use crate::digest::random_row_id;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{self, LoadedPackage};
use crate::ids::{load_id, now_micros, random_hex_id};
use crate::local;
use crate::package::{Folder, Manifest, Stage};
use crate::pipeline::Pipeline;
use crate::refresh::{Refresh, Refreshed};
use crate::schema::Schema;
use crate::selection::{Selected, Selection};
use crate::state::PipelineState;
use crate::sync::{Restored, read};
use std::time::SystemTime;

/// What [`Pipeline::drop_selected`] is going to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropPlan {
    /// Schema that is dropped from.
    pub schema: String,
    /// What the selection met.
    pub selected: Selected,
    /// Resources that the schema has, dropped or not.
    pub known_resources: Vec<String>,
    selection: Selection,
    /// Digest of the schema and the state that it was made for.
    base: String,
}

struct Prepared {
    plan: DropPlan,
    schema: Schema,
    state: PipelineState,
}

impl Pipeline {
    /// Finds out what a selection would drop; changes nothing. `schema` is the pipeline's default one if it is `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the dataset has no such schema, or the selection cannot be understood; otherwise if the
    /// destination cannot be read.
    pub fn plan_drop(&self, schema: Option<&str>, selection: &Selection) -> Result<DropPlan> {
        let mut connection = self.destination.connect(&self.dataset, Access::Read)?;
        Ok(self.prepare(connection.as_mut(), schema.unwrap_or_default(), selection)?.plan)
    }

    fn prepare(&self, connection: &mut dyn Connection, schema: &str, selection: &Selection) -> Result<Prepared> {
        let Restored { mut schema, mut state, base, is_new, .. } = read(self, Some(connection), schema)?;
        if is_new {
            let what =
                format!("dataset `{}` has no schema `{}` of pipeline `{}`", self.dataset, schema.name, self.name);
            let known = state.schema_names();
            return Err(Error::new(ErrorKind::Config, what).hint(match known.is_empty() {
                true => "nothing was loaded by this pipeline".to_owned(),
                false => format!("its schemas are {}", known.join(", ")),
            }));
        }
        let mut known_resources: Vec<String> = Vec::new();
        for resource in schema.data_tables().filter_map(|table| table.resource.as_ref()) {
            if !known_resources.contains(resource) {
                known_resources.push(resource.clone());
            }
        }
        let mut source_state = state.source(&schema.name);
        let selected = selection.take(&mut schema, &mut source_state)?;
        state.set_source(&schema.name, source_state);
        let plan =
            DropPlan { schema: schema.name.clone(), selected, known_resources, selection: selection.clone(), base };
        Ok(Prepared { plan, schema, state })
    }

    /// Carries out a plan: drops the tables in the destination, and stores the schema and the state without what was
    /// dropped, in one transaction. Returns the id of the load that did it.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while a run of the pipeline is under way, or if the dataset was changed since the plan was made;
    /// [`ErrorKind::Config`] while load packages wait that may have rows of what is dropped; otherwise if the destination
    /// fails. Nothing is dropped then.
    pub fn drop_selected(&self, plan: &DropPlan) -> Result<String> {
        let folder = self.folder();
        let _lock = folder.lock()?;
        self.refuse_while_packages_wait(&folder)?;
        let mut connection = self.destination.connect(&self.dataset, Access::Write)?;
        let Prepared { plan: now, mut schema, mut state } =
            self.prepare(connection.as_mut(), &plan.schema, &plan.selection)?;
        if now.base != plan.base {
            let what = format!("another run changed dataset `{}` meanwhile", self.dataset);
            return Err(Error::new(ErrorKind::Busy, what).hint("run the same command again"));
        }
        let before = schema.version_hash.clone();
        schema.bump_version();
        let record = state.next_record(&self.name, random_row_id()?, now_micros())?;
        let load_id = load_id(SystemTime::now());
        let mut transaction = connection.begin()?;
        transaction.drop_tables(&schema.name, &plan.selected.tables_with_data)?;
        transaction.evolve(&schema.system_tables_only())?;
        transaction.commit(&LoadRecord { load_id: &load_id, schema: &schema, state: record.as_ref() })?;
        drop(connection);
        let default = state.default_schema().unwrap_or(&schema.name).to_owned();
        local::remember(&folder, &self.whereabouts(), &default, &[&schema], &state, now_micros())?;
        let manifest = Manifest {
            state: record,
            refresh: Some(Refreshed {
                mode: Refresh::DropResources,
                resources: plan.selected.resources.clone(),
                dropped: plan.selected.tables_with_data.clone(),
                emptied: Vec::new(),
            }),
            ..self.empty_manifest(&load_id, &schema.name)?
        };
        let loaded = LoadedPackage { refresh: None, ..LoadedPackage::of(&manifest, schema.version, now_micros()) };
        history::keep(&folder, &loaded);
        if schema.version_hash != before {
            self.exchange.export(&schema)?;
        }
        Ok(load_id)
    }

    fn empty_manifest(&self, load_id: &str, schema: &str) -> Result<Manifest> {
        let destination = self.destination.location();
        Ok(Manifest::new(load_id, &random_hex_id()?, Stage::Loaded, schema, &self.dataset, &destination))
    }

    /// What waits was normalized with the tables that are to go.
    fn refuse_while_packages_wait(&self, folder: &Folder) -> Result<()> {
        let packages = folder.open_packages()?.packages;
        let is_ours = |manifest: &Manifest| {
            manifest.stage != Stage::Extracting
                && manifest.dataset == self.dataset
                && manifest.destination == self.destination.location()
        };
        let waiting = packages.iter().filter(|package| is_ours(&package.manifest)).count();
        if waiting == 0 {
            return Ok(());
        }
        let (packages, name) = (if waiting == 1 { "load package waits" } else { "load packages wait" }, &self.name);
        Err(Error::new(ErrorKind::Config, format!("{waiting} {packages} for dataset `{}`", self.dataset)).hint(format!(
            "`dlt pipeline {name} load-pending` loads what waits, `dlt pipeline {name} drop-pending-packages` drops it"
        )))
    }
}
