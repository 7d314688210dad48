//! The paginator `auto` against servers that page as known APIs do: all 25 rows come, or it is said that they did not.

use crate::rest::{client, told};
use crate::server::{Answer, Asked, Server};

const ALL: usize = 25;
const SIZE: usize = 10;

/// Items from this one on, as many as a page has.
fn items(from: usize) -> String {
    let items: Vec<String> = (from..ALL.min(from + SIZE)).map(|n| format!("{{\"id\":\"i{n}\"}}")).collect();
    format!("[{}]", items.join(","))
}

fn next_of(from: usize) -> Option<usize> {
    (from + SIZE < ALL).then_some(from + SIZE)
}

type Api = (&'static str, fn(&Asked) -> Answer);

/// Reads all, with a literal `endpoint`.
fn read(answer: fn(&Asked) -> Answer, endpoint: &str) -> (Vec<String>, Vec<String>, usize) {
    let server = Server::start(move |asked, _| answer(asked));
    let (rows, said) = told(&server, &client("", endpoint)).unwrap();
    (rows, said, server.targets().len())
}

fn everything() -> Vec<String> {
    (0..ALL).map(|n| format!("{{\"id\":\"i{n}\"}}")).collect()
}

fn number(asked: &Asked, name: &str) -> usize {
    asked.number(name).unwrap_or(0)
}

fn link(from: usize, key: &str) -> String {
    next_of(from).map_or("null".to_owned(), |next| format!("\"/v1/x?{key}={next}\""))
}

fn mark(from: usize) -> String {
    next_of(from).map_or("null".to_owned(), |next| format!("\"m{next}\""))
}

fn marked(asked: &Asked, param: &str) -> usize {
    asked.param(param).map_or(0, |mark| mark.trim_start_matches('m').parse().unwrap())
}

#[test]
fn links_are_followed() {
    let apis: [Api; 9] = [
        ("GitHub, Shopify", |asked| {
            let from = number(asked, "at");
            let answer = Answer::json(items(from));
            match next_of(from) {
                Some(next) => answer.with("Link", format!("</v1/x?at={next}>; rel=\"next\"")),
                None => answer.with("Link", "</v1/x>; rel=\"first\""),
            }
        }),
        ("OData", |asked| {
            let from = number(asked, "$skip");
            let next = next_of(from).map(|next| format!("\"@odata.nextLink\":\"/v1/x?$skip={next}\","));
            Answer::json(format!("{{\"@odata.context\":\"c\",{}\"value\":{}}}", next.unwrap_or_default(), items(from)))
        }),
        ("JSON:API", |asked| {
            let from = number(asked, "page[offset]");
            let next = link(from, "page[offset]");
            Answer::json(format!(
                "{{\"data\":{},\"links\":{{\"self\":\"/v1/x\",\"next\":{next}}},\"meta\":{{\"total\":25}}}}",
                items(from)
            ))
        }),
        ("Django REST framework", |asked| {
            let from = number(asked, "offset");
            Answer::json(format!(
                "{{\"count\":25,\"next\":{},\"previous\":null,\"results\":{}}}",
                link(from, "offset"),
                items(from)
            ))
        }),
        ("Salesforce", |asked| {
            let from = number(asked, "q");
            let next = next_of(from).map(|next| format!("\"nextRecordsUrl\":\"/v1/x?q={next}\",")).unwrap_or_default();
            Answer::json(format!("{{\"totalSize\":25,\"done\":{},{next}\"records\":{}}}", next.is_empty(), items(from)))
        }),
        // The link is there on the last page, too.
        ("Zendesk", |asked| {
            let from = number(asked, "page[after]");
            let more = next_of(from).is_some();
            let next = format!("/v1/x?page[after]={}", from + SIZE);
            Answer::json(format!(
                "{{\"x\":{},\"meta\":{{\"has_more\":{more}}},\"links\":{{\"next\":\"{next}\"}}}}",
                items(from)
            ))
        }),
        ("HAL", |asked| {
            let from = number(asked, "from");
            let next = next_of(from).map(|next| format!(",\"next\":{{\"href\":\"/v1/x?from={next}\"}}"));
            let links = format!("{{\"self\":{{\"href\":\"/v1/x\"}}{}}}", next.unwrap_or_default());
            Answer::json(format!("{{\"_links\":{links},\"_embedded\":{{\"orders\":{}}}}}", items(from)))
        }),
        ("FHIR", |asked| {
            let from = number(asked, "from");
            let next = next_of(from).map(|next| format!(",{{\"relation\":\"next\",\"url\":\"/v1/x?from={next}\"}}"));
            let links = format!("[{{\"relation\":\"self\",\"url\":\"/v1/x\"}}{}]", next.unwrap_or_default());
            Answer::json(format!(
                "{{\"resourceType\":\"Bundle\",\"total\":25,\"link\":{links},\"entry\":{}}}",
                items(from)
            ))
        }),
        ("Laravel", |asked| {
            let page = asked.number("page").unwrap_or(1);
            let from = (page - 1) * SIZE;
            let next = next_of(from).map_or("null".to_owned(), |_| format!("\"/v1/x?page={}\"", page + 1));
            Answer::json(format!(
                "{{\"current_page\":{page},\"data\":{},\"from\":{},\"last_page\":3,\"next_page_url\":{next},\"per_page\":10,\"total\":25}}",
                items(from),
                from + 1
            ))
        }),
    ];
    for (name, answer) in apis {
        let (rows, said, requests) = read(answer, "\"x\"");
        assert_eq!((rows, requests), (everything(), 3), "{name}");
        assert!(said.is_empty(), "{name}: {said:?}");
    }
}

#[test]
fn marks_are_followed() {
    let apis: [Api; 8] = [
        ("Slack", |asked| {
            let from = marked(asked, "cursor");
            let next = next_of(from).map_or(String::new(), |next| format!("m{next}"));
            Answer::json(format!(
                "{{\"ok\":true,\"members\":{},\"response_metadata\":{{\"next_cursor\":\"{next}\"}}}}",
                items(from)
            ))
        }),
        ("HubSpot", |asked| {
            let from = marked(asked, "after");
            let next = next_of(from).map(|next| format!(",\"paging\":{{\"next\":{{\"after\":\"m{next}\"}}}}"));
            Answer::json(format!("{{\"results\":{}{}}}", items(from), next.unwrap_or_default()))
        }),
        ("Google", |asked| {
            let from = marked(asked, "pageToken");
            let next = next_of(from).map(|next| format!("\"nextPageToken\":\"m{next}\",")).unwrap_or_default();
            Answer::json(format!("{{\"kind\":\"x\",{next}\"nextSyncToken\":\"s\",\"files\":{}}}", items(from)))
        }),
        ("Airtable", |asked| {
            let from = marked(asked, "offset");
            let next = next_of(from).map(|next| format!(",\"offset\":\"m{next}\"")).unwrap_or_default();
            Answer::json(format!("{{\"records\":{}{next}}}", items(from)))
        }),
        ("Pipedrive", |asked| {
            let from = number(asked, "start");
            let next = next_of(from).map(|next| format!(",\"next_start\":{next}")).unwrap_or_default();
            Answer::json(format!(
                "{{\"success\":true,\"data\":{},\"additional_data\":{{\"pagination\":{{\"start\":{from},\"limit\":10,\"more_items_in_collection\":{}{next}}}}}}}",
                items(from),
                !next.is_empty()
            ))
        }),
        ("Twitter", |asked| {
            let from = marked(asked, "pagination_token");
            let next = next_of(from).map(|next| format!(",\"next_token\":\"m{next}\"")).unwrap_or_default();
            Answer::json(format!("{{\"data\":{},\"meta\":{{\"result_count\":10{next}}}}}", items(from)))
        }),
        ("Stripe", |asked| {
            let from = asked.param("starting_after").map_or(0, |id| id[1..].parse::<usize>().unwrap() + 1);
            Answer::json(format!(
                "{{\"object\":\"list\",\"url\":\"/v1/x\",\"has_more\":{},\"data\":{}}}",
                next_of(from).is_some(),
                items(from)
            ))
        }),
        ("a number of the next page", |asked| {
            let page = asked.number("page").unwrap_or(1);
            let next = next_of((page - 1) * SIZE).map_or("null".to_owned(), |_| (page + 1).to_string());
            Answer::json(format!("{{\"next_page\":{next},\"x\":{}}}", items((page - 1) * SIZE)))
        }),
    ];
    for (name, answer) in apis {
        let (rows, said, _) = read(answer, "\"x\"");
        assert_eq!(rows, everything(), "{name}");
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        assert!(said[0].contains("found by trying") && said[0].contains("type = \"cursor\""), "{said:?}");
    }
    // Its API is asked by POST; where one like it is asked by GET, this is the parameter.
    let notion = |asked: &Asked| {
        let from = marked(asked, "start_cursor");
        Answer::json(format!(
            "{{\"object\":\"list\",\"results\":{},\"next_cursor\":{},\"has_more\":{}}}",
            items(from),
            mark(from),
            next_of(from).is_some()
        ))
    };
    assert_eq!(read(notion, "\"x\"").0, everything());
}

#[test]
fn totals_are_believed() {
    let apis: [Api; 12] = [
        ("only a total, by offset", |asked| {
            Answer::json(format!("{{\"items\":{},\"total\":25}}", items(number(asked, "offset"))))
        }),
        ("only a total, by page from 1", |asked| {
            let from = (asked.number("page").unwrap_or(1).max(1) - 1) * SIZE;
            Answer::json(format!("{{\"items\":{},\"total\":25}}", items(from)))
        }),
        ("only a total, by page from 0, unknown parameters refused", |asked| match asked.param("offset") {
            Some(_) => Answer::status(400),
            None => Answer::json(format!("{{\"items\":{},\"total\":\"25\"}}", items(number(asked, "page") * SIZE))),
        }),
        ("a page and a total", |asked| {
            let page = asked.number("page").unwrap_or(1);
            Answer::json(format!("{{\"data\":{},\"page\":{page},\"total\":25}}", items((page - 1) * SIZE)))
        }),
        ("Jira", |asked| {
            let from = number(asked, "startAt");
            Answer::json(format!("{{\"startAt\":{from},\"maxResults\":10,\"total\":25,\"issues\":{}}}", items(from)))
        }),
        ("Spring", |asked| {
            let page = number(asked, "page");
            Answer::json(format!(
                "{{\"content\":{},\"number\":{page},\"size\":10,\"last\":{},\"totalPages\":3,\"totalElements\":25}}",
                items(page * SIZE),
                page == 2
            ))
        }),
        ("Elastic", |asked| match asked.param("offset").or(asked.param("page")) {
            Some(_) => Answer::status(400),
            None => Answer::json(format!(
                "{{\"took\":1,\"_shards\":{{\"total\":1}},\"hits\":{{\"total\":{{\"value\":25,\"relation\":\"eq\"}},\"hits\":{}}}}}",
                items(number(asked, "from"))
            )),
        }),
        ("Solr", |asked| {
            let from = number(asked, "start");
            Answer::json(format!("{{\"response\":{{\"numFound\":25,\"start\":{from},\"docs\":{}}}}}", items(from)))
        }),
        ("WordPress without links", |asked| {
            let page = asked.number("page").unwrap_or(1).max(1);
            Answer::json(items((page - 1) * SIZE)).with("X-WP-Total", "25").with("X-WP-TotalPages", "3")
        }),
        ("a total in a header", |asked| Answer::json(items(number(asked, "offset"))).with("X-Total-Count", "25")),
        ("a range in a header", |asked| {
            let from = number(asked, "offset");
            Answer { status: 206, ..Answer::json(items(from)) }
                .with("Content-Range", format!("items {from}-{}/25", from + 9))
        }),
        ("more, and nothing else", |asked| {
            let from = number(asked, "offset");
            Answer::json(format!("{{\"hasMore\":{},\"x\":{}}}", next_of(from).is_some(), items(from)))
        }),
    ];
    for (name, answer) in apis {
        let (rows, said, _) = read(answer, "\"x\"");
        assert_eq!(rows, everything(), "{name}");
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        assert!(said[0].contains("found by trying"), "{name}: {said:?}");
    }
}

#[test]
fn parameters_that_are_given_are_used() {
    let (rows, _, requests) = read(
        |asked| {
            let from = (asked.number("p").unwrap() - 1) * SIZE;
            Answer::json(format!("{{\"x\":{},\"count\":25,\"p\":1}}", items(from)))
        },
        "{ path = \"x\", params = { p = 1 } }",
    );
    // A name that says nothing is not taken for a page, and what came says how much is missing.
    assert_eq!((rows.len(), requests > 1), (10, true));
    let (rows, _, requests) = read(
        |asked| {
            Answer::json(format!(
                "{{\"x\":{},\"count\":25}}",
                items((asked.number("page%5Bnumber%5D").unwrap() - 1) * SIZE)
            ))
        },
        "{ path = \"x\", params = { \"page[number]\" = 1 } }",
    );
    assert_eq!((rows, requests), (everything(), 3));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let total = |_: &Asked| Answer::json(format!("{{\"items\":{},\"total\":25}}", items(0)));
    let (rows, said, _) = read(total, "\"x\"");
    assert_eq!(rows.len(), 10);
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["10 items", "25 items", "`items`, `total`", "paginator = { type = \"offset\"", "\"single_page\""] {
        assert!(said[0].contains(part), "{part}: {said:?}");
    }
    let full = |_: &Asked| Answer::json(items(0));
    let (_, said, _) = read(full, "{ path = \"x\", params = { per_page = 10 } }");
    assert!(said[0].contains("the first page is full (`per_page` = 10)"), "{said:?}");
    let (_, said, _) = read(full, "{ path = \"x\", params = { per_page = 50 } }");
    assert!(said.is_empty(), "{said:?}");
    // A total of no page: every parameter is ignored, and each request gives other rows.
    let server =
        Server::start(|_, before| Answer::json(format!("{{\"items\":[{before}],\"total\":25,\"next\":null}}")));
    let (rows, said) = told(&server, &client("", "\"x\"")).unwrap();
    assert_eq!((rows.len(), server.targets().len()), (1, 1));
    assert!(said[0].contains("there are 25 items"), "{said:?}");
}

#[test]
fn what_says_that_there_is_more_is_an_error_if_it_cannot_be_followed() {
    for body in ["\"has_more\":true", "\"next_cursor\":\"abc\"", "\"continuationToken\":\"abc\""] {
        let server = Server::start(move |_, _| Answer::json(format!("{{\"x\":{},{body}}}", items(0))));
        let error = told(&server, &client("", "\"x\"")).unwrap_err();
        assert!(error.to_string().contains("the keys `x`, "), "{error}");
        assert!(error.advice().unwrap().contains("single_page"), "{error}");
        let one = client("", "{ path = \"x\", paginator = \"single_page\" }");
        assert_eq!(told(&server, &one).unwrap().0.len(), 10);
    }
}

#[test]
fn pages_that_end_before_the_total_are_said() {
    let search = |asked: &Asked| {
        let answer = Answer::json(format!("{{\"total_count\":1000,\"items\":{}}}", items(number(asked, "at"))));
        match next_of(number(asked, "at")) {
            Some(next) => answer.with("Link", format!("</v1/x?at={next}>; rel=\"next\"")),
            None => answer,
        }
    };
    let (rows, said, _) = read(search, "\"x\"");
    assert_eq!(rows, everything());
    assert!(said[0].contains("there are 1000 items, and its pages ended after 25"), "{said:?}");
}

#[test]
fn children_find_their_pages_once() {
    let server =
        Server::start(|asked, _| match asked.target.starts_with("/v1/users?") || asked.target == "/v1/users" {
            true => Answer::json("[{\"id\":1},{\"id\":2},{\"id\":3}]"),
            false => Answer::json(format!("{{\"posts\":{},\"total\":25}}", items(number(asked, "offset")))),
        });
    let config = "client = { base_url = \"BASE/v1\" }\n
        [[resources]]\nname = \"posts\"\nendpoint = \"users/{resources.users.id}/posts\"\n
        [[resources]]\nname = \"users\"\nselected = false\n";
    let (rows, said) = told(&server, config).unwrap();
    assert_eq!((rows.len(), said.len()), (75, 1), "{said:?}");
    assert_eq!(server.targets().len(), 10);
}

#[test]
fn side_lists_are_no_items() {
    for (body, rows) in [
        ("{\"errors\":[],\"users\":[{\"id\":1},{\"id\":2}]}", 2),
        ("{\"users\":[{\"id\":1}],\"errors\":[]}", 1),
        ("{\"id\":1,\"tags\":[\"a\",\"b\"]}", 1),
        ("{\"data\":[],\"warnings\":[{\"w\":1}]}", 0),
    ] {
        let server = Server::start(move |_, _| Answer::json(body));
        assert_eq!(told(&server, &client("", "\"x\"")).unwrap().0.len(), rows, "{body}");
    }
    let server = Server::start(|_, _| Answer::json("{\"id\":1,\"tags\":[\"a\",\"b\"]}"));
    let (rows, said) = told(&server, &client("", "\"x\"")).unwrap();
    assert_eq!(rows, ["{\"id\":1,\"tags\":[\"a\",\"b\"]}"]);
    assert!(said[0].contains("data_selector = \"tags\""), "{said:?}");
    assert!(told(&server, &client("", "{ path = \"x\", data_selector = \"$\" }")).unwrap().1.is_empty());
}

#[test]
fn a_first_page_without_items_decides_nothing() {
    let server = Server::start(|asked, _| match asked.target.contains("p=2") {
        true => Answer::json("{\"tags\":[],\"users\":[{\"id\":1}]}"),
        false => Answer::json("{\"tags\":[],\"users\":null,\"next\":\"/v1/x?p=2\"}"),
    });
    assert_eq!(told(&server, &client("", "\"x\"")).unwrap().0, ["{\"id\":1}"]);
}

#[test]
fn a_failure_with_a_status_of_success_is_an_error() {
    for body in ["{\"ok\":false,\"error\":\"invalid_auth\"}", "{\"errors\":[{\"message\":\"x\"}],\"data\":null}"] {
        let server = Server::start(move |_, _| Answer::json(body));
        let error = told(&server, &client("", "\"x\"")).unwrap_err();
        assert!(error.to_string().contains("the request failed"), "{error}");
        assert!(!error.to_string().contains("invalid_auth"), "{error}");
    }
}

#[test]
fn bodies_come_as_servers_make_them() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all("[\"é\"]".as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let bodies: [(Vec<u8>, &str); 5] = [
        (b"\xef\xbb\xbf[\"\xc3\xa9\"]".to_vec(), "application/json"),
        (b"[\"\xe9\"]".to_vec(), "application/json; charset=iso-8859-1"),
        ("[\"é\"]".into(), "application/json; charset=iso-8859-1"),
        (gzip, "application/json"),
        (zstd::encode_all("[\"é\"]".as_bytes(), 1).unwrap(), "application/json"),
    ];
    for (body, kind) in bodies {
        let server = Server::start(move |_, _| Answer::json(body.clone()).with("Content-Type", kind));
        assert_eq!(told(&server, &client("", "\"x\"")).unwrap().0, ["\"é\""], "{kind}");
    }
    let server = Server::start(|_, _| Answer::json(b"[\"\xe9\"]".to_vec()).with("Content-Type", "application/json"));
    let error = told(&server, &client("", "\"x\"")).unwrap_err();
    assert!(error.to_string().contains("neither UTF-8 nor what its header says"), "{error}");
}
