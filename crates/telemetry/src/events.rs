//! The events of `dlt` itself.

use crate::value::{NameHash, Seconds, TransactionId, Word};

crate::event! {
    pub const ALL;

    /// `dlt init` ended: which source and destination people begin with.
    pub struct CommandInit("command", "init") {
        /// The destination that was asked for, if it is one of ours.
        destination_name: Option<Word>, example = "bigquery";
        /// The ready-made source that was asked for; nothing, if it is a source of the user's own.
        pipeline_name: Option<Word>, example = "pipedrive";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 3.172038;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt telemetry` or one of its parts ended.
    pub struct CommandTelemetry("command", "telemetry") {
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.001896;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// Telemetry was switched on. Switching it off sends nothing.
    pub struct CommandTelemetrySwitch("command", "telemetry_switch") {
        /// Always true.
        enabled: bool, example = true;
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.003306;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt init --list-sources` ended.
    pub struct CommandListSources("command", "list_sources") {
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.01;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt init --list-destinations` ended.
    pub struct CommandListDestinations("command", "list_destinations") {
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.01;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt pipeline` ended.
    pub struct CommandPipeline("command", "pipeline") {
        /// What was asked of the pipeline.
        operation: Word, example = "info";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.02;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt schema` ended.
    pub struct CommandSchema("command", "schema") {
        /// The form in which the schema was printed.
        format: Option<Word>, example = "json";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.02;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt deploy` ended.
    pub struct CommandDeploy("command", "deploy") {
        /// Where to.
        deployment_method: Option<Word>, example = "github-action";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 1.2;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt run` ended.
    pub struct CommandRun("command", "run") {
        /// The kind of source.
        source_name: Option<Word>, example = "rest_api";
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 12.4;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt ingest` ended.
    pub struct CommandIngest("command", "ingest") {
        /// The form of the input.
        format: Option<Word>, example = "jsonl";
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 3.9;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt dataset` ended.
    pub struct CommandDataset("command", "dataset") {
        /// The form in which rows were printed.
        format: Option<Word>, example = "table";
        /// Whether the user's own SQL was run. The SQL itself is never sent.
        sql: bool, example = false;
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.05;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt tracker serve` ended.
    pub struct CommandTrackerServe("command", "tracker_serve") {
        /// How long the server ran.
        elapsed: Seconds, unit = "s", example = 86400.0;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt tracker report` ended.
    pub struct CommandTrackerReport("command", "tracker_report") {
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.3;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// Another part of `dlt tracker` ended.
    pub struct CommandTracker("command", "tracker") {
        /// Which part.
        operation: Word, example = "check";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.3;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// `dlt completions` ended.
    pub struct CommandCompletions("command", "completions") {
        /// The shell, or `man-pages`.
        shell: Word, example = "bash";
        /// How long the command took.
        elapsed: Seconds, unit = "s", example = 0.002;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// Data was taken from the source.
    pub struct PipelineExtract("pipeline", "extract") {
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// Hash of what identifies the destination, such as its host; empty for local files.
        destination_fingerprint: NameHash, example = "";
        /// Hash of the pipeline's name.
        pipeline_name_hash: NameHash, example = "OpVShb3cX7qQAmOZSbV8";
        /// Hash of the dataset's name.
        dataset_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the default schema's name.
        default_schema_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// How long the step took.
        elapsed: Seconds, unit = "s", example = 0.44615;
        /// Whether the step ended well.
        success: bool, example = true;
        /// The same for all steps of one run.
        transaction_id: TransactionId, example = "39c3b69c858836c36b9b7c6e046eb391";
    }

    /// What was taken was brought into typed tables.
    pub struct PipelineNormalize("pipeline", "normalize") {
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// Hash of what identifies the destination, such as its host; empty for local files.
        destination_fingerprint: NameHash, example = "";
        /// Hash of the pipeline's name.
        pipeline_name_hash: NameHash, example = "OpVShb3cX7qQAmOZSbV8";
        /// Hash of the dataset's name.
        dataset_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the default schema's name.
        default_schema_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// How long the step took.
        elapsed: Seconds, unit = "s", example = 0.117249;
        /// Whether the step ended well.
        success: bool, example = true;
        /// The same for all steps of one run.
        transaction_id: TransactionId, example = "39c3b69c858836c36b9b7c6e046eb391";
    }

    /// The tables were written to the destination.
    pub struct PipelineLoad("pipeline", "load") {
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// Hash of what identifies the destination, such as its host; empty for local files.
        destination_fingerprint: NameHash, example = "";
        /// Hash of the pipeline's name.
        pipeline_name_hash: NameHash, example = "OpVShb3cX7qQAmOZSbV8";
        /// Hash of the dataset's name.
        dataset_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the default schema's name.
        default_schema_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// How long the step took.
        elapsed: Seconds, unit = "s", example = 2.234885;
        /// Whether the step ended well.
        success: bool, example = true;
        /// The same for all steps of one run.
        transaction_id: TransactionId, example = "39c3b69c858836c36b9b7c6e046eb391";
    }

    /// A whole run ended, all its steps together.
    pub struct PipelineRun("pipeline", "run") {
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// Hash of what identifies the destination, such as its host; empty for local files.
        destination_fingerprint: NameHash, example = "";
        /// Hash of the pipeline's name.
        pipeline_name_hash: NameHash, example = "OpVShb3cX7qQAmOZSbV8";
        /// Hash of the dataset's name.
        dataset_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the default schema's name.
        default_schema_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// How long the run took.
        elapsed: Seconds, unit = "s", example = 2.79651;
        /// Whether the run ended well.
        success: bool, example = true;
        /// The same for all steps of one run.
        transaction_id: TransactionId, example = "39c3b69c858836c36b9b7c6e046eb391";
    }

    /// A dataset was opened for reading; once for each pipeline object.
    pub struct DataAccessConnect("data_access", "connect") {
        /// The destination, if it is one of ours.
        destination_name: Option<Word>, example = "duckdb";
        /// The kind of destination.
        destination_type: Option<Word>, example = "duckdb";
        /// Hash of the dataset's name.
        dataset_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the default schema's name.
        default_schema_name_hash: NameHash, example = "Hqk0a3Ov5AD55KjSg2rC";
        /// Hash of the name of the schema that was asked for.
        requested_schema_name_hash: NameHash, example = "49ShjWp8x9h+rmyqjP6G";
        /// Whether it could be opened.
        success: bool, example = true;
    }

    /// A dbt runner was made.
    pub struct HelperDbtCreateRunner("helper", "dbt_create_runner") {
        /// Hash of the name of the dbt package's profile.
        package_profile_name_hash: NameHash, example = "OpVShb3cX7qQAmOZSbV8";
        /// How long it took.
        elapsed: Seconds, unit = "s", example = 0.4;
        /// Whether it ended well.
        success: bool, example = true;
    }

    /// A DAG run of Airflow began whose tasks run a pipeline. Once a DAG run; to parse a DAG tells nothing.
    pub struct HelperAirflowAddRun("helper", "airflow_add_run") {
        /// How the pipeline was taken apart.
        decompose: Word, example = "serialize";
        /// How long it took.
        elapsed: Seconds, unit = "s", example = 0.1;
        /// Whether it ended well.
        success: bool, example = true;
    }
}
