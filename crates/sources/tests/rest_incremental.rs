//! The start of a range in the requests of a REST API.

use crate::read::read_with;
use crate::rest::load;
use crate::server::{Answer, Server};
use dlt_engine::source::{ExtractContext, SourceState};
use serde_json::json;

/// What the server was asked for, with a stored position of 7.
fn asked(endpoint: &str, target: &'static str) {
    let server = Server::start(move |asked, _| match asked.target.as_str() {
        found if found == target => Answer::json("[{\"n\":8}]"),
        found => panic!("{found} instead of {target}"),
    });
    let config = format!("client.base_url = \"BASE/v1\"\n[[resources]]\nname = \"things\"\n{endpoint}");
    let config = toml::from_str(&config.replace("BASE", &server.url)).unwrap();
    let position = json!({"resources": {"things": {"incremental": {"n": {"last_value": 7, "unique_hashes": []}}}}});
    let state = SourceState::new(position.as_object().unwrap().clone());
    let context = ExtractContext { state, ..ExtractContext::default() };
    let tables = read_with(&mut dlt_sources::rest(config), &context).unwrap();
    assert_eq!(tables[0].texts(), ["{\"n\":8}"]);
}

#[test]
fn the_stored_position_is_sent() {
    let paths = "endpoint = { path = \"t\", paginator = \"single_page\", ";
    let from = "incremental = { cursor_path = \"n\"";
    asked(&format!("{paths}{from}, start_param = \"since\" }} }}"), "/v1/t?since=7");
    asked(&format!("{paths}{from}, lag = 2, start_param = \"since\" }} }}"), "/v1/t?since=5");
    asked(&format!("{paths}params.since = {{ type = \"incremental\", cursor_path = \"n\" }} }}"), "/v1/t?since=7");
    asked(&format!("{paths}params.q = \"n>{{incremental.start_value}}\", {from} }} }}"), "/v1/t?q=n%3E7");
    let range = ", initial_value = 1, end_value = 9, start_param = \"a\", end_param = \"b\" } }";
    asked(&format!("{paths}{from}{range}"), "/v1/t?a=1&b=9");
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let server = Server::start(|_, _| panic!("nothing is asked for"));
    for (endpoint, told) in [
        ("path = \"t\", params.q = \"{incremental.start_value}\"", "needs `incremental` at the endpoint"),
        (
            "path = \"t/{incremental.start_value}\", incremental = { cursor_path = \"n\" }",
            "has no value in the first run",
        ),
        (
            "params.a = { type = \"incremental\", cursor_path = \"n\" }, incremental = { cursor_path = \"n\" }",
            "one `incremental` is the most",
        ),
        ("incremental = { cursor_path = \"n..m\" }", "cannot be the path of a cursor"),
    ] {
        let config =
            format!("client.base_url = \"BASE/v1\"\n[[resources]]\nname = \"things\"\nendpoint = {{ {endpoint} }}");
        let error = load(&server, &config).unwrap_err().to_string();
        assert!(error.starts_with("resource `things`: ") && error.contains(told), "{error}");
    }
}
