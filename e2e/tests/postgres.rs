//! Datasets in Postgres: ours are Python dlt's, and either continues what the other began.

use dlt_testkit::Postgres;

use crate::cases::{self, Case};
use crate::differential::{seed, times};
use crate::documents;
use crate::known_differences::{REFUSED_BY_US, is_known_to_differ};
use crate::turns::{Place, compare};

/// Cases that both load into DuckDB with the same result, of those with at least so many runs.
fn alike(text: &str, runs: usize) -> Vec<Case> {
    let is_refused = |case: &Case| REFUSED_BY_US.iter().any(|refused| refused.case == case.name);
    let is_alike = |case: &Case| case.runs.len() >= runs && !is_known_to_differ(case) && !is_refused(case);
    cases::parse(text).into_iter().filter(is_alike).collect()
}

#[test]
fn types_and_names_are_those_of_python() {
    let mut cases = alike(include_str!("../cases/columns.txt"), 1);
    cases.extend(alike(include_str!("../cases/timestamps.txt"), 1).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/nesting.txt"), 1).into_iter().step_by(6));
    cases.extend(alike(include_str!("../cases/types.txt"), 1).into_iter().step_by(3));
    // Neither has integers of 128 bits there.
    cases.retain(|case| case.name != "integers_of_many_bits");
    compare(&place(), &cases, None);
}

#[test]
fn runs_begun_by_us_and_continued_in_turns() {
    let mut cases = alike(include_str!("../cases/evolution.txt"), 2);
    cases.extend(alike(include_str!("../cases/merge.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/scd2.txt"), 2).into_iter().step_by(4));
    let not_hinted: Vec<Case> = cases.into_iter().filter(|case| !case.is_hinted()).collect();
    compare(&place(), &not_hinted, Some(0));
}

#[test]
fn runs_begun_by_python_and_continued_in_turns() {
    let mut cases = alike(include_str!("../cases/merge_hints.txt"), 2);
    cases.extend(alike(include_str!("../cases/evolution.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/strategies.txt"), 2).into_iter().step_by(2));
    cases.extend(alike(include_str!("../cases/scd2.txt"), 2).into_iter().skip(2).step_by(4));
    compare(&place(), &cases, Some(1));
}

#[test]
fn generated_documents_are_as_with_python() {
    let mut cases = documents::small_cases(seed(101), times(12));
    cases.extend(documents::large_cases(seed(103), times(1)));
    cases.extend(documents::merged_cases(seed(107), times(3)));
    compare(&place(), &cases, None);
}

#[test]
fn generated_documents_in_turns() {
    for turn in [0, 1] {
        let mut cases = documents::large_cases(seed(109 + turn), times(1));
        cases.extend(documents::merged_cases(seed(113 + turn), times(3)));
        compare(&place(), &cases, Some(turn as usize));
    }
}

fn place() -> Place {
    Place::Server(Postgres::start().unwrap())
}
