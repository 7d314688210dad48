//! Files of object stores and web servers.

use crate::read::{Table, read, read_with};
use arrow::array::{Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use dlt_engine::source::ExtractContext;
use dlt_engine::{ErrorKind, Result, Source};
use dlt_objects::{Address, Credentials, Store};
use dlt_sources::{AwsCredentials, Files, FilesIncremental, files};
use dlt_testkit::{Answer, Fault, Front, Recorder, S3};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn keys(url: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.aws = AwsCredentials {
        access_key_id: Some("key".into()),
        secret_access_key: Some("very-s3cret".into()),
        region_name: Some("us-east-1".into()),
        endpoint_url: Some(url.into()),
        ..AwsCredentials::default()
    };
    credentials
}

fn lake(objects: &[(&str, &[u8])]) -> S3 {
    let server = S3::start().unwrap();
    server.make_bucket("lake").unwrap();
    put(&server, objects);
    server
}

fn put(server: &S3, objects: &[(&str, &[u8])]) {
    let store = Store::open(&Address::parse("s3://lake").unwrap(), &keys(&server.url())).unwrap();
    for (key, bytes) in objects {
        store.put(key, *bytes).unwrap();
    }
}

fn source(url: &str, address: &str) -> Files {
    files([address]).credentials(keys(url))
}

fn names(tables: &[Table]) -> Vec<&str> {
    tables.iter().map(|table| table.name.as_str()).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Rows with a column of nanoseconds, which makes every file be looked at before it is read.
fn parquet(ids: &[i64], nanos: i64) -> Vec<u8> {
    let moments: Vec<i64> = ids.iter().map(|id| id * 1_000_000_000 + nanos).collect();
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(ids.to_vec())) as _),
        ("at", Arc::new(TimestampNanosecondArray::from(moments)) as _),
    ]);
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn buckets_are_read_like_folders() {
    let packed = gzip("{\"id\":3}\n");
    let server = lake(&[
        ("raw/a.jsonl", b"{\"id\":1}\n{\"id\":2}\n"),
        ("raw/empty.jsonl", b""),
        ("raw/sub/b \u{fc}+%20.jsonl.gz", &packed),
        ("raw/sub/.hidden.jsonl", b"{\"id\":9}\n"),
        ("raw/c.csv", b"id;name\n1;x\n2;\xC3\xBC\n"),
        ("raw/weird[1].csv", b"id\n7\n"),
        ("raw/_SUCCESS", b""),
        ("rawer/a.jsonl", b"{\"id\":8}\n"),
    ]);
    let read_at = |address: &str| read(&mut source(&server.url(), address));
    let context = ExtractContext::default();
    let all = read_with(&mut source(&server.url(), "s3://lake/raw/"), &context).unwrap();
    assert_eq!(names(&all), ["a", "c", "empty", "b ü+%20", "weird[1]"]);
    assert_eq!(all[0].texts(), [r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_eq!(all[1].batch_rows(), [r#"{"id":1,"name":"x"}"#, r#"{"id":2,"name":"ü"}"#]);
    assert_eq!(all[3].texts(), [r#"{"id":3}"#]);
    let said: Vec<String> = context.notices.said().into_iter().map(|notice| notice.message).collect();
    assert!(said.contains(&"1 file was left out: 1 of no extension".to_owned()), "{said:?}");
    assert!(said.contains(&"s3://lake/raw/empty.jsonl holds no rows".to_owned()), "{said:?}");
    let found = read_at("s3://lake/raw/**/*.jsonl*").unwrap();
    assert_eq!(names(&found), ["a", "empty", "b ü+%20"]);
    assert_eq!(names(&read_at("s3://lake/raw/*.csv").unwrap()), ["c", "weird[1]"]);
    assert_eq!(names(&read_at("s3://lake/raw/weird[1].csv").unwrap()), ["weird[1]"]);
    assert_eq!(names(&read_at("s3a://lake/raw/{a,c}.*").unwrap()), ["a", "c"]);
    for (address, what) in [
        ("s3://lake/raw/none.csv", "s3://lake/raw/none.csv: there is no such file or folder"),
        ("s3://lake/raw/*.parquet", "s3://lake/raw/*.parquet: the pattern matches no file"),
        ("s3://nowhere/x.csv", "there is no such bucket"),
        ("s3://lake/raw/_SUCCESS", "s3://lake/raw/_SUCCESS: the file name does not tell the format"),
    ] {
        let error = read_at(address).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.advice().is_some(), "{error}");
    }
}

#[test]
fn parquet_of_a_bucket_is_looked_at_before_it_is_read() {
    let server = lake(&[("p/1.parquet", &parquet(&[1, 2], 0)), ("p/2.parquet", &parquet(&[3], 5))]);
    let tables = read(&mut source(&server.url(), "s3://lake/p/*.parquet").table("t")).unwrap();
    // One file needs nanoseconds, so both have them.
    assert_eq!(tables[0].columns(), ["id Int64", "at Timestamp(ns)"]);
    assert_eq!(tables[0].batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    put(&server, &[("p/bad.parquet", b"PAR1 and nothing more"), ("p/empty.parquet", b"")]);
    for (name, what) in [("bad", "is damaged or no Parquet file"), ("empty", "the file is empty")] {
        let error = read(&mut source(&server.url(), &format!("s3://lake/p/{name}.parquet"))).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// Folders that the pattern cannot mean are not listed, however much is in them.
#[test]
fn a_pattern_lists_its_levels_and_no_more() {
    let server = lake(&[
        ("data/a.csv", b"id\n1\n"),
        ("data/b.csv", b"id\n2\n"),
        ("data/.hidden.csv", b"id\n9\n"),
        ("data/old/c.csv", b"id\n3\n"),
        ("data/year=1/x/d.csv", b"id\n4\n"),
        ("data/year=2/x/d.csv", b"id\n5\n"),
        ("data/year=2/y/e.csv", b"id\n6\n"),
    ]);
    let front = Front::before(server.address(), |_, _| Fault::None).unwrap();
    let mut seen = 0;
    let mut asked = |pattern: &str| {
        let tables = read(&mut source(&front.url(), &format!("s3://lake/{pattern}")).table("t")).unwrap();
        let rows: Vec<String> = tables.iter().flat_map(Table::batch_rows).collect();
        let all = front.seen();
        let lists = all[seen..].iter().filter(|path| path.contains("list-type=2"));
        let lists: Vec<bool> = lists.map(|path| path.contains("delimiter")).collect();
        seen = all.len();
        (rows.join(" ").replace("\"id\":", ""), lists)
    };
    assert_eq!(asked("data/*.csv"), ("{1} {2}".to_owned(), vec![true]));
    // The folder, and the two that fit; then the file by its name.
    assert_eq!(asked("data/year=*/x/d.csv"), ("{4} {5}".to_owned(), vec![true]));
    assert_eq!(asked("data/year=2/*/*.csv"), ("{5} {6}".to_owned(), vec![true; 3]));
    assert_eq!(asked("data/{old,year=*}/**/*.csv"), ("{3} {4} {5} {6}".to_owned(), vec![true, false, false, false]));
    assert_eq!(asked("data/{old/c,a}.csv"), ("{1} {3}".to_owned(), vec![false]));
}

#[test]
fn parquet_of_the_web_is_fetched_once() {
    let rows = parquet(&[1, 2], 3);
    let server = web(move |_| page(&rows));
    let at = |name: &str| format!("{}/{name}.parquet", server.url());
    let tables = read(&mut files([at("a"), at("b")]).table("t")).unwrap();
    assert_eq!(tables[0].batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    let gets = server.requests().iter().filter(|request| request.method == "GET").count();
    assert_eq!(gets, 2);
}

#[test]
fn a_bucket_that_fails_for_a_while_is_waited_for() {
    let big: String = (0..50_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let server = lake(&[("x/big.jsonl", big.as_bytes()), ("x/t.csv", b"id\n1\n")]);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let front = Front::before(server.address(), move |_, path| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 2 => Fault::Answer(503, "SlowDown"),
        _ if path.contains("big.jsonl") => Fault::CutAnswer(300_000),
        _ => Fault::None,
    });
    let front = front.unwrap();
    let tables = read(&mut source(&front.url(), "s3://lake/x/")).unwrap();
    assert_eq!(names(&tables), ["big", "t"]);
    assert_eq!(tables[0].items.len(), 50_000);
    let denied = Front::before(server.address(), |_, _| Fault::Answer(403, "AccessDenied")).unwrap();
    let error = read(&mut source(&denied.url(), "s3://lake/x/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("have no right"), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_run_lists_once_more_than_it_reads_and_knows_what_changed() {
    let server = lake(&[("x/a.jsonl", b"1\n")]);
    let front = Front::before(server.address(), |_, _| Fault::None).unwrap();
    let mut files = source(&front.url(), "s3://lake/x/*.jsonl");
    assert!(files.is_replayable());
    let before = files.fingerprint();
    files.check().unwrap();
    files.resource_names().unwrap();
    read(&mut files).unwrap();
    let lists = |seen: &[String]| seen.iter().filter(|path| path.contains("list-type=2")).count();
    assert_eq!(lists(&front.seen()), 2, "{:?}", front.seen());
    assert_eq!(files.fingerprint(), before);
    put(&server, &[("x/a.jsonl", b"2\n")]);
    assert_ne!(files.fingerprint(), before);
}

#[test]
fn objects_that_were_loaded_are_left_out() {
    let server = lake(&[("x/a.jsonl", b"1\n"), ("x/b.jsonl", b"2\n")]);
    let context = ExtractContext::default();
    let mut files = source(&server.url(), "s3://lake/x/*.jsonl").table("t");
    files = files.incremental(FilesIncremental::by_modification_date());
    assert_eq!(read_with(&mut files.clone(), &context).unwrap()[0].texts(), ["1", "2"]);
    // The store counts whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    put(&server, &[("x/c.jsonl", b"3\n")]);
    assert_eq!(read_with(&mut files, &context).unwrap()[0].texts(), ["3"]);
    let state = serde_json::to_string(&context.state.snapshot()).unwrap();
    assert!(state.contains("filesystem_t") && !state.contains("s3cret"), "{state}");
}

const CSV: &[u8] = b"id,name\n1,x\n2,y\n";

fn web(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Recorder {
    Recorder::answering(move |request| answer(&request.path)).unwrap()
}

fn page(body: &[u8]) -> Answer {
    Answer { body: body.to_vec(), ..Answer::status(200) }
}

#[test]
fn pages_of_the_web_are_read() {
    let packed = gzip("{\"id\":3}\n");
    let rows = parquet(&[1, 2], 0);
    let server = web(move |path| match path {
        "/my%20file.csv?token=s3cret" => page(CSV),
        "/data.jsonl.gz" => page(&packed),
        "/x.parquet" => page(&rows),
        "/export?as=csv" => page(CSV),
        "/login.csv" => page(b"\n<!DOCTYPE html><html><body>Log in</body></html>"),
        "/moved.csv" => {
            let mut answer = Answer::status(302);
            answer.headers.push(("Location".into(), "/my%20file.csv?token=s3cret".into()));
            answer
        }
        "/gone.csv?sig=s3cret" => Answer::status(403),
        _ => Answer::status(404),
    });
    let at = |path: &str| files([format!("{}{path}", server.url())]);
    let read_at = |path: &str| read(&mut at(path));
    let tables = read_at("/my%20file.csv?token=s3cret").unwrap();
    assert_eq!((names(&tables), tables[0].batch_rows().len()), (vec!["my file"], 2));
    assert_eq!(read_at("/data.jsonl.gz").unwrap()[0].texts(), [r#"{"id":3}"#]);
    assert_eq!(read_at("/x.parquet").unwrap()[0].batches[0].num_rows(), 2);
    assert_eq!(read_at("/moved.csv").unwrap()[0].batch_rows().len(), 2);
    let guessed = read_at("/export?as=csv").unwrap();
    assert_eq!((names(&guessed), guessed[0].batch_rows().len()), (vec!["export"], 2));
    for (path, what) in [
        ("/login.csv", "is a page of HTML"),
        ("/gone.csv?sig=s3cret", "/gone.csv: "),
        ("/none.csv?sig=s3cret", "there is no such page"),
    ] {
        let error = read_at(path).map(|tables| names(&tables).join(",")).unwrap_err();
        let told = format!("{error} {:?} {error:?}", error.advice());
        assert!(told.contains(what) && error.advice().is_some(), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let signed = at("/my%20file.csv?token=s3cret");
    assert!(!signed.identity().contains("s3cret") && !format!("{signed:?}").contains("s3cret"));
    assert_eq!(signed.identity(), at("/my%20file.csv?token=other").identity());
    assert_ne!(at("/export?as=csv").identity(), at("/export?as=json").identity());
    // Nothing tells whether this will be the same the next time.
    assert!(!signed.is_replayable());
}

#[test]
fn a_page_that_says_when_it_was_changed_is_read_once() {
    let server = web(|_| {
        let mut answer = page(CSV);
        answer.headers.push(("Last-Modified".into(), "Wed, 21 Oct 2015 07:28:00 GMT".into()));
        answer
    });
    let context = ExtractContext::default();
    let source = files([format!("{}/x.csv", server.url())]).incremental(FilesIncremental::by_modification_date());
    assert!(source.is_replayable());
    assert_eq!(read_with(&mut source.clone(), &context).unwrap()[0].batch_rows().len(), 2);
    assert!(read_with(&mut source.clone(), &context).unwrap()[0].batches.is_empty());
}

/// A server that says neither how long a page is nor knows parts of it, nor HEAD; the connection's end is the page's.
fn plain_server(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut is_head) = (String::new(), false);
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                is_head |= line.starts_with("HEAD");
                line.clear();
            }
            if is_head {
                let _ = stream.write_all(b"HTTP/1.1 400 No\r\nConnection: close\r\n\r\n");
                continue;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(body);
        }
    });
    url
}

#[test]
fn a_server_need_not_tell_the_length() -> Result<()> {
    let url = plain_server(CSV);
    assert_eq!(read(&mut files([format!("{url}/x.csv")]))?[0].batch_rows().len(), 2);
    let url = plain_server(b"{\"id\":1}\n");
    assert_eq!(read(&mut files([format!("{url}/x.jsonl")]))?[0].texts(), [r#"{"id":1}"#]);
    let url = plain_server(parquet(&[4], 0).leak());
    assert_eq!(read(&mut files([format!("{url}/x.parquet")]))?[0].batches[0].num_rows(), 1);
    Ok(())
}

#[test]
fn many_small_objects_are_read() {
    let objects: Vec<(String, String)> =
        (0..40).map(|number| (format!("many/{number:02}.csv"), format!("id\n{number}\n"))).collect();
    let given: Vec<(&str, &[u8])> = objects.iter().map(|(key, text)| (key.as_str(), text.as_bytes())).collect();
    let server = lake(&given);
    let tables = read(&mut source(&server.url(), "s3://lake/many/*.csv").table("many")).unwrap();
    let rows = tables[0].batch_rows();
    assert_eq!((rows.len(), rows[0].as_str(), rows[39].as_str()), (40, r#"{"id":0}"#, r#"{"id":39}"#));
}

#[test]
fn a_bucket_and_a_pattern_are_declared() {
    use dlt_engine::settings::{Node, Origin, Section, Table, Value};
    let declared = |entries: &[(&str, &str)]| {
        let mut table = Table::default();
        for (key, value) in entries {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            table.set(&path, Node { origin: Origin::Program, value: Value::Text((*value).to_owned()) });
        }
        let section = Section::new("source", Origin::Program, table);
        let read = dlt_sources::CONNECTORS[0].read;
        read("filesystem", section, std::path::Path::new("/project")).map(|make| make().identity())
    };
    for (entries, path) in [
        (&[("bucket_url", "s3://lake/raw/"), ("file_glob", "**/*.csv")][..], "s3://lake/raw/**/*.csv"),
        (&[("bucket_url", "s3://lake")], "s3://lake/*"),
        (&[("bucket_url", "data")], "/project/data/*"),
        (&[("paths", "gs://lake/x.csv"), ("credentials.private_key", "very-s3cret")], "gs://lake/x.csv"),
    ] {
        let identity = declared(entries).unwrap();
        assert!(identity.contains(&format!("{path:?}")) && !identity.contains("s3cret"), "{identity}");
    }
    for (entries, what) in [
        (&[("table", "t")][..], "`source.paths` is missing"),
        (&[("paths", "a.csv"), ("bucket_url", "b")], "both say what is read"),
        (&[("file_glob", "*.csv")], "and there is none"),
        (&[("bucket_url", "https://host/")], "cannot list its files"),
        (&[("paths", "a.csv"), ("credentials.aws_acess_key_id", "x")], "aws_acess_key_id"),
    ] {
        let error = declared(entries).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
