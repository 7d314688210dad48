//! A tracker inside another program: `serve DATA_DIR [ADDRESS]` prints where it listens and runs until it is stopped.

#![expect(clippy::print_stdout, reason = "an example that is run by hand and by the tests")]

use std::time::Duration;

use dlt_tracker::{ServeOptions, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data_dir = arguments.next().ok_or("usage: serve DATA_DIR [ADDRESS]")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut options = ServeOptions::new(address, data_dir);
    if let Some(milliseconds) = arguments.next() {
        options.load_interval = Some(Duration::from_millis(milliseconds.parse()?));
    }
    let summary = serve(options, |ready| println!("{}", ready.address))?;
    println!("{}", summary.ledger);
    Ok(())
}
