//! One run under way: its steps are told, timed and kept in its trace.

use crate::destination::{Access, Connection};
use crate::error::Result;
use crate::events::{Event, Step};
use crate::ids::now_micros;
use crate::notices::Notices;
use crate::package::{Folder, Package, Stage};
use crate::pipeline::Pipeline;
use crate::refresh::Refreshed;
use crate::schema::Schema;
use crate::state::PipelineState;
use crate::sync::{Restored, is_current, restore};
use crate::trace::{StepTrace, Trace};
use std::time::{Duration, Instant};

/// One run under way.
pub(super) struct Run<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) folder: &'a Folder,
    pub(super) started: Instant,
    pub(super) trace: Trace,
    pub(super) notices: Notices,
    /// Nothing is written anywhere but into the package.
    pub(super) is_dry: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, folder: &'a Folder, transaction_id: String) -> Self {
        let trace = Trace {
            transaction_id,
            pipeline: pipeline.name.clone(),
            started_at_micros: now_micros(),
            success: true,
            ..Trace::default()
        };
        let notices = Notices::new(pipeline.observer.clone());
        Self { pipeline, folder, started: Instant::now(), trace, notices, is_dry: false }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        self.pipeline.observer.on_event(event);
    }

    /// Does the work and leaves a trace of it, whatever comes of it.
    pub(super) fn report<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
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
    pub(super) fn step<T>(&mut self, step: Step, work: impl FnOnce(&mut Self) -> Result<(T, u64)>) -> Result<T> {
        self.tell(&Event::StepStarted { step });
        let started = Instant::now();
        let result = work(self);
        self.end_step(step, started.elapsed(), result)
    }

    pub(super) fn end_step<T>(&mut self, step: Step, elapsed: Duration, result: Result<(T, u64)>) -> Result<T> {
        let rows = result.as_ref().map_or(0, |(_, rows)| *rows);
        self.tell(&Event::StepFinished { step, elapsed, error: result.as_ref().err() });
        let success = result.is_ok();
        self.trace.steps.push(StepTrace { step, elapsed: elapsed.as_secs_f64(), rows, success });
        result.map(|(value, _)| value)
    }

    /// The schema and the state that a run goes on with, and the digest of what they were made of: those of the destination
    /// without what is refreshed, with the schema file that was imported.
    pub(super) fn begin_with(
        &self,
        schema: &str,
        refresh: Option<&mut Refreshed>,
    ) -> Result<(Schema, PipelineState, String)> {
        let pipeline = self.pipeline;
        let Restored { mut schema, mut state, base, is_new, .. } = self.restored(schema)?;
        if let Some(refreshed) = refresh {
            let mut source_state = state.source(&schema.name);
            refreshed.apply(&mut schema, &mut source_state)?;
            state.set_source(&schema.name, source_state);
        }
        if let Some(naming) = pipeline.naming {
            schema.set_naming(naming)?;
        }
        pipeline.exchange.import(&mut schema, is_new, &self.notices)?;
        Ok((schema, state, base))
    }

    /// What the destination has of the pipeline.
    fn restored(&self, schema: &str) -> Result<Restored> {
        if !self.is_dry {
            return restore(self.pipeline, Some(self.connect()?.as_mut()), schema);
        }
        let Pipeline { destination, dataset, .. } = self.pipeline;
        match destination.is_there() {
            true => restore(self.pipeline, Some(destination.connect(dataset, Access::Read)?.as_mut()), schema),
            false => restore(self.pipeline, None, schema),
        }
    }

    pub(super) fn connect(&self) -> Result<Box<dyn Connection>> {
        self.pipeline.destination.connect(&self.pipeline.dataset, Access::Write)
    }

    /// Whether the destination has the load.
    pub(super) fn is_committed(&self, package: &Package) -> Result<bool> {
        match package.manifest.stage {
            Stage::Extracting | Stage::Extracted => Ok(false),
            Stage::Normalized => self.connect()?.is_loaded(&package.manifest.load_id),
            Stage::Loaded => Ok(true),
        }
    }

    /// Whether schema and state in the destination are still those that the package was normalized with.
    pub(super) fn is_current(&self, package: &Package) -> Result<bool> {
        is_current(self.connect()?.as_mut(), &self.pipeline.name, package)
    }
}
