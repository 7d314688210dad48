//! A run that reads its input: the package is made, filled, normalized and loaded.

use super::attempt::Run;
use crate::destination;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{Event, Step};
use crate::extract;
use crate::hints::declare;
use crate::ids::{load_id, now_micros};
use crate::incremental;
use crate::package::{Manifest, Package, Stage};
use crate::refresh::Refreshed;
use crate::schema::Schema;
use crate::source::{ExtractContext, Source, SourceState};
use crate::state::PipelineState;
use crate::trace::LoadInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How often a run begins again because another one changed the dataset first.
const TURNS: u32 = 30;

/// A source and a destination that a run has looked at.
pub(super) struct Opened {
    pub(super) context: ExtractContext,
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
    pub(super) state: PipelineState,
}

impl Run<'_> {
    /// Loads what the source gives. `loaded` are the checksums of input that interrupted runs of the same call had kept and
    /// that is loaded by now: the same input, or none, is not loaded again, and `None` is returned. `waiting` are packages
    /// of the same call; one whose input is given again is replaced by this run's.
    pub(super) fn fresh(
        &mut self,
        source: &mut dyn Source,
        loaded: &[String],
        waiting: Vec<Package>,
    ) -> Result<Option<(Package, LoadInfo)>> {
        self.fresh_in_turn(source, loaded, waiting, 0)
    }

    fn fresh_in_turn(
        &mut self,
        source: &mut dyn Source,
        loaded: &[String],
        waiting: Vec<Package>,
        turn: u32,
    ) -> Result<Option<(Package, LoadInfo)>> {
        let Opened { context, manifest, schema, state } = self.open(source)?;
        let mut package = Package::create(self.folder, manifest)?;
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
        match self.load_in_turn(&mut package) {
            Err(error) if package.manifest.is_replayable && self.is_to_wait(&error, turn) => {
                // What was read of the schema and the state is old by now, and the input can be read again.
                package.remove()?;
                self.wait(turn);
                self.trace.steps.clear();
                self.fresh_in_turn(source, loaded, Vec::new(), turn + 1)
            }
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

    /// Loads what was normalized. Reading may have taken long, and others may have loaded meanwhile: what can't be read again is then
    /// normalized with the schema and the state as they are now, as often as others come first.
    fn load_in_turn(&mut self, package: &mut Package) -> Result<LoadInfo> {
        if package.manifest.is_replayable {
            return self.load(package, false);
        }
        let mut turn = 0;
        loop {
            let loaded = match self.is_current(package)? {
                true => self.load(package, false),
                false => self.normalize_kept(package).and_then(|()| self.load(package, false)),
            };
            match loaded {
                Err(error) if self.is_to_wait(&error, turn) => {
                    self.wait(turn);
                    self.trace.steps.retain(|done| done.step == Step::Extract);
                    turn += 1;
                }
                ended => return ended,
            }
        }
    }

    /// Whether a load failed because another one came first, and can be tried again without leaving anything of this try.
    fn is_to_wait(&self, error: &Error, turn: u32) -> bool {
        error.kind() == ErrorKind::Busy && turn < TURNS && self.pipeline.keeps_loads_apart()
    }

    /// Lets others finish, each for a time of its own.
    fn wait(&self, turn: u32) {
        let own = u64::from(std::process::id()).wrapping_mul(7_919).wrapping_add(now_micros().unsigned_abs()) % 100;
        std::thread::sleep(Duration::from_millis((20 + own) * u64::from(turn + 1).min(10)));
    }

    /// Looks at the source and at what the destination has, and tells that the run begins.
    pub(super) fn open(&mut self, source: &mut dyn Source) -> Result<Opened> {
        let pipeline = self.pipeline;
        let transaction_id = self.trace.transaction_id.clone();
        check_schema_name(source.name())?;
        if let Err(error) = source.check() {
            self.tell(&Event::RunStarted { transaction_id: &transaction_id, schema: source.name(), resumed: false });
            return self.step(Step::Extract, |_| Err(error));
        }
        let fingerprint = source.fingerprint();
        let mut refresh = pipeline.refresh.map(|mode| Refreshed::of(mode, source)).transpose()?;
        let (schema, state, base) = self.begin_with(source.name(), refresh.as_mut())?;
        let name = schema.name.clone();
        self.tell(&Event::RunStarted { transaction_id: &transaction_id, schema: &name, resumed: false });
        let state_before = state.source(&name);
        let context = ExtractContext {
            state: SourceState::new(state_before.clone()),
            notices: self.notices.clone(),
            selection: None,
            is_run: true,
        };
        let (id, destination) = (load_id(SystemTime::now()), pipeline.destination.location());
        let manifest = Manifest {
            identity: pipeline.call_of(source),
            is_replayable: source.is_replayable(),
            fingerprint,
            base,
            refresh,
            contract: pipeline.contract,
            rejected: pipeline.rejected.clone(),
            state_before,
            ..Manifest::new(&id, &transaction_id, Stage::Extracting, &name, &pipeline.dataset, &destination)
        };
        Ok(Opened { context, manifest, schema, state })
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

    pub(super) fn extract_and_normalize(
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
            let opened = incremental::open(source, context);
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
            let resources = incremental::open(source, context)?;
            // What is wrong with a declaration is said before input is kept that would then wait for ever.
            let mut declared = schema.clone();
            let naming = run.pipeline.naming_of(&schema);
            let roots = declare(&mut declared, &resources, &package.manifest, naming, &run.notices)?;
            for root in &roots {
                destination::check_declared(&*run.pipeline.destination, &declared, root)?;
            }
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
