//! Tokens, response actions, processing steps and pace of REST APIs.

use crate::rest::{all, client, load};
use crate::server::{Answer, Server};
use dlt_engine::Source as _;
use dlt_engine::schema::{Entity, Mode};
use dlt_engine::source::ExtractContext;
use std::sync::atomic::{AtomicUsize, Ordering};

const OAUTH: &str = ", auth = { type = \"oauth2_client_credentials\", access_token_url = \"BASE/token\", client_id = \"me\", client_secret = \"s3cret&\", access_token_request_data = { scope = \"read all\" } }";

#[test]
fn a_token_is_asked_for_once_and_again_when_it_is_refused() {
    let issued = AtomicUsize::new(0);
    let server = Server::start(move |asked, _| {
        if asked.target == "/token" {
            assert_eq!(
                asked.body,
                "client_id=me&client_secret=s3cret%26&grant_type=client_credentials&scope=read%20all"
            );
            assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(asked.header("x-mine"), None);
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return Answer::json(format!("{{\"access_token\":\"t{number}\",\"expires_in\":\"3600\"}}"));
        }
        let page = asked.number("page").unwrap();
        // The first token ends before its time.
        let valid = if page < 2 { "Bearer t1" } else { "Bearer t2" };
        match asked.header("authorization") == Some(valid) {
            true => Answer::json(format!("{{\"total\":3,\"items\":[{page}]}}")),
            false => Answer::status(401),
        }
    });
    let config = client(&format!("{OAUTH}, headers = {{ X-Mine = \"yes\" }}"), "{ paginator = \"page_number\" }");
    assert_eq!(all(&server, &config), ["0", "1", "2"]);
    let tokens = server.targets().iter().filter(|target| *target == "/token").count();
    assert_eq!((tokens, server.targets().len()), (2, 6));
}

#[test]
fn a_token_that_ends_soon_is_replaced() {
    let server = Server::start(|asked, before| match asked.target.as_str() {
        "/token" => Answer::json(format!("{{\"access_token\":\"t{before}\",\"expires_in\":0}}")),
        _ => Answer::json(format!("{{\"total\":2,\"items\":[{}]}}", asked.number("page").unwrap())),
    });
    assert_eq!(all(&server, &client(OAUTH, "{ paginator = \"page_number\" }")), ["0", "1"]);
    assert_eq!(server.targets().iter().filter(|target| *target == "/token").count(), 2);
}

#[test]
fn no_token_is_an_error_without_secrets() {
    for (status, body, message) in [
        (401, "{\"error\":\"s3cret\"}", "/token gave no access token: status 401"),
        (200, "{\"acces\":\"s3cret\"}", "/token has no `access_token`"),
    ] {
        let server = Server::start(move |_, _| Answer { status, ..Answer::json(body) });
        let error = load(&server, &client(OAUTH, "\"x\"")).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    // A token that is refused for good is asked for twice, and no more.
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/token" => Answer::json("{\"access_token\":\"t\"}"),
        _ => Answer::status(401),
    });
    let error = load(&server, &client(OAUTH, "\"x\"")).unwrap_err();
    assert!(error.to_string().contains("status 401"), "{error}");
    assert_eq!(server.targets().len(), 4);
}

#[test]
fn answers_are_told_apart_by_their_content() {
    let server = Server::start(|asked, before| match asked.target.as_str() {
        "/v1/gone" => Answer { status: 400, ..Answer::json("{\"code\":\"not_enabled\"}") },
        "/v1/soft" => Answer::json("{\"code\":\"quota_exceeded\"}"),
        "/v1/busy" if before < 3 => Answer { status: 403, ..Answer::json("{\"message\":\"rate limit\"}") },
        "/v1/busy" => Answer::json("[1]"),
        _ => Answer::status(403),
    });
    let actions = "response_actions = [{ content = \"not_enabled\", action = \"ignore\" }, { status_code = 200, content = \"quota_\", action = \"fail\" }, { status_code = 403, content = \"rate limit\", action = \"retry\" }]";
    let endpoint = |path| client("", &format!("{{ path = \"{path}\", {actions} }}"));
    assert!(all(&server, &endpoint("gone")).is_empty());
    let error = load(&server, &endpoint("soft")).unwrap_err();
    assert!(error.to_string().contains("an error by `response_actions`"), "{error}");
    assert_eq!(all(&server, &endpoint("busy")), ["1"]);
    assert_eq!(server.targets().len(), 4);
    let error = load(&server, &endpoint("other")).unwrap_err();
    assert!(error.to_string().contains("status 403"), "{error}");
}

#[test]
fn items_are_filtered_and_mapped() {
    let server = Server::start(|asked, _| match asked.target.as_str() {
        "/v1/users" => {
            Answer::json("[{\"id\":1,\"on\":true,\"x\":1.10},{\"id\":2,\"on\":false},{\"id\":3,\"on\":true}]")
        }
        "/v1/users/1" => Answer::json("{\"of\":1}"),
        "/v1/users/3" => Answer::json("{\"of\":3}"),
        target => panic!("{target}"),
    });
    let config = "client = { base_url = \"BASE/v1\" }
        [[resources]]
        name = \"users\"
        processing_steps = [{ filter = \".on\" }, { map = \"del(.on)\" }]
        [[resources]]
        name = \"details\"
        endpoint = \"users/{resources.users.id}\"
    ";
    let tables = load(&server, config).unwrap();
    assert_eq!(tables[0].raw, ["{\"id\":1,\"x\":1.10}", "{\"id\":3}"]);
    // Children are those of the items that stayed.
    assert_eq!(tables[1].texts(), ["{\"of\":1}", "{\"of\":3}"]);
}

#[test]
fn requests_keep_a_pace() {
    let server = Server::start(|asked, _| {
        Answer::json(format!("{{\"total\":4,\"items\":[{}]}}", asked.number("page").unwrap()))
    });
    let begun = std::time::Instant::now();
    let config = client(", max_requests_per_second = 20", "{ paginator = \"page_number\" }");
    assert_eq!(all(&server, &config).len(), 4);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(150));
}

#[test]
fn slips_are_found_before_any_request() {
    let check = |client: &str, resource: &str| {
        let config = format!(
            "client = {{ base_url = \"http://127.0.0.1:1\"{client} }}\nresources = [{{ name = \"a\", {resource} }}]"
        );
        let source = dlt_sources::rest(toml::from_str(&config).unwrap());
        dlt_engine::Source::check(&source).unwrap_err().to_string()
    };
    for (settings, resource, message) in [
        ("", "processing_steps = [{ filter = \".a |\" }]", "no jq expression"),
        ("", "processing_steps = [{ map = \"nope\" }]", "jq does not know `nope`"),
        ("", "processing_steps = [{ }]", "either `filter` or `map`"),
        ("", "endpoint = { response_actions = [{ action = \"ignore\" }] }", "needs a `status_code`"),
        ("", "endpoint = { json = { a = 1 } }", "`method = \"POST\"`"),
        ("", "endpoint = { paginator = { type = \"cursor\", cursor_body_path = \"a\" } }", "needs a body"),
        (
            "",
            "endpoint = { method = \"POST\", paginator = { type = \"cursor\", cursor_param = \"b\", cursor_body_path = \"a\" } }",
            "both `cursor_param` and `cursor_body_path`",
        ),
        (", max_requests_per_second = 0", "selected = true", "a number above 0"),
        (
            ", auth = { type = \"oauth2_client_credentials\", access_token_url = \"x\", client_id = \"a\", client_secret = \"b\" }",
            "selected = true",
            "access_token_url must begin with",
        ),
    ] {
        let error = check(settings, resource);
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_resource_says_what_its_columns_are_and_what_may_change() {
    let config = "client = { base_url = \"http://127.0.0.1:9/\" }
        [resource_defaults]
        schema_contract = \"evolve\"
        columns.id.data_type = \"bigint\"
        excluded_columns = [\"secret\"]
        [[resources]]
        name = \"orders\"
        max_table_nesting = 1
        schema_contract = { columns = \"freeze\", data_type = \"discard_value\" }
        columns.price = { data_type = \"decimal\", precision = 10, scale = 2 }
        renamed_columns = { userId = \"customer\" }
        [[resources]]
        name = \"users\"
        columns.deleted = { data_type = \"bool\", hard_delete = true }
    ";
    let mut source = dlt_sources::rest(toml::from_str(config).unwrap());
    let resources = source.resources(&ExtractContext::default()).unwrap();
    let [orders, users] = [&resources[0].hints, &resources[1].hints];
    assert_eq!(orders.max_nesting, Some(1));
    let contract = orders.contract.unwrap();
    assert_eq!((contract.mode(Entity::Columns), contract.mode(Entity::DataType)), (Mode::Freeze, Mode::DiscardValue));
    assert_eq!(users.contract.unwrap().mode(Entity::Tables), Mode::Evolve);
    let mut columns: Vec<_> = orders.columns.iter().map(|column| (column.name.as_str(), column.decimal())).collect();
    columns.sort_unstable();
    assert_eq!(columns, [("id", (38, 9)), ("price", (10, 2))]);
    assert!(users.columns.iter().any(|column| column.name == "deleted" && column.is("hard_delete")));
    assert_eq!(orders.choice.excluded, ["secret"]);
    assert_eq!(orders.choice.renamed, [("userId".to_owned(), "customer".to_owned())]);
    let wrong = config.replace("\"freeze\"", "\"frozen\"");
    let error = toml::from_str::<dlt_sources::RestConfig>(&wrong).unwrap_err().to_string();
    assert!(error.contains("frozen"), "{error}");
}
