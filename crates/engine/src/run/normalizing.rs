//! The step of a run that makes job files of its resources.

use super::attempt::Run;
use crate::apart::Apart;
use crate::destination;
use crate::digest::random_row_id;
use crate::discarded;
use crate::error::{ErrorKind, Result};
use crate::events::{Event, Step};
use crate::hints::{declare, given_name};
use crate::ids::now_micros;
use crate::local;
use crate::normalize::{self, Normalizer, Settings};
use crate::package::{ExtractedResource, JobFile, Package, Stage};
use crate::schema::Schema;
use crate::source::{Resource, SourceState};
use crate::state::{PipelineState, changed};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

impl Run<'_> {
    /// Normalizes all resources and completes the package. `extracting` is given where reading is part of it.
    pub(super) fn normalize(
        &mut self,
        package: &mut Package,
        resources: Vec<Resource>,
        mut schema: Schema,
        mut state: PipelineState,
        extracting: Option<(Instant, &SourceState)>,
    ) -> Result<()> {
        let pipeline = self.pipeline;
        let started = Instant::now();
        self.tell(&Event::StepStarted { step: Step::Normalize });
        let (rows, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let on_progress = |more_rows: u64, more_bytes: u64| {
            let rows = rows.fetch_add(more_rows, Ordering::Relaxed) + more_rows;
            let bytes = bytes.fetch_add(more_bytes, Ordering::Relaxed) + more_bytes;
            if extracting.is_some() {
                pipeline.observer.on_event(&Event::Progress { step: Step::Extract, rows, bytes });
            }
            pipeline.observer.on_event(&Event::Progress { step: Step::Normalize, rows, bytes });
        };
        let naming = pipeline.naming_of(&schema);
        let notices = self.notices.clone();
        let load_id = package.manifest.load_id.clone();
        let rejected = package.manifest.rejected.as_deref().map(|given| naming.normalize_path(given));
        let settings = Settings {
            load_id: &load_id,
            naming,
            workers: pipeline.workers,
            memory: normalize::memory(pipeline.workers, pipeline.destination.memory_limit()),
            surrogates: pipeline.surrogates,
            rejected: rejected.clone(),
            folder: package.normalized(),
            on_progress: &on_progress,
        };
        let before = schema.clone();
        let mut read_until = started;
        let work = || -> Result<(Schema, Vec<JobFile>)> {
            if package.manifest.resources.is_empty() {
                let declared = resources.iter().map(|resource| ExtractedResource {
                    name: resource.name.clone(),
                    hints: resource.hints.clone(),
                    files: Vec::new(),
                });
                package.manifest.resources = declared.collect();
            }
            if let Some(detections) = &pipeline.detections {
                schema.settings.insert("detections".to_owned(), detections.clone().into());
            }
            let mut apart = Apart::new(naming);
            let roots = declare(&mut schema, &resources, &package.manifest, naming, &notices)?;
            let given = resources.iter().find_map(|resource| resource.hints.table_format);
            if let Some(notice) = destination::format_without_meaning(&*pipeline.destination, given) {
                notices.say(notice);
            }
            for (resource, root) in resources.iter().zip(&roots) {
                destination::check_declared(&*pipeline.destination, &schema, root)?;
                apart.see_table(given_name(&resource.name, &resource.hints), root);
            }
            if !self.is_dry {
                pipeline.exchange.begin_import(&mut schema)?;
            }
            let mut normalizer = Normalizer::new(&settings, schema);
            for (mut resource, root) in resources.into_iter().zip(roots) {
                normalizer.normalize(&root, &resource.hints, resource.reader.as_mut())?;
            }
            apart.see_keys(normalizer.take_renamed());
            apart.see_repeated(normalizer.take_repeated());
            apart.see_variants(normalizer.take_variants());
            apart.say(&notices);
            let discarded = normalizer.take_discarded();
            discarded::say(&discarded, rejected.as_deref(), &notices);
            package.manifest.discarded = discarded;
            read_until = Instant::now();
            normalizer.finish()
        };
        let result = work();
        if let Some((extract_started, source_state)) = extracting {
            let is_input = |kind| matches!(kind, ErrorKind::Source);
            let elapsed = read_until.max(extract_started) - extract_started;
            match &result {
                Err(error) if is_input(error.kind()) => {
                    let failed = self.end_step(Step::Extract, extract_started.elapsed(), result.map(|_| ((), 0)));
                    self.tell(&Event::StepFinished {
                        step: Step::Normalize,
                        elapsed: started.elapsed(),
                        error: failed.as_ref().err(),
                    });
                    return failed;
                }
                _ => self.end_step(Step::Extract, elapsed, Ok(((), rows.load(Ordering::Relaxed))))?,
            }
            package.manifest.source_state = source_state.snapshot();
        }
        let finished = result.and_then(|(mut schema, files)| {
            schema.ensure_state_table();
            schema.bump_version();
            let manifest = &mut package.manifest;
            let destination = &pipeline.destination;
            let own_name = Some(destination.name()).filter(|name| *name != destination.type_name());
            state.set_target(&pipeline.given_dataset, &schema.name, &destination.stored_type(), own_name);
            // A copy: the package may have to be normalized again.
            let stored = state.source(&schema.name);
            state.set_source(&schema.name, changed(stored, &manifest.state_before, &manifest.source_state));
            manifest.state = state.next_record(&pipeline.name, random_row_id()?, now_micros())?;
            manifest.schema = Some(schema.to_stored());
            manifest.changes = schema.changes_since(&before);
            let rows = files.iter().map(|file| file.rows).sum();
            manifest.files = files;
            package.advance(Stage::Normalized)?;
            if !self.is_dry {
                self.remember(&schema, &state)?;
            }
            Ok(((), rows))
        });
        self.end_step(Step::Normalize, started.elapsed(), finished)
    }

    /// Keeps copies of schema and state.
    fn remember(&self, schema: &Schema, state: &PipelineState) -> Result<()> {
        let place = self.pipeline.whereabouts();
        local::remember(self.folder, &place, &schema.name, &[schema], state, now_micros())
    }
}
