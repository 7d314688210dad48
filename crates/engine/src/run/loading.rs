//! The step of a run that brings a normalized package into the destination.

use super::attempt::Run;
use crate::error::Result;
use crate::events::{Event, Step};
use crate::history::{self, LoadedPackage};
use crate::ids::now_micros;
use crate::load;
use crate::notice::Notice;
use crate::package::{Package, Stage};
use crate::schema::Schema;
use crate::trace::LoadInfo;

impl Run<'_> {
    /// Keeps a record of what was loaded, and exports the schema.
    fn keep_record(&self, package: &Package) -> Result<()> {
        let Some(stored) = &package.manifest.schema else { return Ok(()) };
        let schema = Schema::from_stored(stored)?;
        history::keep(self.folder, &LoadedPackage::of(&package.manifest, schema.version, now_micros()));
        if let Err(error) = self.pipeline.exchange.export(&schema) {
            // The rows are loaded: to fail now would have them loaded twice.
            self.notices.say(Notice::new(format!("the data is loaded, but {error}")));
        }
        Ok(())
    }

    pub(super) fn load(&mut self, package: &mut Package, resumed: bool) -> Result<LoadInfo> {
        let pipeline = self.pipeline;
        self.step(Step::Load, |run| {
            let stage = package.manifest.stage;
            if stage == Stage::Normalized {
                let mut connection = run.connect()?;
                let is_loaded = resumed && connection.is_loaded(&package.manifest.load_id)?;
                let rows = match is_loaded {
                    true => load::count_rows(package),
                    false => load::write(
                        pipeline,
                        package,
                        connection.as_mut(),
                        &|rows| {
                            run.tell(&Event::Progress { step: Step::Load, rows, bytes: 0 });
                        },
                        &run.notices,
                    )?,
                };
                package.manifest.loaded_rows = rows;
                drop(connection);
                package.advance(Stage::Loaded)?;
                run.keep_record(package)?;
            }
            Ok(((), package.manifest.loaded_rows.iter().map(|(_, rows)| rows).sum()))
        })?;
        self.trace.elapsed = self.started.elapsed().as_secs_f64();
        self.trace.notices = self.notices.said();
        self.trace.discarded = package.manifest.discarded.clone();
        Ok(LoadInfo {
            pipeline: pipeline.name.clone(),
            destination: pipeline.destination.name().to_owned(),
            location: pipeline.destination.location(),
            dataset: pipeline.dataset.clone(),
            load_id: package.manifest.load_id.clone(),
            resumed,
            tables: package.manifest.loaded_rows.clone(),
            discarded: package.manifest.discarded.clone(),
            trace: self.trace.clone(),
        })
    }
}
