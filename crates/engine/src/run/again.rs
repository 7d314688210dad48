//! A run that takes up a package of an earlier one.

use super::attempt::Run;
use crate::error::Result;
use crate::events::Event;
use crate::extract;
use crate::ids::load_id;
use crate::package::{Package, Stage};
use crate::trace::LoadInfo;
use std::time::SystemTime;

impl Run<'_> {
    /// Takes up a package that an earlier run left; `None` if it is of no use, because its files are not whole and its
    /// input can be read again.
    pub(super) fn resume(&mut self, package: &mut Package) -> Result<Option<LoadInfo>> {
        let manifest = &package.manifest;
        let (id, schema) = (manifest.transaction_id.clone(), manifest.schema_name.clone());
        self.tell(&Event::RunStarted { transaction_id: &id, schema: &schema, resumed: true });
        let is_to_be_loaded = package.manifest.stage == Stage::Normalized && !self.is_committed(package)?;
        if is_to_be_loaded && !(package.has_all_files() && self.is_current(package)?) {
            if package.manifest.is_replayable {
                return Ok(None);
            }
            package.advance(Stage::Extracted)?;
        }
        if package.manifest.stage == Stage::Extracted {
            self.normalize_kept(package)?;
        }
        self.load(package, true).map(Some)
    }

    /// Normalizes (again) what the package holds, with the schema as it is now.
    pub(super) fn normalize_kept(&mut self, package: &mut Package) -> Result<()> {
        package.advance(Stage::Extracted)?;
        package.clear_normalized()?;
        let name = package.manifest.schema_name.clone();
        let mut refresh = package.manifest.refresh.take();
        let (schema, state, base) = self.begin_with(&name, refresh.as_mut())?;
        if base != package.manifest.base && self.pipeline.keeps_loads_apart() {
            // Of several states the one of the newest load counts, by its id: this load has to be newer than what came between.
            package.manifest.load_id = load_id(SystemTime::now());
        }
        (package.manifest.base, package.manifest.refresh) = (base, refresh);
        let resources = extract::read(package);
        self.normalize(package, resources, schema, state, None)
    }
}
