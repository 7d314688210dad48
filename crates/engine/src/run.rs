//! One run: from source to load record, step by step, with a trace of what happened.

use crate::apart::Apart;
use crate::destination::{Access, Connection};
use crate::digest::random_row_id;
use crate::discarded;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{Event, Step};
use crate::extract;
use crate::hints::{declare, given_name};
use crate::load;
use crate::normalize::{self, Normalizer, Settings};
use crate::notice::Notices;
use crate::package::{ExtractedResource, Folder, JobFile, Manifest, Package, Stage};
use crate::pipeline::Pipeline;
use crate::schema::Schema;
use crate::source::{ExtractContext, Resource, Source, SourceState};
use crate::state::PipelineState;
use crate::sync::{Restored, is_current, restore};
use crate::trace::{LoadInfo, StepTrace, Trace};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One run under way.
pub(crate) struct Run<'a> {
    pipeline: &'a Pipeline,
    folder: &'a Folder,
    started: Instant,
    trace: Trace,
    notices: Notices,
}

impl<'a> Run<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, folder: &'a Folder, transaction_id: String) -> Self {
        let trace = Trace {
            transaction_id,
            pipeline: pipeline.name.clone(),
            started_at_micros: now_micros(),
            success: true,
            ..Trace::default()
        };
        let notices = Notices::new(pipeline.observer.clone());
        Self { pipeline, folder, started: Instant::now(), trace, notices }
    }

    fn tell(&self, event: &Event<'_>) {
        self.pipeline.observer.on_event(event);
    }

    /// Does the work and leaves a trace of it, whatever comes of it.
    pub(crate) fn report<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let result = work(self);
        let elapsed = self.started.elapsed();
        self.trace.elapsed = elapsed.as_secs_f64();
        self.trace.notices = self.notices.said();
        let error = result.as_ref().err();
        if let Some(error) = error {
            self.trace.fail(error);
        }
        self.tell(&Event::RunFinished { elapsed, error });
        // The trace is for people; a run does not fail for want of it.
        if let Ok(text) = serde_json::to_string_pretty(&self.trace) {
            let _ = self.folder.write("trace.json", &text);
        }
        result
    }

    /// Runs a step: tells its begin and end, and keeps its time and rows.
    fn step<T>(&mut self, step: Step, work: impl FnOnce(&mut Self) -> Result<(T, u64)>) -> Result<T> {
        self.tell(&Event::StepStarted { step });
        let started = Instant::now();
        let result = work(self);
        self.end_step(step, started.elapsed(), result)
    }

    fn end_step<T>(&mut self, step: Step, elapsed: Duration, result: Result<(T, u64)>) -> Result<T> {
        let rows = result.as_ref().map_or(0, |(_, rows)| *rows);
        self.tell(&Event::StepFinished { step, elapsed, error: result.as_ref().err() });
        let success = result.is_ok();
        self.trace.steps.push(StepTrace { step, elapsed: elapsed.as_secs_f64(), rows, success });
        result.map(|(value, _)| value)
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Loads what the source gives. `loaded` are the checksums of input that interrupted runs of the same call had kept and
    /// that is loaded by now: the same input, or none, is not loaded again, and `None` is returned. `waiting` are packages
    /// of the same call; one whose input is given again is replaced by this run's.
    pub(crate) fn fresh(
        &mut self,
        source: &mut dyn Source,
        loaded: &[String],
        waiting: Vec<Package>,
    ) -> Result<Option<(Package, LoadInfo)>> {
        let pipeline = self.pipeline;
        let transaction_id = self.trace.transaction_id.clone();
        check_schema_name(source.name())?;
        if let Err(error) = source.check() {
            self.tell(&Event::RunStarted { transaction_id: &transaction_id, schema: source.name(), resumed: false });
            return self.step(Step::Extract, |_| Err(error));
        }
        let fingerprint = source.fingerprint();
        let Restored { schema, state, base } = restore(pipeline, self.connect()?.as_mut(), source.name())?;
        let name = schema.name.clone();
        self.tell(&Event::RunStarted { transaction_id: &transaction_id, schema: &name, resumed: false });
        let context = ExtractContext { state: SourceState::new(state.source(&name)), notices: self.notices.clone() };
        let manifest = Manifest {
            format: 1,
            load_id: load_id(SystemTime::now()),
            transaction_id,
            stage: Stage::Extracting,
            identity: pipeline.identity_of(source),
            is_replayable: source.is_replayable(),
            fingerprint,
            content: None,
            base,
            schema_name: name.clone(),
            dataset: pipeline.dataset.clone(),
            destination: pipeline.destination.location(),
            resources: Vec::new(),
            source_state: Default::default(),
            schema: None,
            state: None,
            files: Vec::new(),
            contract: pipeline.contract,
            rejected: pipeline.rejected.clone(),
            discarded: Vec::new(),
            failure: None,
            is_refused: false,
            loaded_rows: Vec::new(),
        };
        let mut package = Package::create(&self.folder.packages(), manifest)?;
        let made = self.extract_and_normalize(source, &context, &mut package, schema, state, loaded);
        match made.map_err(|error| source.explain(error)) {
            Ok(true) => {
                for earlier in
                    waiting.into_iter().filter(|earlier| earlier.manifest.content == package.manifest.content)
                {
                    earlier.remove()?;
                }
            }
            Ok(false) => {
                package.remove()?;
                return Ok(None);
            }
            Err(error) => {
                // Nothing of it is of use to the next run, except input that cannot be had again and is there in full.
                if package.manifest.stage == Stage::Extracting || error.kind() == ErrorKind::Data {
                    let _ = package.remove();
                } else {
                    package.note_failure(&error);
                }
                return Err(error);
            }
        }
        // Reading may have taken long, and others may have loaded meanwhile.
        let loaded = match package.manifest.is_replayable || self.is_current(&package)? {
            true => self.load(&mut package, false),
            false => self.normalize_kept(&mut package).and_then(|()| self.load(&mut package, false)),
        };
        match loaded {
            Ok(info) => Ok(Some((package, info))),
            Err(error) => {
                // What the destination refuses now it would refuse again; input that is lost otherwise stays all the same.
                if error.kind() == ErrorKind::Data && package.manifest.is_replayable {
                    let _ = package.remove();
                    return Err(error);
                }
                package.note_failure(&error);
                Err(self.waits(error, &package))
            }
        }
    }

    /// Adds to the failure of a load that its input is kept, where it cannot be had again.
    fn waits(&self, error: Error, package: &Package) -> Error {
        if package.manifest.is_replayable {
            return error;
        }
        let name = &self.pipeline.name;
        let kept = format!(
            "what was read is kept: `dlt pipeline {name} load-pending` loads it, `dlt pipeline {name} drop-pending-packages` drops it"
        );
        let hint = match error.advice() {
            Some(advice) => format!("{advice}; {kept}"),
            None => kept,
        };
        error.hint(hint)
    }

    fn extract_and_normalize(
        &mut self,
        source: &mut dyn Source,
        context: &ExtractContext,
        package: &mut Package,
        schema: Schema,
        state: PipelineState,
        loaded: &[String],
    ) -> Result<bool> {
        if source.is_replayable() {
            self.tell(&Event::StepStarted { step: Step::Extract });
            let started = Instant::now();
            let opened = source.resources(context);
            if opened.is_err() {
                return self.end_step(Step::Extract, started.elapsed(), opened.map(|_| (true, 0)));
            }
            self.normalize(package, opened?, schema, state, Some((started, &context.state)))?;
            return Ok(true);
        }
        let is_new = self.step(Step::Extract, |run| {
            let bytes = AtomicU64::new(0);
            let on_progress = |more: u64| {
                let bytes = bytes.fetch_add(more, Ordering::Relaxed) + more;
                run.tell(&Event::Progress { step: Step::Extract, rows: 0, bytes });
            };
            let resources = source.resources(context)?;
            // What is wrong with a declaration is said before input is kept that would then wait for ever.
            let mut declared = schema.clone();
            declare(&mut declared, &resources, &package.manifest, run.pipeline.naming_of(&schema), &run.notices)?;
            let content = extract::keep(resources, package, &on_progress)?;
            if !loaded.is_empty() && content.as_ref().is_none_or(|content| loaded.contains(content)) {
                return Ok((false, 0));
            }
            package.manifest.content = content;
            package.manifest.source_state = context.state.snapshot();
            package.advance(Stage::Extracted)?;
            Ok((true, 0))
        })?;
        if is_new {
            self.normalize(package, extract::read(package), schema, state, None)?;
        }
        Ok(is_new)
    }

    /// Takes up a package that an earlier run left; `None` if it is of no use, because its files are not whole and its
    /// input can be read again.
    pub(crate) fn resume(&mut self, package: &mut Package) -> Result<Option<LoadInfo>> {
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
    fn normalize_kept(&mut self, package: &mut Package) -> Result<()> {
        package.advance(Stage::Extracted)?;
        package.clear_normalized()?;
        let name = package.manifest.schema_name.clone();
        let Restored { schema, state, base } = restore(self.pipeline, self.connect()?.as_mut(), &name)?;
        package.manifest.base = base;
        let resources = extract::read(package);
        self.normalize(package, resources, schema, state, None)
    }

    /// Whether the destination has the load.
    pub(crate) fn is_committed(&self, package: &Package) -> Result<bool> {
        match package.manifest.stage {
            Stage::Extracting | Stage::Extracted => Ok(false),
            Stage::Normalized => self.connect()?.is_loaded(&package.manifest.load_id),
            Stage::Loaded => Ok(true),
        }
    }

    /// Whether schema and state in the destination are still those that the package was normalized with.
    fn is_current(&self, package: &Package) -> Result<bool> {
        is_current(self.connect()?.as_mut(), &self.pipeline.name, package)
    }

    fn connect(&self) -> Result<Box<dyn Connection>> {
        self.pipeline.destination.connect(&self.pipeline.dataset, Access::Write)
    }

    /// Normalizes all resources and completes the package. `extracting` is given where reading is part of it.
    fn normalize(
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
            let mut apart = Apart::new(naming);
            let roots = declare(&mut schema, &resources, &package.manifest, naming, &notices)?;
            for (resource, root) in resources.iter().zip(&roots) {
                apart.see_table(given_name(&resource.name, &resource.hints), root);
            }
            let mut normalizer = Normalizer::new(&settings, schema);
            for (mut resource, root) in resources.into_iter().zip(roots) {
                normalizer.normalize(&root, &resource.hints.choice, resource.reader.as_mut())?;
            }
            apart.see_keys(normalizer.take_renamed());
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
            state.set_source(&schema.name, manifest.source_state.clone());
            manifest.state = state.next_record(&pipeline.name, random_row_id()?, now_micros())?;
            manifest.schema = Some(schema.to_stored());
            let rows = files.iter().map(|file| file.rows).sum();
            manifest.files = files;
            package.advance(Stage::Normalized)?;
            self.remember(&schema, &state)?;
            Ok(((), rows))
        });
        self.end_step(Step::Normalize, started.elapsed(), finished)
    }

    /// Keeps copies of schema and state for people and tools; the destination's are the ones that count.
    fn remember(&self, schema: &Schema, state: &PipelineState) -> Result<()> {
        let pipeline = self.pipeline;
        let about = serde_json::json!({
            "pipeline": pipeline.name,
            "destination": pipeline.destination.type_name(),
            "location": pipeline.destination.location(),
            "dataset": pipeline.dataset,
            "schema": schema.name,
        });
        self.folder.write("pipeline.json", &format!("{about:#}"))?;
        self.folder.write("state.json", &state.to_local_json(now_micros()))?;
        let pretty = serde_json::to_string_pretty(schema).unwrap_or_default();
        self.folder.write(&format!("schemas/{}.schema.json", schema.name), &pretty)
    }

    fn load(&mut self, package: &mut Package, resumed: bool) -> Result<LoadInfo> {
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

/// A schema's name becomes that of a file, and a name that others look up.
fn check_schema_name(name: &str) -> Result<()> {
    let is_fine = name.len() <= 64
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_fine {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("`{name}` cannot be the name of a schema"))
        .hint("use letters, digits and `_`, not beginning with a digit, at most 64 of them"))
}

/// Seconds since 1970 as the shortest decimal that reads back as the same number: ids of loads sort by time.
fn load_id(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // Whole microseconds, so that ids of one pipeline that follow each other differ.
    let seconds = (seconds * 1e6).round() / 1e6;
    if seconds.fract() == 0.0 { format!("{seconds:.1}") } else { format!("{seconds}") }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn random_hex_id() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Storage, "the system gives no random bytes").because(error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
