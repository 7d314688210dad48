//! Random JSON documents: the same for the same seed.

use dlt_testkit::Generator;
use serde_json::json;

use crate::cases::{Case, Run};

/// Few keys, so that they meet again with other types. No two of them normalize to one name: where they meet in a row, we
/// keep both values and Python dlt one, which the named cases hold.
const KEYS: [&str; 16] = [
    "id",
    "name",
    "userId",
    "user_name",
    "a-b",
    "c d",
    "tags",
    "items",
    "value",
    "Nested",
    "other__x",
    "x",
    "date",
    "Größe",
    "2nd",
    "_private",
];

/// None that Python dlt takes for a number or a truth value and we for text: those are named cases.
const STRINGS: [&str; 20] = [
    "",
    " ",
    "a",
    "word",
    "two words",
    "12",
    "-7",
    "1.5",
    "1e3",
    "true",
    "False",
    "null",
    "日本語",
    "😀",
    "it's \"quoted\"",
    "line\nbreak",
    "2024-01-02",
    "12:30",
    "a,b;c",
    "\\",
];

/// What stands in `date`, and nowhere else: a column of moments takes numbers in Python dlt.
const DATES: [&str; 6] =
    ["2024-01-02T03:04:05Z", "2024-01-02 03:04:05.25+02:00", "2024-01-02T03:04", "word", "two words", "日本語"];

/// Each is a double as well.
const INTEGERS: [i64; 10] = [0, 1, -1, 2, 42, 255, 65_536, 1_704_164_645, 1 << 53, i64::MIN];

/// Integral ones stay below 2^63: a larger one in a column of integers ends Python dlt.
const FLOATS: [f64; 9] = [0.0, 0.5, -1.25, 3.0, 1e-7, 123_456.789, 1e15, 0.1, 1_704_164_645.5];

/// Cases of two to five documents in one run.
pub(crate) fn small_cases(seed: u64, count: usize) -> Vec<Case> {
    let mut generator = Generator::new(seed);
    let case = |number| {
        let text = lines(&mut generator, 2 + number as u64 % 4);
        Case::of_one_run(format!("small_{seed}_{number}"), text)
    };
    (0..count).map(case).collect()
}

/// Cases of three runs with 40 to 80 documents each, the last sometimes replacing.
pub(crate) fn large_cases(seed: u64, count: usize) -> Vec<Case> {
    let mut generator = Generator::new(seed);
    let mut cases = Vec::new();
    for number in 0..count {
        let mut case = Case::of_one_run(format!("large_{seed}_{number}"), "");
        case.runs.clear();
        for run in 0..3 {
            let disposition = if run == 2 && generator.chance(40) { "replace" } else { "append" };
            let documents = 40 + generator.below(41);
            case.runs.push(Run::of(disposition, lines(&mut generator, documents)));
        }
        cases.push(case);
    }
    cases
}

/// Cases of two to four runs that merge by one strategy, with known keys and new ones, a replace or an append in between.
/// No key comes twice in a load: Python dlt keeps an arbitrary row of two. Nor is there insert-only, of whose left-out rows
/// Python dlt adds the nested ones (`insert_only_keeps_what_is_there`).
pub(crate) fn merged_cases(seed: u64, count: usize) -> Vec<Case> {
    const STRATEGIES: [&str; 3] = ["", "delete-insert", "upsert"];
    let mut generator = Generator::new(seed);
    let mut cases = Vec::new();
    for number in 0..count {
        let mut case = Case::of_one_run(format!("merged_{seed}_{number}"), "");
        case.runs.clear();
        let strategy = STRATEGIES[number % STRATEGIES.len()];
        let is_compound = generator.chance(30);
        for run in 0..2 + generator.below(3) {
            let mut text = String::new();
            for id in 0..12 {
                if generator.chance(40) {
                    let part = if is_compound { format!(", \"part\": \"p{}\"", id % 3) } else { String::new() };
                    let others = object(&mut generator, 0);
                    let others = &others[1..others.len() - 1];
                    let comma = if others.is_empty() { "" } else { ", " };
                    text.push_str(&format!("{{\"key\": {id}{part}{comma}{others}}}\n"));
                }
            }
            if text.is_empty() {
                text.push_str("{\"key\": 99, \"part\": \"p\"}\n");
            }
            let mut made = match run > 0 && generator.chance(15) {
                true => Run::of("replace", text),
                false => Run::of("merge", text),
            };
            if made.disposition == "merge" {
                let key = if is_compound { "key,part" } else { "key" };
                made.options.push(("primary-key".into(), key.into()));
                if !strategy.is_empty() {
                    made.options.push(("merge-strategy".into(), strategy.into()));
                }
            }
            case.runs.push(made);
        }
        cases.push(case);
    }
    cases
}

fn lines(generator: &mut Generator, count: u64) -> String {
    let mut text = String::new();
    for _ in 0..count {
        text.push_str(&object(generator, 0));
        text.push('\n');
    }
    text
}

/// Text, not a map: the order of keys is random too.
fn object(generator: &mut Generator, depth: u64) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for _ in 0..generator.below(7) {
        let key = *generator.pick(&KEYS);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut field = |key: &str| {
        let value = match key {
            "date" => json!(generator.pick(&DATES)).to_string(),
            // A column of truth values takes numbers in Python dlt.
            "_private" if generator.chance(50) => generator.chance(50).to_string(),
            "_private" => text(generator),
            _ => value(generator, depth + 1),
        };
        format!("{}: {value}", json!(key))
    };
    format!("{{{}}}", keys.into_iter().map(&mut field).collect::<Vec<_>>().join(", "))
}

fn value(generator: &mut Generator, depth: u64) -> String {
    // Scalars only, far down.
    let kinds = if depth > 4 { 7 } else { 10 };
    match generator.below(kinds) {
        0 => "null".to_owned(),
        1 | 2 => generator.pick(&INTEGERS).to_string(),
        3 => json!(generator.pick(&FLOATS)).to_string(),
        4..=6 => text(generator),
        7 => object(generator, depth),
        _ => {
            let items: Vec<_> = (0..generator.below(4)).map(|_| value(generator, depth + 1)).collect();
            format!("[{}]", items.join(","))
        }
    }
}

fn text(generator: &mut Generator) -> String {
    json!(generator.pick(&STRINGS)).to_string()
}

#[test]
fn documents_follow_from_the_seed() {
    let texts = |seed| small_cases(seed, 5).into_iter().map(|it| it.runs[0].text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(1), texts(1));
    assert_ne!(texts(1), texts(2));
}
