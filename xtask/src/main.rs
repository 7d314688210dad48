//! The chores of this repository, in Rust, so that they need nothing but cargo: `cargo xtask help`.
//!
//! Each chore does the set-up that it needs (the DuckDB library, a test runner, a Python environment), so that a
//! fresh clone is one command away from a running demo or a passing test suite.
#![expect(clippy::print_stdout, reason = "a chore speaks to the person at the terminal, and has no other output")]

mod airflow;
mod bench;
mod binary;
mod demo;
mod dist;
mod duckdb;
mod edge;
mod machine;
mod process;
mod tidy;
mod tiers;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use workspace::Workspace;

const HELP: &str = "\
cargo xtask CHORE

  setup              put the DuckDB library into .duckdb/ and install the tools that the tests use
  duckdb             only the DuckDB library
  build [--bundled]  target/release/dlt, a binary that runs from any folder; --bundled compiles DuckDB
                     into it from its C++ sources (about 25 minutes on two cores)
  dist               dist/: a Python wheel, a tarball, a Debian package, and a folder for a container image
  lint               formatting, tidy, clippy
  test [TIER...]     tiers, cheapest first: lint unit crates docs e2e dist edge airflow across
                     (default: all of them)
  diff [TIMES]       the comparison with Python dlt, with so many times the generated cases of the tests [10], and
                     a kill before every system call by which a load changes something
  demo               the main job on real data, in target/demo/: load, evolve, read back, and watch the telemetry
                     of dlt and of Python dlt arrive at a tracker of our own
  bench [--quick] [--slow] [--no-python] [--only events|docs] [--rounds N]
                     the same files by dlt ingest, DuckDB's own reader and Python dlt, side by side
  bench files [--quick] [--rounds N]
                     a million events become Parquet files, beside DuckDB's COPY
  bench readers [--quick] [--rounds N]
                     CSV and Parquet files into DuckDB, beside its own readers; and ten times as many
  bench databases [--quick] [--rounds N]
                     a table of Postgres into DuckDB, Parquet and CSV, beside COPY TO STDOUT, ingestr and sling
  bench postgres [--quick] [--rounds N] [--no-python]
                     a million events into Postgres, beside psql's \\copy
  bench merge [--quick] [--rounds N] [--no-python]
                     changed rows into a table of DuckDB, beside SQL that was written for it
  bench merge-postgres [--quick] [--rounds N]
                     the same in Postgres
  bench overhead [--runs N] [--no-python]
                     what telemetry costs a command, at trackers that misbehave in every way
  bench tracker [--rounds N] [--seconds N] [--sustain N] [--only-ours]
                     dlt tracker serve beside two bare servers, under wrk: rates, latency, processor, memory; then loading
                     under load
  bench pages [--events N] [--rounds N]
                     each page of the tracker's dashboard, whole and over HTTP, of a million events of a year
  tidy               which crate may depend on which, and what no file may contain

demo, dist and bench build the release binary, or take the one that DLT_BIN names.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    let workspace = Workspace::locate();
    match words {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["setup"] => {
            duckdb::ensure(&workspace)?;
            machine::ensure_test_tools()
        }
        ["duckdb"] => duckdb::ensure(&workspace),
        ["build"] => binary::build(&workspace).map(|_| ()),
        ["build", "--bundled"] => binary::build_bundled(&workspace).map(|_| ()),
        ["dist"] => dist::make(&workspace),
        ["lint"] => tiers::run(&workspace, &["lint"]),
        ["test", tiers @ ..] => tiers::run(&workspace, tiers),
        ["diff"] => tiers::diff(&workspace, "10"),
        ["diff", times] => tiers::diff(&workspace, times),
        ["demo"] => demo::run(&workspace),
        ["bench", words @ ..] => bench::run(&workspace, words),
        ["tidy"] => tidy::run(&workspace),
        other => bail!("no such chore: {}\n\n{HELP}", other.join(" ")),
    }
}
