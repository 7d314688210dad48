fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let cfg = || duckdb::Config::default().enable_autoload_extension(false).unwrap().with("memory_limit", "256MiB").unwrap();
    let p = format!("{dir}/a.duckdb");
    let c = match duckdb::Connection::open_with_flags(&p, cfg()) { Ok(c) => c, Err(e) => { println!("ERR {e}"); return } };
    let q = |sql: &str| {
        let mut s = match c.prepare(sql) { Ok(s) => s, Err(e) => { println!("{sql}\n  PREPARE {e}"); return } };
        if let Err(e) = s.stream_arrow([]) { println!("{sql}\n  EXEC {e}"); return };
        println!("{sql}");
        loop { match s.step() { Ok(Some(a)) => { let b = arrow::record_batch::RecordBatch::from(&a); println!("{}", arrow::util::pretty::pretty_format_batches(&[b]).unwrap()) }, Ok(None) => break, Err(e) => { println!("  STEP {e}"); break } } }
    };
    for sql in std::env::args().skip(2) { q(&sql) }
}
