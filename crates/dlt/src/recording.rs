//! Tells telemetry of the steps of a run and of access to a dataset.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dlt_engine::{Destination, Event, Observer, Step};
use dlt_telemetry::events::{DataAccessConnect, PipelineExtract, PipelineLoad, PipelineNormalize, PipelineRun};
use dlt_telemetry::{NameHash, Telemetry, TransactionId, Word};

use crate::connectors::DESTINATIONS;

/// The handle of a program that brings none of its own. One for the process, so that a first run stays the first run.
pub(crate) fn of_this_process() -> Telemetry {
    static SHARED: OnceLock<Telemetry> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let mut builder = Telemetry::builder("dlt", env!("CARGO_PKG_VERSION"));
            if let Ok(folder) = std::env::current_dir() {
                builder = builder.project_dir(folder);
            }
            builder.default_endpoint(option_env!("DLT_TELEMETRY_ENDPOINT").unwrap_or_default()).start()
        })
        .clone()
}

fn known_word(name: &str) -> Option<Word> {
    let known: Vec<_> = DESTINATIONS.iter().map(|known| known.name).collect();
    Word::one_of(&known, name)
}

/// Records the steps of one run, and passes everything on to the program's own observer.
pub(crate) struct Recorder {
    telemetry: Telemetry,
    next: Option<Arc<dyn Observer>>,
    destination: Arc<dyn Destination>,
    pipeline: NameHash,
    dataset: NameHash,
    fingerprint: NameHash,
    /// Set when the run begins, and again when it goes on with new data after an older run's was loaded.
    run: Mutex<Option<Run>>,
}

#[derive(Clone)]
struct Run {
    transaction_id: TransactionId,
    schema: NameHash,
}

macro_rules! record {
    ($recorder:expr, $event:ident, $elapsed:expr, $success:expr) => {
        if let Some(run) = $recorder.run() {
            $recorder.telemetry.record(&$event {
                destination_name: known_word($recorder.destination.name()),
                destination_fingerprint: $recorder.fingerprint.clone(),
                pipeline_name_hash: $recorder.pipeline.clone(),
                dataset_name_hash: $recorder.dataset.clone(),
                default_schema_name_hash: run.schema,
                elapsed: $elapsed.into(),
                success: $success,
                transaction_id: run.transaction_id,
            });
        }
    };
}

impl Recorder {
    pub(crate) fn new(
        telemetry: Telemetry,
        destination: Arc<dyn Destination>,
        pipeline: &str,
        dataset: &str,
        next: Option<Arc<dyn Observer>>,
    ) -> Self {
        let fingerprint = match destination.fingerprint().as_str() {
            "" => NameHash::of_nothing(),
            digest => telemetry.hash(digest),
        };
        let (pipeline, dataset) = (telemetry.hash(pipeline), telemetry.hash(dataset));
        Self { telemetry, next, destination, pipeline, dataset, fingerprint, run: Mutex::default() }
    }

    fn run(&self) -> Option<Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Recorder {
    fn on_event(&self, event: &Event<'_>) {
        if let Some(next) = &self.next {
            next.on_event(event);
        }
        match event {
            Event::RunStarted { schema, transaction_id, .. } => {
                let bytes = u128::from_str_radix(transaction_id, 16).map(u128::to_be_bytes);
                let transaction_id = bytes.map_or_else(|_| TransactionId::random(), TransactionId::from_random_bytes);
                let run = Run { transaction_id, schema: self.telemetry.hash(schema) };
                *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
            }
            Event::StepFinished { step, elapsed, error } => match step {
                Step::Extract => record!(self, PipelineExtract, *elapsed, error.is_none()),
                Step::Normalize => record!(self, PipelineNormalize, *elapsed, error.is_none()),
                Step::Load => record!(self, PipelineLoad, *elapsed, error.is_none()),
            },
            Event::RunFinished { elapsed, error } => record!(self, PipelineRun, *elapsed, error.is_none()),
            _ => {}
        }
    }
}

/// Records that a dataset was opened, or could not be.
pub(crate) fn record_access(
    telemetry: &Telemetry,
    destination: &dyn Destination,
    dataset: &str,
    schema: &str,
    success: bool,
) {
    telemetry.record(&DataAccessConnect {
        destination_name: known_word(destination.name()),
        destination_type: known_word(destination.type_name()),
        dataset_name_hash: telemetry.hash(dataset),
        default_schema_name_hash: telemetry.hash(schema),
        requested_schema_name_hash: telemetry.hash(schema),
        success,
    });
}
