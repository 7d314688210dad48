//! Pages of REST APIs, and where their items are.

use crate::rest::{all, client, load, told};
use crate::server::{Answer, Asked, Server};
use dlt_engine::ErrorKind;

/// Ten numbers, of which a page holds three.
fn numbers(from: usize) -> String {
    let items: Vec<String> = (from..10.min(from + 3)).map(|n| format!("{{\"n\":{n}}}")).collect();
    format!("[{}]", items.join(","))
}

fn ten() -> Vec<String> {
    (0..10).map(|n| format!("{{\"n\":{n}}}")).collect()
}

#[test]
fn pages_by_offset() {
    let answer = |asked: &Asked, _| {
        assert_eq!(asked.number("limit"), Some(3));
        Answer::json(format!("{{\"data\":{},\"meta\":{{\"count\":\"10\"}}}}", numbers(asked.number("offset").unwrap())))
    };
    let server = Server::start(answer);
    let config = client("", "{ paginator = { type = \"offset\", limit = 3, total_path = \"meta.count\" } }");
    assert_eq!(all(&server, &config), ten());
    assert_eq!(server.targets().len(), 4);
    let to_empty = client("", "{ paginator = { type = \"offset\", limit = 3, total_path = \"\" } }");
    assert_eq!(all(&server, &to_empty), ten());
    let limited = client("", "{ paginator = { type = \"offset\", limit = 3, total_path = \"\", maximum_offset = 6 } }");
    assert_eq!(all(&server, &limited).len(), 6);
    let error = load(&server, &client("", "{ paginator = { type = \"offset\", limit = 3 } }")).unwrap_err();
    assert!(error.to_string().contains("no number at `total`"), "{error}");
}

#[test]
fn pages_by_number() {
    let server = Server::start(|asked, _| {
        let page = asked.number("p").unwrap();
        Answer::json(format!("{{\"total\":4,\"more\":{},\"data\":{}}}", page < 3, numbers(3 * (page - 1))))
    });
    let config = client("", "{ paginator = { type = \"page_number\", base_page = 1, page_param = \"p\" } }");
    assert_eq!(all(&server, &config), ten());
    assert_eq!(server.targets().len(), 4);
    let more = client(
        "",
        "{ paginator = { type = \"page_number\", base_page = 1, page_param = \"p\", total_path = \"\", has_more_path = \"more\" } }",
    );
    assert_eq!(all(&server, &more).len(), 9);
    let last =
        client("", "{ paginator = { type = \"page_number\", base_page = 1, page_param = \"p\", maximum_page = 2 } }");
    assert_eq!(all(&server, &last).len(), 6);
}

#[test]
fn pages_by_cursor() {
    let server = Server::start(|asked, _| {
        let from = asked.number("after").unwrap_or(0);
        assert_eq!(asked.param("size"), Some("3"));
        let next = if from < 9 { format!("\"{}\"", from + 3) } else { "null".to_owned() };
        Answer::json(format!("{{\"results\":{},\"cursors\":{{\"next\":{next}}}}}", numbers(from)))
    });
    let config = client("", "{ params = { size = 3 }, paginator = { type = \"cursor\", cursor_param = \"after\" } }");
    assert_eq!(all(&server, &config), ten());
}

#[test]
fn pages_by_links() {
    let server = Server::start(|asked, _| {
        let from = asked.number("from").unwrap_or(0);
        let next = (from < 9).then(|| format!("?from={}", from + 3));
        if asked.target.starts_with("/v1/header") {
            let answer = Answer::json(numbers(from));
            return match next {
                Some(next) => answer.with("Link", format!("<{next}>; rel=\"next\"")),
                None => answer,
            };
        }
        let next = next.map_or("null".to_owned(), |next| format!("\"/v1/body{next}\""));
        Answer::json(format!("{{\"items\":{},\"paging\":{{\"next\":{next}}}}}", numbers(from)))
    });
    let given = client(
        "",
        "{ path = \"body\", params = { x = 1 }, paginator = { type = \"json_link\", next_url_path = \"paging.next\" } }",
    );
    assert_eq!(all(&server, &given), ten());
    // A link is a whole request: parameters are not added to it.
    assert_eq!(server.targets(), ["/v1/body?x=1", "/v1/body?from=3", "/v1/body?from=6", "/v1/body?from=9"]);
    for endpoint in ["\"body\"", "\"header\"", "{ path = \"header\", paginator = \"header_link\" }"] {
        assert_eq!(all(&server, &client("", endpoint)), ten(), "{endpoint}");
    }
    assert_eq!(all(&server, &client(", paginator = \"single_page\"", "\"body\"")).len(), 3);
}

#[test]
fn all_link_headers_count() {
    let server = Server::start(|asked, _| {
        let answer = Answer::json("[1]").with("Link", "</v1/x>; rel=\"first\"");
        if asked.target.contains("page") { answer } else { answer.with("Link", "</v1/x?page=2>; rel=\"next\"") }
    });
    assert_eq!(all(&server, &client("", "\"x\"")), ["1", "1"]);
    assert_eq!(all(&server, &client("", "{ path = \"x\", paginator = \"header_link\" }")), ["1", "1"]);
}

#[test]
fn a_single_thing_that_has_pages_is_one_item() {
    let server = Server::start(|_, _| Answer::json("{\"title\":\"x\",\"pages\":3}"));
    assert_eq!(all(&server, &client("", "\"book\"")).len(), 1);
    assert_eq!(server.targets(), ["/v1/book"]);
}

#[test]
fn null_is_no_item() {
    let server = Server::start(|asked, _| match asked.number("offset").unwrap() {
        0 => Answer::json("{\"data\":[1]}"),
        _ => Answer::json("{\"data\":null}"),
    });
    let config = client("", "{ paginator = { type = \"offset\", limit = 1, total_path = \"\" } }");
    assert_eq!(all(&server, &config), ["1"]);
    assert_eq!(server.targets().len(), 2);
}

#[test]
fn items_that_are_not_where_they_should_be_are_an_error() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/v1/empty" => Answer::json("{\"items\":[]}"),
        "/v1/null" => Answer::json("{\"items\":null}"),
        "/v1/more" => Answer::json("{\"items\":[1],\"next\":\"/v1/end\"}"),
        "/v1/end" => Answer::json("{\"message\":\"no more\"}"),
        _ => Answer::json("{\"items\":[1]}"),
    });
    let endpoint = |path, selector| client("", &format!("{{ path = \"{path}\", data_selector = \"{selector}\" }}"));
    let error = load(&server, &endpoint("x?key=s3cret", "itmes")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().ends_with("/v1/x: the response has nothing at `itmes`"), "{error}");
    assert!(error.advice().unwrap().contains("response_actions"));
    for (path, items) in [("x", 1), ("empty", 0), ("null", 0), ("more", 1)] {
        assert_eq!(all(&server, &endpoint(path, "items")).len(), items, "{path}");
    }
}

#[test]
fn pages_are_found_from_the_first_response() {
    let server = Server::start(|asked, _| match asked.target.split('?').next().unwrap() {
        "/v1/pages" => {
            let page = asked.number("page").unwrap_or(1);
            Answer::json(format!("{{\"page\":{page},\"total_pages\":4,\"rows\":{}}}", numbers(3 * (page - 1))))
        }
        "/v1/mark" => {
            let from = asked.number("cursor").unwrap_or(0);
            let next = if from < 9 { (from + 3).to_string() } else { "null".to_owned() };
            Answer::json(format!("{{\"next\":{next},\"rows\":{}}}", numbers(from)))
        }
        _ => Answer::json("{\"alone\":1.10}"),
    });
    assert_eq!(all(&server, &client("", "\"pages\"")), ten());
    assert_eq!(server.targets().len(), 4);
    assert_eq!(all(&server, &client("", "\"mark\"")), ten());
    assert_eq!(all(&server, &client("", "\"one\"")).len(), 1);
}

#[test]
fn a_page_that_names_itself_is_no_endless_loop() {
    let server = Server::start(|_, _| Answer::json("{\"next\":\"same\",\"items\":[1]}"));
    let error = load(&server, &client("", "{ paginator = \"json_link\" }")).unwrap_err();
    assert!(error.to_string().contains("names the same page"), "{error}");
    let cursor = client("", "{ paginator = { type = \"cursor\", cursor_path = \"next\" } }");
    let error = load(&server, &cursor).unwrap_err();
    assert!(error.to_string().contains("the same items"), "{error}");
    assert!(error.advice().unwrap().contains("`cursor_param`"), "{error}");
    let error = load(&server, &client("", "\"x\"")).unwrap_err();
    assert!(error.to_string().contains("a mark for the next page at `next`"), "{error}");
    assert!(error.advice().unwrap().contains("cursor_path = \"next\""), "{error}");
}

#[test]
fn pages_that_go_in_a_circle_are_no_endless_loop() {
    let server = Server::start(|asked, _| {
        let next = (asked.number("p").unwrap_or(0) + 1) % 5;
        Answer::json(format!("{{\"next\":\"/v1/x?key=s3cret&p={next}\",\"items\":[{next}]}}"))
    });
    let error = load(&server, &client("", "\"x\"")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("/v1/x: the pages go in a circle"), "{error}");
    assert!(server.targets().len() < 20);
}

#[test]
fn pages_may_be_smaller_than_the_limit() {
    // The server gives three items at most, whatever it is asked for.
    let server = Server::start(|asked, _| {
        let total = if asked.target.contains("total") { "\"total\":10," } else { "" };
        Answer::json(format!("{{{total}\"data\":{}}}", numbers(asked.number("offset").unwrap())))
    });
    for (path, total_path) in [("x", ""), ("total", "total")] {
        let paginator = format!("{{ type = \"offset\", limit = 5, total_path = \"{total_path}\" }}");
        let (rows, said) =
            told(&server, &client("", &format!("{{ path = \"{path}\", paginator = {paginator} }}"))).unwrap();
        assert_eq!(rows, ten());
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("at most 3 items a page, though `limit` is 5") && said[0].contains("limit = 3"),
            "{said:?}"
        );
    }
}

#[test]
fn a_limit_that_is_ignored_gives_no_row_twice() {
    let server = Server::start(|asked, _| {
        Answer::json(format!("{{\"total\":10,\"data\":{}}}", numbers(asked.number("offset").unwrap())))
    });
    assert_eq!(all(&server, &client("", "{ paginator = { type = \"offset\", limit = 2 } }")), ten());
}

#[test]
fn a_page_that_comes_again_is_an_error() {
    let server = Server::start(|_, _| Answer::json(format!("{{\"items\":{}}}", numbers(0))));
    for (paginator, param) in [
        ("{ type = \"offset\", limit = 3, total_path = \"\" }", "offset_param"),
        ("{ type = \"page_number\", total_path = \"\" }", "page_param"),
    ] {
        let error = load(&server, &client("", &format!("{{ paginator = {paginator} }}"))).unwrap_err();
        assert!(error.to_string().contains("the same items as the one before"), "{error}");
        assert!(error.advice().unwrap().contains(param), "{error}");
    }
    assert_eq!(server.targets().len(), 4);
}

#[test]
fn fewer_rows_than_the_total_are_said() {
    let server = Server::start(|asked, _| {
        let from = asked.number("offset").unwrap();
        let items = if from > 5 { "[]".to_owned() } else { numbers(from) };
        Answer::json(format!("{{\"total\":10,\"data\":{items}}}"))
    });
    let (rows, said) = told(&server, &client("", "{ paginator = { type = \"offset\", limit = 3 } }")).unwrap();
    assert_eq!(rows.len(), 6);
    assert!(said[0].contains("there are 10 items, and 6 came"), "{said:?}");
    let pages = Server::start(|_, _| Answer::json(format!("{{\"total\":1,\"data\":{}}}", numbers(0))));
    let (_, said) = told(&pages, &client("", "{ paginator = { type = \"offset\", limit = 3 } }")).unwrap();
    assert!(said[0].contains("may be that of pages"), "{said:?}");
}

#[test]
fn the_end_is_written_in_many_ways() {
    for end in ["null", "0", "false", "\"\""] {
        let server = Server::start(move |asked, _| match asked.target.contains("p=2") {
            true => Answer::json(format!("{{\"next\":{end},\"items\":[2]}}")),
            false => Answer::json("{\"next\":\"?p=2\",\"items\":[1]}"),
        });
        for paginator in ["auto", "json_link"] {
            assert_eq!(all(&server, &client("", &format!("{{ paginator = \"{paginator}\" }}"))), ["1", "2"], "{end}");
        }
        let server = Server::start(move |asked, _| match asked.param("cursor") {
            Some("7") => Answer::json(format!("{{\"next\":{end},\"items\":[2]}}")),
            _ => Answer::json("{\"next\":7,\"items\":[1]}"),
        });
        let cursor = client("", "{ paginator = { type = \"cursor\", cursor_path = \"next\" } }");
        assert_eq!(all(&server, &cursor), ["1", "2"], "{end}");
    }
}

#[test]
fn a_key_with_dots_needs_no_quotes() {
    let server = Server::start(|asked, _| match asked.target.contains("skip") {
        true => Answer::json("{\"value\":[2]}"),
        false => Answer::json("{\"@odata.nextLink\":\"?$skip=1\",\"value\":[1]}"),
    });
    for path in ["@odata.nextLink", "['@odata.nextLink']", "$['@odata.nextLink']"] {
        let paginator = format!("{{ type = \"json_link\", next_url_path = \"{path}\" }}");
        assert_eq!(all(&server, &client("", &format!("{{ paginator = {paginator} }}"))), ["1", "2"], "{path}");
    }
}

#[test]
fn positions_may_be_sent_in_the_body() {
    let server = Server::start(|asked, _| {
        let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!((asked.header("content-type"), &body["q"]), (Some("application/json"), &"x".into()));
        let from = body["page"]["from"].as_u64().or(body["cursor"].as_str().map(|c| c.parse().unwrap())).unwrap_or(0);
        let from = usize::try_from(from).unwrap();
        let next = if from < 9 { format!("\"{}\"", from + 3) } else { "null".to_owned() };
        Answer::json(format!("{{\"total\":10,\"next\":{next},\"data\":{}}}", numbers(from)))
    });
    for paginator in [
        "{ type = \"offset\", limit = 3, offset_body_path = \"page.from\", limit_body_path = \"page.size\" }",
        "{ type = \"cursor\", cursor_path = \"next\", cursor_body_path = \"cursor\" }",
    ] {
        let endpoint = format!("{{ method = \"POST\", json = {{ q = \"x\" }}, paginator = {paginator} }}");
        assert_eq!(all(&server, &client("", &endpoint)), ten(), "{paginator}");
    }
}

#[test]
fn a_header_may_hold_the_mark() {
    let server = Server::start(|asked, _| {
        let from = asked.number("after").unwrap_or(0);
        let answer = Answer::json(numbers(from));
        if from < 9 { answer.with("X-Next-Cursor", (from + 3).to_string()) } else { answer }
    });
    let paginator = "{ type = \"header_cursor\", cursor_key = \"X-Next-Cursor\", cursor_param = \"after\" }";
    assert_eq!(all(&server, &client("", &format!("{{ paginator = {paginator} }}"))), ten());
}

#[test]
fn a_mark_without_end_is_no_endless_loop() {
    let server = Server::start(|_, before| {
        let items = if before == 0 { "[1]" } else { "[]" };
        Answer::json(format!("{{\"next\":\"m{before}\",\"items\":{items}}}"))
    });
    let error = load(&server, &client("", "\"x\"")).unwrap_err();
    assert!(error.to_string().contains("100 pages without items"), "{error}");
}
