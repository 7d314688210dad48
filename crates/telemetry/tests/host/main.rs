//! A small host for the tests: does what its arguments say, one after the other.
//!
//! `record` records one event, `records N` several, `finish` finishes, `disable`/`enable` switch, `show` prints what
//! waits, `id` prints the anonymous id, `status` prints whether telemetry is on, `wait MS` waits.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use dlt_telemetry::events::CommandInit;
use dlt_telemetry::{Builder, Telemetry, Word, run_sender_if_asked};

fn main() {
    let sender = run_sender_if_asked();
    let builder = || -> Builder {
        let builder = Telemetry::builder("dlt", "0.1.0").detached(sender);
        match std::env::var_os("HOST_PROJECT") {
            Some(project) => builder.project_dir(project),
            None => builder,
        }
    };
    let init = CommandInit {
        destination_name: Word::one_of(&["bigquery", "duckdb"], "bigquery"),
        pipeline_name: Word::one_of(&["chess", "pipedrive"], "pipedrive"),
        elapsed: Duration::from_micros(3_172_038).into(),
        success: true,
    };
    let mut telemetry = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().unwrap().parse::<u64>().unwrap();
        let mut started = || telemetry.get_or_insert_with(|| builder().start()).clone();
        match argument.as_str() {
            "record" => started().record(&init),
            "records" => (0..number()).for_each(|_| started().record(&init)),
            "finish" => started().finish(),
            "wait" => std::thread::sleep(Duration::from_millis(number())),
            "disable" => println!("{:?}", builder().load().disable()),
            "enable" => println!("{:?}", builder().load().enable()),
            "show" => builder().load().pending().unwrap().iter().for_each(|pending| println!("{}", pending.body)),
            "id" => println!("{}", builder().load().status().anonymous_id.unwrap_or_default()),
            "status" => println!("{}", builder().load().is_on()),
            other => panic!("what is `{other}`?"),
        }
    }
}
