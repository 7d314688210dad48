//! The keys of a section that declares a REST API, and of the tables within it, as the reference pages and messages tell them.

use dlt_engine::connector::{Key, Nested};
use dlt_engine::settings::{COLUMN_KEYS, CONTRACT_KEYS, HINT_KEYS, INCREMENTAL_KEYS, SCD2_KEYS};

/// The keys of the section itself.
pub(crate) const KEYS: &[Key] = &[
    Key::new("name", "the schema that the tables belong to", "the type: `rest_api`"),
    Key::new("client", "how the API is reached: [REST APIs](sources.md#rest-apis-rest_api)", "needed"),
    Key::new("resource_defaults", "what resources have in common", "nothing"),
    Key::new("resources", "what is loaded: a table for each", "needed"),
];

/// Where an endpoint stands.
const ENDPOINT: &[&str] = &["resources[].endpoint", "resource_defaults.endpoint"];
/// Where it is said who asks.
const AUTH: &[&str] = &["client.auth", "resources[].endpoint.auth", "resource_defaults.endpoint.auth"];
/// Where it is said how pages follow one another.
const PAGINATOR: &[&str] =
    &["client.paginator", "resources[].endpoint.paginator", "resource_defaults.endpoint.paginator"];

/// The keys of the tables within the section.
pub(crate) const NESTED: &[Nested] = &[
    Nested::new("client", &["client"], CLIENT),
    Nested::new("resource", &["resources[]"], RESOURCE),
    Nested::new("resource_defaults", &["resource_defaults"], DEFAULTS),
    Nested::new("endpoint", ENDPOINT, ENDPOINT_KEYS),
    Nested::new(
        "incremental of an endpoint",
        &["resources[].endpoint.incremental", "resource_defaults.endpoint.incremental"],
        CURSOR,
    ),
    Nested::new(
        "response_actions",
        &["resources[].endpoint.response_actions[]", "resource_defaults.endpoint.response_actions[]"],
        ACTION,
    ),
    Nested::new("processing_steps", &["resources[].processing_steps[]", "resource_defaults.processing_steps[]"], STEP),
    Nested::of_kind("auth", "bearer", AUTH, &[Key::new("token", "the token", "needed").secret()]),
    Nested::of_kind("auth", "api_key", AUTH, API_KEY),
    Nested::of_kind("auth", "http_basic", AUTH, BASIC),
    Nested::of_kind("auth", "oauth2_client_credentials", AUTH, OAUTH),
    Nested::of_kind("paginator", "auto", PAGINATOR, &[]),
    Nested::of_kind("paginator", "single_page", PAGINATOR, &[]),
    Nested::of_kind(
        "paginator",
        "json_link",
        PAGINATOR,
        &[Key::new("next_url_path", "where the response has the URL of the next page", "`next`")],
    ),
    Nested::of_kind(
        "paginator",
        "header_link",
        PAGINATOR,
        &[Key::new("links_next_key", "the relation of the next page in the header `Link`", "`next`")],
    ),
    Nested::of_kind("paginator", "header_cursor", PAGINATOR, HEADER_CURSOR),
    Nested::of_kind("paginator", "cursor", PAGINATOR, CURSOR_PAGES),
    Nested::of_kind("paginator", "offset", PAGINATOR, OFFSET),
    Nested::of_kind("paginator", "page_number", PAGINATOR, PAGE_NUMBER),
    Nested::new(
        "columns",
        &["resources[].columns.*", "resources[].columns[]", "resource_defaults.columns.*"],
        COLUMN_KEYS,
    ),
    Nested::new(
        "schema_contract",
        &["resources[].schema_contract", "resource_defaults.schema_contract"],
        CONTRACT_KEYS,
    ),
    Nested::new("scd2", &["resources[].scd2", "resource_defaults.scd2"], SCD2_KEYS),
];

const CLIENT: &[Key] = &[
    Key::new("base_url", "what the paths of resources are appended to", "needed"),
    Key::new("headers", "sent with each request to the origin of `base_url`: a table of texts", "none"),
    Key::new("auth", "who asks: a table, see below", "nobody"),
    Key::new(
        "paginator",
        "how pages follow one another, where the endpoint does not say: a type, or a table, see below",
        "`auto`",
    ),
    Key::new(
        "max_requests_per_second",
        "requests a second, at most; `0.5` is one in two seconds",
        "as fast as answers come",
    ),
];

const INCLUDE_FROM_PARENT: Key =
    Key::new("include_from_parent", "fields of the parent's item to copy, as `_<parent>_<field>`", "none");
const PARALLELIZED: Key = Key::new(
    "parallelized",
    "how many items of the parent are asked for at a time: `true` is 5, a number up to 100; see below",
    "one",
);
const PROCESSING_STEPS: Key = Key::new(
    "processing_steps",
    "`[{ filter = \".active\" }, { map = \"del(.internal)\" }]`: jq expressions, one after the other; see below",
    "none",
);
const MAX_TABLE_NESTING: Key = Key::new("max_table_nesting", HINT_KEYS[5].meaning, HINT_KEYS[5].default);

const RESOURCE: &[Key] = &[
    Key::new("name", "by which others refer to it", "needed"),
    Key::new("table_name", "the table", "`name`"),
    Key::new("endpoint", "a path, or a table, see below", "the path is `name`"),
    Key::new("items", "rows that stand in the declaration instead of being asked for", "none"),
    Key::new("selected", "whether it is loaded; it can be a parent in any case", "`true`"),
    INCLUDE_FROM_PARENT,
    PARALLELIZED,
    PROCESSING_STEPS,
    HINT_KEYS[0],
    HINT_KEYS[1],
    HINT_KEYS[2],
    HINT_KEYS[3],
    HINT_KEYS[4],
    MAX_TABLE_NESTING,
    HINT_KEYS[6],
    HINT_KEYS[7],
    HINT_KEYS[8],
    HINT_KEYS[9],
    HINT_KEYS[10],
    HINT_KEYS[11],
];

const DEFAULTS: &[Key] = &[
    Key::new("endpoint", "a table, see below; `params` and `headers` are merged key by key", "nothing"),
    INCLUDE_FROM_PARENT,
    PARALLELIZED,
    PROCESSING_STEPS,
    HINT_KEYS[0],
    HINT_KEYS[1],
    HINT_KEYS[2],
    HINT_KEYS[3],
    HINT_KEYS[4],
    MAX_TABLE_NESTING,
    HINT_KEYS[6],
    Key::new("columns", "as of a resource; merged column by column", "what the data shows"),
    HINT_KEYS[8],
    HINT_KEYS[9],
    HINT_KEYS[10],
    HINT_KEYS[11],
];

const ENDPOINT_KEYS: &[Key] = &[
    Key::new("path", "appended to the base URL, or a URL", "the resource's name"),
    Key::new("params", "query parameters; one that the path names as `{param}` goes there instead", "none"),
    Key::new("method", "`\"GET\"` or `\"POST\"`", "`\"GET\"`"),
    Key::new(
        "json",
        "with `\"POST\"`: sent as the body; placeholders work in its texts, and one that is all of a text keeps the field's type",
        "none",
    ),
    Key::new(
        "data",
        "with `\"POST\"`, in place of `json`: a table is sent as a form, a text as it is (with a `Content-Type` of the `headers`)",
        "none",
    ),
    Key::new("headers", "added to the client's", "none"),
    Key::new(
        "auth",
        "in place of the client's; it goes to the origin of `base_url`, and to that of the `path`, if it is a URL",
        "the client's",
    ),
    Key::new(
        "incremental",
        "which items are new, and the parameters that ask for them: a table, see below ([more](incremental.md#rest-apis))",
        "all are loaded",
    ),
    Key::new("paginator", "how pages follow one another", "the client's"),
    Key::new("data_selector", "where the items are, such as `data.items`", "found from the first response with items"),
    Key::new("response_actions", "what to make of certain answers: a list of tables, see below", "none"),
];

const CURSOR: &[Key] = &[
    Key::new(
        "start_param",
        "the parameter that holds where the run begins; not sent while there is nothing to begin at",
        "none",
    ),
    Key::new("end_param", "the parameter that holds where it ends, if it does", "none"),
    INCREMENTAL_KEYS[0],
    INCREMENTAL_KEYS[1],
    INCREMENTAL_KEYS[2],
    INCREMENTAL_KEYS[3],
    INCREMENTAL_KEYS[4],
    INCREMENTAL_KEYS[5],
    INCREMENTAL_KEYS[6],
    INCREMENTAL_KEYS[7],
    INCREMENTAL_KEYS[8],
    INCREMENTAL_KEYS[9],
    INCREMENTAL_KEYS[10],
];

const ACTION: &[Key] = &[
    Key::new("status_code", "the answer's status", "any"),
    Key::new("content", "a text that the answer holds", "any"),
    Key::new("action", "`ignore`, `fail` or `retry`, see below", "needed"),
];

const STEP: &[Key] = &[
    Key::new("filter", "jq: an item stays unless this is `false` or `null`", "this or `map`"),
    Key::new("map", "jq: what becomes of an item", "this or `filter`"),
];

const API_KEY: &[Key] = &[
    Key::new("api_key", "the key", "needed").secret(),
    Key::new("name", "the header, parameter or cookie that it goes in", "`Authorization`"),
    Key::new("location", "`header`, `query` or `cookie`", "`header`"),
];

const BASIC: &[Key] =
    &[Key::new("username", "the user", "needed"), Key::new("password", "the password", "needed").secret()];

const OAUTH: &[Key] = &[
    Key::new("access_token_url", "where tokens are asked for", "needed"),
    Key::new("client_id", "the program's name", "needed"),
    Key::new("client_secret", "its secret", "needed").secret(),
    Key::new(
        "access_token_request_data",
        "what is sent with the request for a token: `{ scope = \"read\" }`",
        "nothing",
    ),
    Key::new("default_token_expiration", "seconds for which a token is valid that does not say it", "`3600`"),
    Key::new("access_token", "a token to begin with", "one is asked for").secret(),
];

const HAS_MORE: Key = Key::new("has_more_path", "where the response says whether there is more", "none");

const HEADER_CURSOR: &[Key] = &[
    Key::new("cursor_key", "the header of the response that holds the mark of the next page", "`next`"),
    Key::new("cursor_param", "the parameter that the mark is sent in", "`cursor`"),
];

const CURSOR_PAGES: &[Key] = &[
    Key::new("cursor_path", "where the response has the mark of the next page", "`cursors.next`"),
    Key::new("cursor_param", "the parameter that the mark is sent in", "`cursor`, unless it is sent in the body"),
    Key::new("cursor_body_path", "where in the `json` of the endpoint it is sent", "it is not"),
    Key::new("stop_after_empty_page", "whether a page without items is the last", "`false`"),
    HAS_MORE,
];

const OFFSET: &[Key] = &[
    Key::new("limit", "items of a page", "needed"),
    Key::new("offset", "number of the first item", "`0`"),
    Key::new("offset_param", "the parameter of the first item's number", "`offset`, unless it is sent in the body"),
    Key::new("offset_body_path", "where in the `json` of the endpoint it is sent", "it is not"),
    Key::new("limit_param", "the parameter of the limit; empty: not sent", "`limit`, unless it is sent in the body"),
    Key::new("limit_body_path", "where in the `json` of the endpoint it is sent", "it is not"),
    Key::new("total_path", "where the response tells the number of all items; empty: nowhere", "`total`"),
    Key::new("maximum_offset", "no page begins at or after this", "none"),
    Key::new("stop_after_empty_page", "whether a page without items is the last", "`true`"),
    HAS_MORE,
];

const PAGE_NUMBER: &[Key] = &[
    Key::new("base_page", "number of the first page, as the API counts", "`0`"),
    Key::new("page", "the page to begin with", "the first"),
    Key::new("page_param", "the parameter of the page's number", "`page`, unless it is sent in the body"),
    Key::new("page_body_path", "where in the `json` of the endpoint it is sent", "it is not"),
    Key::new("total_path", "where the response tells the number of all pages; empty: nowhere", "`total`"),
    Key::new("maximum_page", "the last page", "none"),
    Key::new("stop_after_empty_page", "whether a page without items is the last", "`true`"),
    HAS_MORE,
];
