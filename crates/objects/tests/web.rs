//! A web server that is read.

use dlt_objects::{Address, Credentials, Store, StoreErrorKind};
use dlt_testkit::{Answer, Fault, Front, Recorder};

fn store(address: &str) -> Store {
    Store::open(&Address::parse(address).unwrap(), &Credentials::default()).unwrap()
}

const DATA: &[u8] = b"id,name\n1,tea\n2,coffee\n";

/// A server that knows ranges, or does not.
fn server(knows_ranges: bool) -> Recorder {
    Recorder::answering(move |request| {
        if !request.path.starts_with("/data/f%20x.csv?token=t0ken") {
            return Answer::status(404);
        }
        let from: Option<usize> =
            request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let mut answer = Answer::status(200);
        answer.headers.push(("ETag".into(), "\"1\"".into()));
        answer.body = DATA.to_vec();
        if let (Some(from), true) = (from, knows_ranges) {
            answer.status = 206;
            answer.headers.push(("Content-Range".into(), format!("bytes {from}-{}/{}", DATA.len() - 1, DATA.len())));
            answer.body.drain(..from);
        }
        answer
    })
    .unwrap()
}

#[test]
fn an_object_is_read_also_where_connections_are_cut() {
    for knows_ranges in [true, false] {
        let server = server(knows_ranges);
        let address = server.url().strip_prefix("http://").unwrap().parse().unwrap();
        let front = Front::before(address, |_, _| Fault::CutAnswer(9)).unwrap();
        let whole = format!("{}/data/f%20x.csv?token=t0ken", server.url());
        assert_eq!(store(&whole).read("").unwrap(), DATA);
        assert_eq!(store(&whole).head("").unwrap().unwrap().size, DATA.len() as u64);
        let cut = store(&whole.replace(&server.url(), &front.url()));
        match knows_ranges {
            true => assert_eq!(cut.read("").unwrap(), DATA),
            // Without ranges each try gets as far as the one before.
            false => assert_eq!(cut.read("").unwrap_err().kind(), StoreErrorKind::Truncated),
        }
    }
}

#[test]
fn what_is_not_there_or_not_possible_is_told_without_secrets() {
    let server = server(true);
    let store = store(&format!("{}/none.csv?token=t0ken", server.url()));
    let error = store.read("").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(!error.to_string().contains("t0ken"), "{error}");
    assert!(!store.exists("").unwrap());
    assert_eq!(store.list("").unwrap_err().kind(), StoreErrorKind::Unsupported);
    assert_eq!(store.put("x", "y").unwrap_err().kind(), StoreErrorKind::Unsupported);
}
