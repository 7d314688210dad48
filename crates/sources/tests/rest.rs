//! REST APIs, against a server on this machine that behaves like them.

use crate::read::{Table, read, read_with};
use crate::server::{Answer, Asked, Server};
use dlt_engine::source::ExtractContext;
use dlt_engine::{ErrorKind, Result, Source};
use std::time::Duration;

/// Reads a declaration, `BASE` in which stands for the server.
pub(crate) fn load(server: &Server, config: &str) -> Result<Vec<Table>> {
    let config = toml::from_str(&config.replace("BASE", &server.url)).unwrap();
    read(&mut dlt_sources::rest(config).backoff(Duration::from_millis(1)).timeout(Duration::from_secs(10)))
}

/// The rows of the only table, and what was said.
pub(crate) fn told(server: &Server, config: &str) -> Result<(Vec<String>, Vec<String>)> {
    let config = toml::from_str(&config.replace("BASE", &server.url)).unwrap();
    let context = ExtractContext::default();
    let mut tables = read_with(&mut dlt_sources::rest(config).backoff(Duration::from_millis(1)), &context)?;
    Ok((tables.remove(0).texts(), context.notices.said().iter().map(ToString::to_string).collect()))
}

pub(crate) fn client(settings: &str, endpoint: &str) -> String {
    format!(
        "client = {{ base_url = \"BASE/v1\"{settings} }}\n[[resources]]\nname = \"things\"\nendpoint = {endpoint}\n"
    )
}

pub(crate) fn all(server: &Server, config: &str) -> Vec<String> {
    load(server, config).unwrap().remove(0).texts()
}

#[test]
fn children_are_asked_for_by_parent() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/v1/users?role=a%20b" => Answer::json(
            "{\"users\":[{\"id\":1,\"name\":\"x y\",\"n\":null},{\"id\":22222222222222222222,\"name\":\"z\"}]}",
        ),
        "/v1/users/1/posts" => Answer::json("[{\"p\":1.0},{}]"),
        "/v1/users/22222222222222222222/posts" => Answer::json("[ {\"p\":2} ]"),
        "/v1/search?q=x%20y" => Answer::json("[{\"s\":1}]"),
        "/v1/search?q=z" => Answer::status(404),
        target => panic!("{target}"),
    });
    let config = "client = { base_url = \"BASE/v1/\" }
        [[resources]]
        name = \"posts\"
        endpoint = \"users/{resources.users.id}/posts\"
        include_from_parent = [\"id\", \"name\", \"n\"]
        [[resources]]
        name = \"users\"
        endpoint = { params = { role = \"a b\" } }
        primary_key = \"id\"
        write_disposition = \"replace\"
        [[resources]]
        name = \"hits\"
        table_name = \"found\"
        write_disposition = \"merge\"
        merge_strategy = \"upsert\"
        primary_key = \"s\"
        merge_key = [\"day\", \"hour\"]
        [resources.endpoint]
        path = \"search\"
        params = { q = \"{resources.users.name}\" }
        response_actions = [{ status_code = 404, action = \"ignore\" }]
    ";
    let tables = load(&server, config).unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["users", "posts", "hits"]);
    assert_eq!(
        tables[1].raw,
        [
            r#"{"p":1.0,"_users_id":1,"_users_name":"x y","_users_n":null}"#,
            r#"{"_users_id":1,"_users_name":"x y","_users_n":null}"#,
            r#"{"p":2,"_users_id":22222222222222222222,"_users_name":"z","_users_n":null}"#,
        ]
    );
    assert_eq!(tables[2].texts(), [r#"{"s":1}"#]);
    // The parent was read once.
    assert_eq!(server.targets().iter().filter(|target| target.starts_with("/v1/users?")).count(), 1);

    let mut source = dlt_sources::rest(toml::from_str(&config.replace("BASE", &server.url)).unwrap());
    let resources = source.resources(&ExtractContext::default()).unwrap();
    assert_eq!(resources[0].hints.primary_key, ["id"]);
    assert_eq!(resources[0].hints.disposition, Some(dlt_engine::schema::WriteDisposition::Replace));
    let found = &resources[2].hints;
    assert_eq!(found.table.as_deref(), Some("found"));
    assert_eq!(found.merge_strategy, Some(dlt_engine::schema::MergeStrategy::Upsert));
    assert_eq!(found.merge_key, ["day", "hour"]);
}

#[test]
fn parents_need_not_be_loaded() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/groups/a" => Answer::json("{\"id\":\"a\",\"users\":[{\"id\":1},{\"id\":2}]}"),
        "/groups/b" => Answer::json("{\"users\":[{\"id\":3}]}"),
        target => Answer::json(format!("{{\"of\":\"{target}\"}}")),
    });
    let config = "client = { base_url = \"BASE\" }
        [[resources]]
        name = \"groups\"
        selected = false
        items = [\"a\", \"b\"]
        [[resources]]
        name = \"users\"
        selected = false
        endpoint = { path = \"groups/{resources.groups.value}\", data_selector = \"users\" }
        [[resources]]
        name = \"things\"
        endpoint = \"users/{resources.users.id}\"
    ";
    let tables = load(&server, config).unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!(tables[0].texts(), [r#"{"of":"/users/1"}"#, r#"{"of":"/users/2"}"#, r#"{"of":"/users/3"}"#]);
}

#[test]
fn a_selection_reads_the_parents_that_it_needs_and_loads_what_it_names() {
    let answers = |asked: &Asked, _: usize| match asked.target.as_str() {
        "/users" => Answer::json("[{\"id\":1},{\"id\":2}]"),
        target => Answer::json(format!("{{\"of\":\"{target}\"}}")),
    };
    let config = "client = { base_url = \"BASE\" }
        [[resources]]
        name = \"users\"
        endpoint = \"users\"
        [[resources]]
        name = \"things\"
        endpoint = \"things/{resources.users.id}\"
        [[resources]]
        name = \"hidden\"
        selected = false
        endpoint = \"hidden\"
    ";
    let chosen = |names: &[&str]| {
        let server = Server::start(answers);
        let config = toml::from_str(&config.replace("BASE", &server.url)).unwrap();
        let selection = Some(names.iter().map(|name| (*name).to_owned()).collect());
        let context = ExtractContext { selection, ..ExtractContext::default() };
        let tables = read_with(&mut dlt_sources::rest(config), &context).unwrap();
        (tables.iter().map(|table| (table.name.clone(), table.texts().len())).collect::<Vec<_>>(), server.targets())
    };
    assert_eq!(chosen(&["things"]).0, [("things".to_owned(), 2)]);
    assert_eq!(chosen(&["users"]), (vec![("users".to_owned(), 2)], vec!["/users".to_owned()]));
    assert_eq!(chosen(&["hidden"]), (vec![("hidden".to_owned(), 1)], vec!["/hidden".to_owned()]));
}

#[test]
fn failures_that_pass_are_asked_again() {
    let server = Server::start(|_, before| match before {
        0 => Answer::status(429).with("Retry-After", "0"),
        1 => Answer::status(503),
        2 => Answer::status(500),
        _ => Answer::json("[1]"),
    });
    assert_eq!(all(&server, &client("", "\"x\"")), ["1"]);
    let server = Server::start(|_, _| Answer::status(502));
    let error = load(&server, &client("", "\"x\"")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().ends_with("/v1/x answered with status 502, 5 times"), "{error}");
    assert_eq!(server.targets().len(), 5);
    let server = Server::start(|_, _| Answer::status(404));
    let error = load(&server, &client("", "\"x\"")).unwrap_err();
    assert!(error.advice().unwrap().contains("response_actions"));
    assert_eq!(server.targets().len(), 1);
}

#[test]
fn an_answer_that_is_ignored_is_not_asked_for_again() {
    for status in [429, 503] {
        let server = Server::start(move |_, _| Answer::status(status));
        let actions = format!("response_actions = [{{ status_code = {status}, action = \"ignore\" }}]");
        assert!(all(&server, &client("", &format!("{{ path = \"x\", {actions} }}"))).is_empty());
        assert_eq!(server.targets().len(), 1);
    }
}

#[test]
fn a_server_can_ask_for_a_pause() {
    let server = Server::start(|_, before| match before {
        0 => Answer::status(429).with("Retry-After", "1"),
        _ => Answer::json("[1]"),
    });
    let begun = std::time::Instant::now();
    assert_eq!(all(&server, &client("", "\"x\"")), ["1"]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn no_connection_is_an_error_after_some_attempts() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!("client = {{ base_url = \"http://{free}\" }}\nresources = [\"x\"]");
    let source = dlt_sources::rest(toml::from_str(&config).unwrap());
    let error = read(&mut source.backoff(Duration::from_millis(1))).unwrap_err();
    assert!(error.to_string().contains("gave no answer after 5 attempts"), "{error}");
}

#[test]
fn credentials_go_to_the_api_alone() {
    let elsewhere = Server::start(|_, _| Answer::json("[2]"));
    let link = format!("<{}/x>; rel=\"next\"", elsewhere.url);
    let server = Server::start(move |_, _| Answer::json("[1]").with("Link", link.clone()));
    let auths = [
        ("{ type = \"bearer\", token = \"s3cret\" }", Some("Bearer s3cret"), None),
        ("{ type = \"http_basic\", username = \"u\", password = \"s3cret\" }", Some("Basic dTpzM2NyZXQ="), None),
        ("{ type = \"api_key\", api_key = \"s3cret\" }", Some("s3cret"), None),
        ("{ type = \"api_key\", api_key = \"s3cret\", name = \"key\", location = \"query\" }", None, Some("s3cret")),
    ];
    for (auth, header, param) in auths {
        let config = client(&format!(", auth = {auth}, headers = {{ X-Mine = \"yes\" }}"), "\"x\"");
        assert_eq!(all(&server, &config), ["1", "2"]);
        let asked = server.asked().pop().unwrap();
        assert_eq!((asked.header("authorization"), asked.param("key")), (header, param));
        assert_eq!(asked.header("x-mine"), Some("yes"));
        let other = elsewhere.asked().pop().unwrap();
        assert_eq!((other.header("authorization"), other.param("key"), other.header("x-mine")), (None, None, None));
    }
}

#[test]
fn no_secret_is_in_a_message() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        target if target.starts_with("/v1/text") => Answer::json("<html>"),
        _ => Answer::status(403),
    });
    let auth = ", auth = { type = \"api_key\", api_key = \"s3cret\", name = \"key\", location = \"query\" }";
    for path in ["x", "text"] {
        let config = client(auth, &format!("{{ path = \"{path}\", params = {{ token = \"s3cret\" }} }}"));
        let config: dlt_sources::RestConfig = toml::from_str(&config.replace("BASE", &server.url)).unwrap();
        assert!(!format!("{:?}", config.client).contains("s3cret"));
        let mut source = dlt_sources::rest(config);
        assert!(!source.identity().contains("s3cret"));
        let error = read(&mut source).unwrap_err();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
            cause = error.source();
        }
    }
}

#[test]
fn redirects_are_followed() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/v1/old" => Answer::status(301).with("Location", "/v2/new?page=1"),
        "/v2/new?page=1" => Answer::json("[1]"),
        "/v1/circle" => Answer::status(302).with("Location", "circle"),
        target => panic!("{target}"),
    });
    assert_eq!(all(&server, &client("", "\"old\"")), ["1"]);
    let error = load(&server, &client("", "\"circle\"")).unwrap_err();
    assert!(error.to_string().contains("in a circle"), "{error}");
}

#[test]
fn nothing_is_nothing() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/v1/empty" => Answer::json("[]"),
        "/v1/blank" => Answer::json(""),
        _ => Answer { status: 204, headers: Vec::new(), body: Vec::new() },
    });
    for path in ["empty", "blank", "none"] {
        assert!(all(&server, &client("", &format!("\"{path}\""))).is_empty());
    }
}

/// What is wrong with a declaration is known before any request.
fn config_error(config: &str) -> String {
    match toml::from_str(config) {
        Ok(config) => dlt_sources::rest(config).check().unwrap_err().to_string(),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn a_declaration_that_a_program_changed_is_checked_again() {
    let config = "client = { base_url = \"http://127.0.0.1:1\" }\nresources = [\"a\"]";
    let mut config: dlt_sources::RestConfig = toml::from_str(config).unwrap();
    config.resources.clear();
    let error = dlt_sources::rest(config).resources(&ExtractContext::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "no resource is selected");
}

#[test]
fn declarations_that_contradict_themselves_are_refused() {
    let base = "client = { base_url = \"http://127.0.0.1:1\" }\n";
    let cases = [
        ("resources = []", "no resource is selected"),
        ("resources = [\"a\", \"a\"]", "two resources are named `a`"),
        (
            "resources = [{ name = \"a\", endpoint = \"x/{resources.b.id}\" }]",
            "refers to `b`, which is no resource here",
        ),
        ("resources = [{ name = \"a\", endpoint = \"x/{resources.a.id}\" }]", "depends on itself"),
        ("resources = [{ name = \"a\", include_from_parent = [\"x\"] }]", "needs a parent"),
        ("resources = [{ name = \"a\", endpoint = { params = { x = [1] } } }]", "must be a text"),
        ("resources = [{ name = \"a\", endpoint = { data_selector = \"a..b\" } }]", "is no path"),
        (
            "resources = [{ name = \"a\", endpoint = { paginator = { type = \"cursor\", cursor_path = \"a..b\" } } }]",
            "resource `a`: `cursor_path = \"a..b\"` is no path",
        ),
        (
            "resources = [{ name = \"a\", endpoint = { paginator = { type = \"json_link\", next_url_path = \"a[\" } } }]",
            "`next_url_path = \"a[\"` is no path",
        ),
        (
            "resources = [{ name = \"a\", endpoint = { paginator = { type = \"offset\", limit = 1, total_path = \"\", has_more_path = \"$a\" } } }]",
            "`has_more_path = \"$a\"` is no path",
        ),
    ];
    for (resources, message) in cases {
        let error = config_error(&format!("{base}{resources}"));
        assert!(error.contains(message), "{error}");
    }
    let error = config_error("client = { base_url = \"api.example.com\" }\nresources = [\"a\"]");
    assert!(error.contains("http://"), "{error}");
    let error = config_error("client = { base_url = \"http://h\", auth = \"x\" }\nresources = [\"a\"]");
    assert!(error.contains("expected a table with `type`"), "{error}");
    for config in [
        "client = { base_url = \"http://h\", bas = 1 }\nresources = []",
        "client = { base_url = \"http://h\" }\nresources = [{ name = \"a\", endpoin = \"x\" }]",
        "client = { base_url = \"http://h\" }\nresources = [{ name = \"a\", endpoint = { pth = \"x\" } }]",
        "client = { base_url = \"http://h\", paginator = { type = \"offset\", limit = 1, x = 1 } }\nresources = []",
        "client = { base_url = \"http://h\", paginator = \"ofset\" }\nresources = []",
        "client = { base_url = \"http://h\", auth = { type = \"bearer\", tken = \"x\" } }\nresources = []",
    ] {
        let error = toml::from_str::<dlt_sources::RestConfig>(config).unwrap_err();
        assert!(error.to_string().contains("unknown"), "{error}");
    }
}
