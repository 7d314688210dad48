//! Several requests at a time, credentials of endpoints, and bodies that are no JSON.

use crate::rest::{all, client, load};
use crate::server::{Answer, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PARENTS: usize = 40;

/// Parents with two pages of children each; every second one answers late.
fn family(most: &Arc<AtomicUsize>, fails_at: Option<usize>) -> Server {
    let (under_way, most) = (AtomicUsize::new(0), Arc::clone(most));
    Server::start(move |asked, _| {
        if asked.target == "/parents" {
            let ids: Vec<String> = (0..PARENTS).map(|id| format!("{{\"id\":{id}}}")).collect();
            return Answer::json(format!("[{}]", ids.join(",")));
        }
        most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let id: usize = asked.target.split('/').nth(2).unwrap().parse().unwrap();
        std::thread::sleep(Duration::from_millis(if id.is_multiple_of(2) { 12 } else { 1 }));
        under_way.fetch_sub(1, Ordering::SeqCst);
        if fails_at == Some(id) {
            return Answer::status(404);
        }
        let page = asked.number("page").unwrap();
        Answer::json(format!("{{\"total\":2,\"items\":[\"{id}/{page}\"]}}"))
    })
}

fn declared(parallelized: &str) -> String {
    format!(
        "[client]\nbase_url = \"BASE/\"\n[[resources]]\nname = \"parents\"\nendpoint = {{ paginator = \"single_page\" }}\n\
         [[resources]]\nname = \"x\"\nparallelized = {parallelized}\n\
         endpoint = {{ path = \"parents/{{resources.parents.id}}/x\", paginator = \"page_number\", data_selector = \"items\" }}\n"
    )
}

#[test]
fn rows_come_in_the_order_of_their_parents() {
    let expected: Vec<String> =
        (0..PARENTS).flat_map(|id| (0..2).map(move |page| format!("\"{id}/{page}\""))).collect();
    for (parallelized, limit) in [("false", 1), ("1", 1), ("true", 5), ("8", 8)] {
        let most = Arc::new(AtomicUsize::new(0));
        let server = family(&most, None);
        let tables = load(&server, &declared(parallelized)).unwrap();
        assert_eq!(tables[1].texts(), expected, "{parallelized}");
        let most = most.load(Ordering::SeqCst);
        assert!(most <= limit && (limit == 1 || most > 1), "{parallelized}: {most}");
    }
}

#[test]
fn a_failure_comes_after_the_rows_before_it() {
    let most = Arc::new(AtomicUsize::new(0));
    let server = family(&most, Some(17));
    let error = load(&server, &declared("6")).unwrap_err();
    assert!(error.to_string().contains("/parents/17/x answered with status 404"), "{error}");
    for wrong in ["0", "101", "-1", "\"many\""] {
        let config = declared(wrong).replace("BASE", "http://127.0.0.1:1");
        let error = toml::from_str::<dlt_sources::RestConfig>(&config).unwrap_err();
        assert!(error.to_string().contains("a number from 1 to 100"), "{error}");
    }
}

#[test]
fn a_pace_holds_for_all_of_them() {
    let most = Arc::new(AtomicUsize::new(0));
    let server = family(&most, None);
    let config = declared("20").replace("base_url", "max_requests_per_second = 2000\nbase_url");
    assert_eq!(load(&server, &config).unwrap()[1].items.len(), 2 * PARENTS);
}

#[test]
fn credentials_of_an_endpoint_are_in_place_of_the_clients() {
    let elsewhere = Server::start(|asked, _| {
        assert_eq!(asked.header("cookie"), Some("sid=ck"));
        Answer::json("[3]")
    });
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/a" => {
            assert_eq!(asked.header("authorization"), Some("Bearer common"));
            Answer::json("[1]")
        }
        "/b" => {
            assert_eq!((asked.header("authorization"), asked.header("cookie")), (None, Some("sid=ck")));
            Answer::json("[2]")
        }
        _ => Answer::status(404),
    });
    let cookie = "auth = { type = \"api_key\", name = \"sid\", api_key = \"ck\", location = \"cookie\" }";
    let config = format!(
        "[client]\nbase_url = \"BASE/\"\nauth = {{ type = \"bearer\", token = \"common\" }}\n\
         [[resources]]\nname = \"a\"\n[[resources]]\nname = \"b\"\nendpoint = {{ path = \"b\", {cookie} }}\n\
         [[resources]]\nname = \"c\"\nendpoint = {{ path = \"{}/c\", {cookie} }}\n",
        elsewhere.url
    );
    let tables = load(&server, &config).unwrap();
    assert_eq!(tables.iter().map(|table| table.texts().concat()).collect::<String>(), "123");
    let wrong = config.replace("\"ck\"", "\"a;b\"");
    let error = load(&server, &wrong).unwrap_err();
    assert!(error.to_string().contains("a cookie holds neither"), "{error}");
    assert!(!error.to_string().contains("a;b"), "{error}");
}

#[test]
fn bodies_may_be_forms_and_texts() {
    let server = Server::start(|asked, _| {
        let form = "application/x-www-form-urlencoded";
        match asked.body.as_str() {
            "a%20b=1%262&n=5" => assert_eq!(asked.header("content-type"), Some(form)),
            "<q>7</q>" => assert_eq!(asked.header("content-type"), Some("text/xml")),
            other => panic!("{other}"),
        }
        Answer::json("[1]")
    });
    let form = "{ path = \"x\", method = \"POST\", data = { \"a b\" = \"1&2\", n = 5 } }";
    assert_eq!(all(&server, &client("", form)), ["1"]);
    let text = "{ path = \"x\", method = \"POST\", headers = { Content-Type = \"text/xml\" }, data = \"<q>7</q>\" }";
    assert_eq!(all(&server, &client("", text)), ["1"]);
    for (endpoint, what) in [
        ("{ path = \"x\", data = \"a\" }", "`data` is sent with `method = \"POST\"` only"),
        ("{ path = \"x\", method = \"POST\", data = \"a\", json = { a = 1 } }", "two bodies"),
        ("{ path = \"x\", method = \"POST\", data = { a = [1] } }", "`data.a` must be a text"),
        (
            "{ path = \"x\", method = \"POST\", data = \"a\", paginator = { type = \"page_number\", page_body_path = \"p\" } }",
            "the endpoint sends `data`",
        ),
    ] {
        let error = load(&server, &client("", endpoint)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}
