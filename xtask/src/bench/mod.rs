//! `cargo xtask bench`: loads the same files by `dlt ingest`, by DuckDB's own reader and by Python dlt, in turns, and
//! sets medians side by side. Every load is checked to have left the same content behind.

mod contender;
mod data;
mod databases;
mod files;
mod hard;
mod measure;
mod merging;
mod merging_postgres;
mod overhead;
mod pages;
mod postgres;
mod random;
mod readers;
mod report;
mod shape;
mod tracker;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use dlt_testkit::PythonDlt;

use crate::binary;
use crate::workspace::Workspace;
use contender::{Arena, Contender, Sample};
use data::{Data, Size};
use shape::Shape;

/// What is run, from the command line.
struct Plan {
    size: Size,
    rounds: usize,
    contenders: Vec<Contender>,
    shapes: Vec<Shape>,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        use Contender::{Ingest, PythonDefault, PythonTuned, Reader};
        let mut plan = Plan {
            size: Size::FULL,
            rounds: 3,
            contenders: vec![Reader, Ingest, PythonTuned],
            shapes: Shape::ALL.to_vec(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => plan.size = Size::QUICK,
                "--slow" => plan.contenders.push(PythonDefault),
                "--no-python" => plan.contenders.retain(|one| !matches!(one, PythonTuned | PythonDefault)),
                "--only" => {
                    let names = Shape::ALL.map(Shape::table).join(", ");
                    let name = words.next().with_context(|| format!("--only needs one of {names}"))?;
                    plan.shapes.retain(|shape| shape.table() == *name);
                    if plan.shapes.is_empty() {
                        bail!("--only {name}: there are {names}");
                    }
                }
                "--rounds" => {
                    let number = words.next().context("--rounds needs a number")?;
                    plan.rounds = number.parse().with_context(|| format!("--rounds {number} is not a number"))?;
                }
                other => bail!("bench knows --quick, --slow, --no-python, --only SHAPE, --rounds N, and not {other}"),
            }
        }
        if plan.rounds == 0 {
            bail!("--rounds 0 measures nothing");
        }
        Ok(plan)
    }
}

pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    if let ["overhead", words @ ..] = words {
        return overhead::run(workspace, words);
    }
    if let ["merge", words @ ..] | ["--only", "merge", words @ ..] = words {
        return merging::run(workspace, words);
    }
    if let ["merge-postgres", words @ ..] = words {
        return merging_postgres::run(workspace, words);
    }
    if let ["readers", words @ ..] = words {
        return readers::run(workspace, words);
    }
    if let ["files", words @ ..] = words {
        return files::run(workspace, words);
    }
    if let ["databases", words @ ..] = words {
        return databases::run(workspace, words);
    }
    if let ["postgres", words @ ..] = words {
        return postgres::run(workspace, words);
    }
    if let ["tracker", words @ ..] = words {
        return tracker::run(workspace, words);
    }
    if let ["pages", words @ ..] = words {
        return pages::run(workspace, words);
    }
    let plan = Plan::read(words)?;
    let dlt = binary::chosen(workspace)?;
    let data = Data::new(workspace.path("bench/data"), plan.size);
    let arena = Arena {
        dlt,
        python: PythonDlt::shared()?.python(),
        scripts: workspace.path("bench/python"),
        work: workspace.path("bench/data/work"),
    };
    let mut samples: BTreeMap<(Shape, Contender), Vec<Sample>> = BTreeMap::new();
    for shape in &plan.shapes {
        let bytes = data.ensure(*shape)?;
        println!("{}: {} MB", shape.table(), bytes / 1_000_000);
        for round in 1..=plan.rounds {
            for contender in plan.contenders.iter().filter(|contender| shape.is_for(**contender)) {
                let sample = arena.run(*contender, *shape, &data)?;
                println!(
                    "  round {round}  {:<22} {:>7.2} s  {:>7.2} s cpu  {:>6} MB",
                    contender.title(),
                    sample.seconds,
                    sample.cost.cpu_seconds,
                    sample.cost.peak_bytes / 1_000_000
                );
                samples.entry((*shape, *contender)).or_default().push(sample);
            }
        }
    }
    agree(&samples)?;
    report::write(workspace, &plan, &samples)
}

/// What `--quick` and `--rounds N` say: a tenth of the data or all, and three rounds by default.
fn size_and_rounds(bench: &str, words: &[&str]) -> Result<(Size, usize)> {
    let (mut size, mut rounds) = (Size::FULL, 3);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--quick" => size = Size::QUICK,
            "--rounds" => {
                let number = words.next().context("--rounds needs a number")?;
                rounds = number.parse().with_context(|| format!("--rounds {number} is not a number"))?;
            }
            other => bail!("bench {bench} knows --quick and --rounds N, and not {other}"),
        }
    }
    if rounds == 0 {
        bail!("--rounds 0 measures nothing");
    }
    Ok((size, rounds))
}

/// All programs must have loaded the same: otherwise they did not do the same work.
fn agree(samples: &BTreeMap<(Shape, Contender), Vec<Sample>>) -> Result<()> {
    for ((shape, contender), runs) in samples {
        let yardstick = &samples[&(*shape, Contender::Reader)][0].content;
        if let Some(other) = runs.iter().find(|run| run.content != *yardstick) {
            bail!(
                "{} loaded something else than {} from {}:\n  {}\n  {yardstick}",
                contender.title(),
                Contender::Reader.title(),
                shape.table(),
                other.content
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--slow", "--only", "docs", "--rounds", "5"]).unwrap();
        assert_eq!((plan.rounds, plan.shapes, plan.contenders.len()), (5, vec![Shape::Documents], 4));
        let plan = Plan::read(&["--quick", "--no-python"]).unwrap();
        assert_eq!((plan.size.events, plan.contenders.len()), (100_000, 2));
    }

    #[test]
    fn a_plan_that_can_not_be_meant_is_refused() {
        for words in [&["--only", "rows"][..], &["--rounds", "0"], &["--rounds", "x"], &["--fast"]] {
            assert!(Plan::read(words).is_err(), "{words:?}");
        }
    }
}
