//! The ready-made sources, against servers that page, answer and refuse as their APIs document it.

use crate::read::Table;
use crate::rest::load;
use crate::server::{Answer, Asked, Server};
use serde_json::{Value, json};

/// The declaration with the server's address in place of the API's, and with what a person adds of credentials.
fn declaration(name: &str, server: &Server, auth: &str) -> String {
    let config = dlt_sources::ready_made(name).unwrap().config_toml;
    let line = config.lines().find(|line| line.starts_with("base_url")).unwrap();
    let path = line.split('"').nth(1).unwrap().split('/').skip(3).collect::<Vec<_>>().join("/");
    let client = format!("base_url = \"{}/{path}\"\n{auth}", server.url);
    config.replace(line, &client)
}

/// How many rows each table gets, and all of them.
fn run(name: &str, server: &Server, auth: &str) -> (Vec<(String, usize)>, Vec<Table>) {
    let tables = load(server, &declaration(name, server, auth)).unwrap();
    (tables.iter().map(|table| (table.name.clone(), table.items.len())).collect(), tables)
}

fn counted(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
}

const BEARER: &str = "auth = { type = \"bearer\", token = \"s3cret\" }";

fn is_known(asked: &Asked) -> bool {
    asked.header("authorization") == Some("Bearer s3cret")
}

fn path(asked: &Asked) -> &str {
    asked.target.split('?').next().unwrap()
}

#[test]
fn the_ready_made_sources_read_what_their_apis_answer() {
    let server = Server::start(|asked, _| {
        let path = path(asked).trim_start_matches("/pub");
        match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
            ["player", user] => Answer::json(format!("{{\"player_id\":1,\"username\":\"{user}\"}}")),
            ["player", user, "games", "archives"] => {
                Answer::json(format!("{{\"archives\":[\"https://api.example.com/player/{user}/games/2022/11\"]}}"))
            }
            ["player", "rpragchess", "games", "2022", "11"] => Answer::status(404),
            ["player", _, "games", "2022", "11"] => {
                Answer::json("{\"games\":[{\"uuid\":\"a\",\"white\":{\"rating\":2800}},{\"uuid\":\"b\"}]}")
            }
            ["repos", "rust-lang", "cargo", _] => {
                assert_eq!(asked.number("per_page"), Some(100));
                let answer = Answer::json("[{\"id\":1}]");
                if asked.param("page").is_some() {
                    return answer;
                }
                answer.with("Link", format!("<{path}?per_page=100&page=2>; rel=\"next\""))
            }
            _ => panic!("{path}"),
        }
    });
    let (tables, _) = run("chess", &server, "");
    assert_eq!(tables, counted(&[("players_profiles", 4), ("players_archives", 4), ("players_games", 6)]));
    let (tables, _) = run("github", &server, "");
    assert_eq!(tables, counted(&[("issues", 2), ("repo_events", 2)]));
}

#[test]
fn pokemon_follows_links_and_asks_for_each_if_that_is_wanted() {
    let server = Server::start(|asked, _| {
        let host = asked.header("host").unwrap();
        match path(asked).split('/').skip(3).collect::<Vec<_>>().as_slice() {
            ["pokemon"] if asked.param("offset").is_none() => {
                assert_eq!(asked.number("limit"), Some(1000));
                let next = format!("http://{host}/api/v2/pokemon?offset=2&limit=1000");
                let named = |name: &str| json!({"name": name, "url": format!("http://{host}/api/v2/pokemon/{name}/")});
                let page =
                    json!({"count": 3, "next": next, "previous": null, "results": [named("mew"), named("ditto")]});
                Answer::json(page.to_string())
            }
            ["pokemon"] => {
                let url = format!("http://{host}/api/v2/pokemon/abra/");
                Answer::json(json!({"count": 3, "next": null, "results": [{"name": "abra", "url": url}]}).to_string())
            }
            ["pokemon", name, ""] => Answer::json(
                json!({"id": name.len(), "name": name, "moves": [{"move": {"name": "pound"}}], "stats": []})
                    .to_string(),
            ),
            [list] => Answer::json(json!({"count": 1, "next": null, "results": [{"name": list}]}).to_string()),
            other => panic!("{other:?}"),
        }
    });
    let (tables, _) = run("pokemon", &server, "");
    assert_eq!(tables, counted(&[("pokemon", 3), ("berry", 1), ("location", 1)]));
    let all = declaration("pokemon", &server, "").replace("selected = false", "selected = true");
    let tables = load(&server, &all).unwrap();
    let details = tables.iter().find(|table| table.name == "pokemon_details").unwrap();
    assert_eq!(details.items.len(), 3);
    assert_eq!(details.items[0]["moves"][0]["move"]["name"], "pound");
}

#[test]
fn stripe_asks_for_what_comes_after_the_last() {
    let server = Server::start(|asked, _| {
        if !is_known(asked) {
            let error = json!({"error": {"message": "Invalid API Key provided", "type": "invalid_request_error"}});
            return Answer { status: 401, ..Answer::json(error.to_string()) };
        }
        assert_eq!(asked.number("limit"), Some(100));
        let name = path(asked).strip_prefix("/v1/").unwrap();
        assert!(name != "subscriptions" || asked.param("status") == Some("all"), "{asked:?}");
        let objects = |ids: &[&str], has_more: bool| {
            let data = ids.iter().map(|id| json!({"id": id, "created": 1_700_000_000, "metadata": {}}));
            Answer::json(json!({"object": "list", "data": data.collect::<Vec<_>>(), "has_more": has_more}).to_string())
        };
        match (name, asked.param("starting_after")) {
            ("customers" | "events", None) => objects(&["c_3", "c_2"], true),
            ("customers" | "events", Some("c_2")) => objects(&["c_1"], false),
            ("coupons", None) => objects(&[], false),
            (_, None) => objects(&["x_1"], false),
            other => panic!("{other:?}"),
        }
    });
    let (tables, _) = run("stripe_analytics", &server, BEARER);
    let rows = [
        ("customer", 3),
        ("product", 1),
        ("price", 1),
        ("coupon", 0),
        ("subscription", 1),
        ("event", 3),
        ("balance_transaction", 1),
        ("invoice", 1),
    ];
    assert_eq!(tables, counted(&rows));
    let refused = load(&server, &declaration("stripe_analytics", &server, "")).err().unwrap();
    assert!(refused.to_string().contains("status 401"), "{refused}");
    assert!(refused.advice().unwrap().contains("`client.auth`"), "{refused:?}");
}

#[test]
fn hubspot_makes_columns_of_properties() {
    let server = Server::start(|asked, _| {
        if !is_known(asked) {
            return Answer { status: 401, ..Answer::json("{\"category\":\"INVALID_AUTHENTICATION\"}") };
        }
        if path(asked) == "/crm/v3/owners/" {
            return Answer::json(
                json!({"results": [{"id": "7", "email": "a@example.com", "archived": false}]}).to_string(),
            );
        }
        assert!(path(asked).starts_with("/crm/v3/objects/"), "{asked:?}");
        let object =
            |id: &str| json!({"id": id, "properties": {"name": format!("n{id}"), "amount": null}, "archived": false});
        let page = match asked.param("after") {
            None => {
                json!({"results": [object("1"), object("2")], "paging": {"next": {"after": "2", "link": "https://other.example/x"}}})
            }
            Some("2") => json!({"results": [object("3")]}),
            other => panic!("{other:?}"),
        };
        Answer::json(page.to_string())
    });
    let (tables, found) = run("hubspot", &server, BEARER);
    let rows = [
        ("contacts", 3),
        ("companies", 3),
        ("deals", 3),
        ("tickets", 3),
        ("products", 3),
        ("quotes", 3),
        ("owners", 1),
    ];
    assert_eq!(tables, counted(&rows));
    assert_eq!(found[2].items[2], json!({"name": "n3", "amount": null, "id": "3", "archived": false}));
    assert_eq!(found[6].items[0]["email"], "a@example.com");
}

#[test]
fn notion_pages_by_bodies_and_reads_the_rows_of_each_database() {
    let server = Server::start(|asked, _| {
        if !is_known(asked) || asked.header("notion-version") != Some("2022-06-28") {
            return Answer { status: 401, ..Answer::json("{\"object\":\"error\",\"code\":\"unauthorized\"}") };
        }
        let page = |ids: &[&str], next: Option<&str>| {
            let results = ids
                .iter()
                .map(|id| json!({"object": "x", "id": id, "properties": {"Name": {"title": [{"plain_text": id}]}}}));
            Answer::json(
                json!({"results": results.collect::<Vec<_>>(), "next_cursor": next, "has_more": next.is_some()})
                    .to_string(),
            )
        };
        let body: Value = if asked.body.is_empty() { json!({}) } else { serde_json::from_str(&asked.body).unwrap() };
        match (path(asked), body["filter"]["value"].as_str(), body["start_cursor"].as_str()) {
            ("/v1/users", None, None) if asked.param("start_cursor").is_none() => page(&["u1"], Some("m")),
            ("/v1/users", None, None) => page(&["u2"], None),
            ("/v1/search", Some("database"), None) => page(&["d1"], Some("s-2")),
            ("/v1/search", Some("database"), Some("s-2")) => page(&["d2"], None),
            ("/v1/search", Some("page"), None) => page(&["p1"], None),
            ("/v1/databases/d1/query", None, None) => page(&["r1", "r2"], Some("q-2")),
            ("/v1/databases/d1/query", None, Some("q-2")) => page(&["r3"], None),
            ("/v1/databases/d2/query", None, None) => page(&[], None),
            other => panic!("{other:?}"),
        }
    });
    let (tables, found) = run("notion", &server, BEARER);
    let rows = [("notion_databases", 2), ("notion_pages", 1), ("notion_database_rows", 3), ("notion_users", 2)];
    assert_eq!(tables, counted(&rows));
    assert_eq!(found[2].items[2]["_notion_databases_id"], "d1");
}

#[test]
fn pipedrive_pages_by_marks_and_the_older_part_by_numbers() {
    let auth = "auth = { type = \"api_key\", name = \"x-api-token\", api_key = \"s3cret\" }";
    let server = Server::start(|asked, _| {
        if asked.header("x-api-token") != Some("s3cret") {
            return Answer { status: 401, ..Answer::json("{\"success\":false,\"error\":\"unauthorized access\"}") };
        }
        let data = |ids: &[u32], more: Value| {
            let data: Vec<_> = ids.iter().map(|id| json!({"id": id, "custom_fields": {"a1b2": null}})).collect();
            Answer::json(json!({"success": true, "data": data, "additional_data": more}).to_string())
        };
        match (path(asked), asked.param("cursor"), asked.number("start")) {
            ("/v1/users", None, None) => data(&[1], json!(null)),
            ("/v1/leads", None, None | Some(0)) => {
                data(&[1, 2], json!({"pagination": {"start": 0, "limit": 2, "more_items_in_collection": true}}))
            }
            ("/v1/leads", None, Some(_)) => data(&[3], json!({"pagination": {"more_items_in_collection": false}})),
            ("/api/v2/stages", None, None) => data(&[], json!({"next_cursor": null})),
            (path, None, None) if path.starts_with("/api/v2/") => data(&[1, 2], json!({"next_cursor": "eyJ9"})),
            (path, Some("eyJ9"), None) if path.starts_with("/api/v2/") => data(&[3], json!({"next_cursor": null})),
            other => panic!("{other:?}"),
        }
    });
    let (tables, _) = run("pipedrive", &server, auth);
    let rows = [
        ("deals", 3),
        ("persons", 3),
        ("organizations", 3),
        ("products", 3),
        ("activities", 3),
        ("pipelines", 3),
        ("stages", 0),
        ("users", 1),
        ("leads", 3),
    ];
    assert_eq!(tables, counted(&rows));
}

#[test]
fn slack_says_no_with_status_200() {
    let server = Server::start(|asked, _| {
        if !is_known(asked) {
            return Answer::json("{\"ok\":false,\"error\":\"not_authed\"}");
        }
        let next = |mark: &str| json!({"next_cursor": mark});
        let page = match (path(asked), asked.param("channel"), asked.param("cursor")) {
            ("/api/conversations.list", None, None) => {
                json!({"ok": true, "channels": [{"id": "C1", "name": "a"}], "response_metadata": next("dGVhbQ==")})
            }
            ("/api/conversations.list", None, Some("dGVhbQ%3D%3D")) => {
                json!({"ok": true, "channels": [{"id": "C2", "name": "b"}], "response_metadata": next("")})
            }
            ("/api/users.list", None, None) => {
                json!({"ok": true, "members": [{"id": "U1", "profile": {"email": "a@example.com"}}], "cache_ts": 1, "response_metadata": next("")})
            }
            ("/api/conversations.history", Some("C1"), None) => {
                json!({"ok": true, "messages": [{"ts": "1.1", "text": "hi"}], "has_more": true, "response_metadata": next("b2xk")})
            }
            ("/api/conversations.history", Some("C1"), Some("b2xk")) => {
                json!({"ok": true, "messages": [{"ts": "1.0", "text": "ho"}], "has_more": false})
            }
            ("/api/conversations.history", Some("C2"), None) => json!({"ok": false, "error": "not_in_channel"}),
            other => panic!("{other:?}"),
        };
        Answer::json(page.to_string())
    });
    let (tables, found) = run("slack", &server, BEARER);
    assert_eq!(tables, counted(&[("channels", 2), ("users", 1), ("messages", 2)]));
    assert_eq!(found[2].items[1]["_channels_id"], "C1");
    let refused = load(&server, &declaration("slack", &server, "")).err().unwrap();
    assert!(refused.to_string().contains("conversations.list"), "{refused}");
}
