//! Text that does not show by itself how it is written: what is found out, what is said of it, and what can be said.

use crate::assert_seen;
use crate::sandbox::Sandbox;

const TO: &str = "--to duckdb:x.duckdb --dataset raw";

fn ingest(sandbox: &Sandbox, line: &str) -> String {
    sandbox.run(&format!("ingest {line} {TO}")).ok().stderr
}

/// Columns and rows of a table, without those of the contract.
fn rows(sandbox: &Sandbox, table: &str, columns: &str) -> String {
    let mut command = sandbox.command("dataset raw --format csv --sql");
    command.arg(format!("SELECT {columns} FROM {table}"));
    sandbox.see(command).ok().stdout
}

#[test]
fn a_header_that_is_not_there_is_not_made_up_in_silence() {
    let sandbox = Sandbox::new();
    sandbox.write("people.csv", "alice,30\nbob,40\n");
    assert_seen!("a_guess_is_said", sandbox.run(&format!("ingest people.csv {TO}")));
    assert_eq!(rows(&sandbox, "people", "column_1, column_2"), "column_1,column_2\nalice,30\nbob,40\n");
    let told = ingest(&sandbox, "people.csv --table named --column-names name,age");
    assert!(!told.contains("note"), "{told}");
    assert_eq!(rows(&sandbox, "named", "name, age"), "name,age\nalice,30\nbob,40\n");
}

#[test]
fn what_is_said_on_the_command_line_counts() {
    let sandbox = Sandbox::new();
    let text = b"Umsatz\nNr;Preis;Tag;Ort\n007;1.234,5;31.12.2024;K\xF6ln\n8;NA;01.02.2024;\n";
    sandbox.write("umsatz.csv", text);
    let line = "umsatz.csv --encoding latin1 --skip-lines 1 --delimiter ; --decimal-comma --date-format %d.%m.%Y \
                --null-words NA,- --text-columns Nr";
    ingest(&sandbox, line);
    assert_eq!(
        rows(&sandbox, "umsatz", "nr, preis, tag, ort"),
        "nr,preis,tag,ort\n007,1234.5,2024-12-31,Köln\n8,,2024-02-01,\n"
    );
    let seen = sandbox.run(&format!("ingest umsatz.csv {TO} --encoding klingon"));
    assert_eq!(seen.code, Some(2));
    assert!(seen.stderr.contains("there is no encoding `klingon`"), "{}", seen.stderr);
    let seen = sandbox.run(&format!("ingest umsatz.csv {TO} --delimiter ab"));
    assert!(seen.code == Some(2) && seen.stderr.contains("--delimiter must be one character"), "{}", seen.stderr);
}

#[test]
fn standard_input_is_looked_at() {
    let sandbox = Sandbox::new();
    let load = |input: &[u8]| sandbox.run_with_input(&format!("ingest - {TO}"), input);
    let told = load(b"id,name\n1,x\n2,y\n").ok();
    assert!(
        told.stdout.contains("stdin  2 rows\n") && told.stderr.contains("<stdin> was taken for CSV"),
        "{}",
        told.stderr
    );
    assert!(load(b"[{\"id\":3}]\n[{\"id\":4}]\n").ok().stdout.contains("stdin  2 rows\n"));
    let seen = load(b"PAR1....");
    assert!(seen.code == Some(1) && seen.stderr.contains("is Parquet"), "{}", seen.stderr);
    assert_seen!("a_format_that_cannot_be_told", load(b"some text\nand more\n"));
}

#[test]
fn nothing_is_left_out_in_silence() {
    let sandbox = Sandbox::new();
    for name in ["data/a.jsonl", "data/a.jsonl.1", "data/c.txt", "data/d.txt", "data/part.parq"] {
        sandbox.write(name, "{\"id\":1}\n");
    }
    assert_seen!("what_is_left_out_is_counted", sandbox.run(&format!("ingest data {TO}")));
    let told = sandbox.run(&format!("-v ingest data {TO}")).ok().stderr;
    assert!(told.contains("data/a.jsonl.1\n") && told.contains("data/part.parq\n"), "{told}");
}

#[test]
fn a_file_that_was_cut_short_empties_no_table() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "id\n1\n");
    ingest(&sandbox, "t.csv");
    for name in ["t.csv.gz", "t.jsonl.gz", "t.csv.zst"] {
        sandbox.write(name, "");
        let seen = sandbox.run(&format!("ingest {name} {TO} --write-disposition replace"));
        assert!(seen.code == Some(1) && seen.stderr.contains("it was cut short"), "{name}: {}", seen.stderr);
        assert_eq!(rows(&sandbox, "t", "id"), "id\n1\n", "{name}");
    }
    // Empty is not cut short where no archive is promised; that the table is emptied is said.
    sandbox.write("t.jsonl", "");
    let told = ingest(&sandbox, "t.jsonl --write-disposition replace");
    assert!(told.contains("t.jsonl holds no rows: replacing leaves the table `t` empty"), "{told}");
}

#[test]
fn the_encoding_of_a_line_far_below_is_told() {
    let sandbox = Sandbox::new();
    let mut text = "{\"name\":\"somebody\"}\n".repeat(20_000).into_bytes();
    text.extend(b"{\"name\":\"M\xFCller aus K\xF6ln\"}\n");
    sandbox.write("late.jsonl", text);
    let seen = sandbox.run(&format!("ingest late.jsonl {TO}"));
    assert!(seen.stderr.contains("late.jsonl:20001: the text is not UTF-8"), "{}", seen.stderr);
    assert!(seen.stderr.contains("`--encoding windows-1252`"), "{}", seen.stderr);
    ingest(&sandbox, "late.jsonl --encoding windows-1252");
}
