//! The declaration of a REST API: what a person writes, checked key by key.

use super::cursor::EndpointIncremental;
pub use super::values::{Names, Parallel, Secret};
use dlt_engine::schema::{Columns, Contract, MergeStrategy, TableFormat, WriteDisposition};
use dlt_engine::versions::Scd2;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A REST API: how to reach it, and what to take from it. Whether resources fit together is seen when a source of it is
/// checked or read.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RestConfig {
    /// What all requests have in common.
    pub client: ClientConfig,
    /// What resources have unless they say otherwise.
    #[serde(default)]
    pub resource_defaults: ResourceDefaults,
    /// The resources; each becomes a table.
    pub resources: Vec<Short<ResourceConfig>>,
}

/// How to reach the API.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// What the paths of the resources are appended to.
    pub base_url: String,
    /// Sent with every request to the origin of `base_url`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Sent with every request to the origin of `base_url`.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// How pages follow one another, where the endpoint does not say. Default: found from the first response.
    #[serde(default)]
    pub paginator: Option<Short<PaginatorConfig>>,
    /// Requests a second, at most; `0.5` is one in two seconds. Default: as fast as answers come.
    #[serde(default)]
    pub max_requests_per_second: Option<f64>,
}

/// How a person or program is known to the API.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields, expecting = "a table with `type`")]
#[non_exhaustive]
pub enum AuthConfig {
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A key in a header, in the query or in a cookie.
    ApiKey {
        /// Name of the header, query parameter or cookie; default `Authorization`.
        #[serde(default = "authorization")]
        name: String,
        /// The key.
        api_key: Secret,
        /// Where it goes; default `header`.
        #[serde(default)]
        location: KeyLocation,
    },
    /// User and password.
    HttpBasic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that OAuth 2.0 gives to a program for its own name and secret.
    Oauth2ClientCredentials {
        /// Where tokens are asked for.
        access_token_url: String,
        /// Name of the program.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// Sent with the request for a token, such as `scope` or `audience`.
        #[serde(default)]
        access_token_request_data: BTreeMap<String, Secret>,
        /// Seconds for which a token is valid that does not say it; default 3600.
        #[serde(default = "hour")]
        default_token_expiration: u64,
        /// A token to begin with.
        #[serde(default)]
        access_token: Option<Secret>,
    },
}

/// Where an API key goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyLocation {
    /// Into a header.
    #[default]
    Header,
    /// Into the query of the URL.
    #[serde(alias = "param")]
    Query,
    /// Into a cookie.
    Cookie,
}

/// What resources have unless they say otherwise; `endpoint.params` and `endpoint.headers` are merged key by key.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResourceDefaults {
    /// See [`ResourceConfig::endpoint`].
    pub endpoint: Short<EndpointConfig>,
    /// See [`ResourceConfig::write_disposition`].
    pub write_disposition: Option<WriteDisposition>,
    /// See [`ResourceConfig::merge_strategy`].
    pub merge_strategy: Option<MergeStrategy>,
    /// See [`ResourceConfig::table_format`].
    pub table_format: Option<TableFormat>,
    /// See [`ResourceConfig::scd2`].
    pub scd2: Option<Scd2>,
    /// See [`ResourceConfig::merge_key`].
    pub merge_key: Option<Names>,
    /// See [`ResourceConfig::primary_key`].
    pub primary_key: Option<Names>,
    /// See [`ResourceConfig::include_from_parent`].
    pub include_from_parent: Option<Vec<String>>,
    /// See [`ResourceConfig::max_table_nesting`].
    pub max_table_nesting: Option<u32>,
    /// See [`ResourceConfig::schema_contract`].
    pub schema_contract: Option<Contract>,
    /// See [`ResourceConfig::columns`]; merged column by column.
    pub columns: Option<Columns>,
    /// See [`ResourceConfig::included_columns`].
    pub included_columns: Option<Names>,
    /// See [`ResourceConfig::excluded_columns`].
    pub excluded_columns: Option<Names>,
    /// See [`ResourceConfig::renamed_columns`].
    pub renamed_columns: Option<BTreeMap<String, String>>,
    /// See [`ResourceConfig::processing_steps`].
    pub processing_steps: Option<Vec<ProcessingStep>>,
    /// See [`ResourceConfig::parallelized`].
    pub parallelized: Option<Parallel>,
}

/// Something to take from the API. In short, a text: name and path in one.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResourceConfig {
    /// Name, by which others refer to it. Required.
    pub name: String,
    /// Name of the table; default: the name.
    pub table_name: Option<String>,
    /// Where it is; the path defaults to the name.
    pub endpoint: Short<EndpointConfig>,
    /// Rows that are written here instead of requested, for others to refer to.
    pub items: Option<Vec<serde_json::Value>>,
    /// Fields of the parent's item that are copied into each item, as `_<parent>_<field>`.
    pub include_from_parent: Option<Vec<String>>,
    /// Whether it is loaded; one that is not can still be a parent. Default: yes.
    pub selected: Option<bool>,
    /// What happens to rows that the table holds already. Default: as before; rows are added to a new table.
    pub write_disposition: Option<WriteDisposition>,
    /// What a merge does with rows whose key is in the table. Default: as before; for a new table delete-insert, and upsert where it has a table format.
    pub merge_strategy: Option<MergeStrategy>,
    /// In which format the table is kept. Default: as before; the destination's own for a new table.
    pub table_format: Option<TableFormat>,
    /// Options of the merge strategy scd2.
    pub scd2: Option<Scd2>,
    /// The fields whose values delete-insert replaces as a whole.
    pub merge_key: Option<Names>,
    /// The fields that identify an item.
    pub primary_key: Option<Names>,
    /// Levels of nesting that are split into columns and tables. Default: all.
    pub max_table_nesting: Option<u32>,
    /// What items may change of the tables. Default: what is stored; everything for a new table.
    pub schema_contract: Option<Contract>,
    /// What is known of single columns.
    pub columns: Option<Columns>,
    /// Only these columns are loaded. Default: all.
    pub included_columns: Option<Names>,
    /// These columns are not loaded.
    pub excluded_columns: Option<Names>,
    /// Fields at the top of an item, and what their columns are called instead.
    pub renamed_columns: Option<BTreeMap<String, String>>,
    /// What is done to items before they are loaded, in this order.
    pub processing_steps: Option<Vec<ProcessingStep>>,
    /// How many items of the parent are asked for at a time. Default: one.
    pub parallelized: Option<Parallel>,
}

/// Where a resource is. In short, a text: the path.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Appended to the base URL, or a URL of its own. `{resources.<parent>.<field>}` stands for a field of an item of
    /// another resource, `{<param>}` for one of `params`, `{{` and `}}` for braces.
    pub path: Option<String>,
    /// Query parameters; texts may hold placeholders.
    pub params: BTreeMap<String, toml::Value>,
    /// `GET` or `POST`; default `GET`.
    pub method: Option<Method>,
    /// Sent as the JSON body; texts may hold placeholders.
    pub json: Option<serde_json::Value>,
    /// Sent as the body: a table as a form, a text as it is; texts may hold placeholders.
    pub data: Option<serde_json::Value>,
    /// Headers; may hold placeholders.
    pub headers: BTreeMap<String, Secret>,
    /// In place of the client's.
    pub auth: Option<AuthConfig>,
    /// Which items are new since the last run, and how the API is asked for them.
    pub incremental: Option<EndpointIncremental>,
    /// How pages follow one another.
    pub paginator: Option<Short<PaginatorConfig>>,
    /// Path of the items in a response, such as `data.items`. Default: found from the first response.
    pub data_selector: Option<String>,
    /// What to make of certain answers.
    pub response_actions: Option<Vec<ResponseAction>>,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Method {
    /// With everything in the URL.
    #[default]
    #[serde(alias = "get")]
    Get,
    /// With a body.
    #[serde(alias = "post")]
    Post,
}

/// What to make of an answer: the first one applies of those whose status and content fit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseAction {
    /// The answer's status. Default: any.
    #[serde(default)]
    pub status_code: Option<u16>,
    /// A text that the answer holds. Default: any.
    #[serde(default)]
    pub content: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// It holds no items, and that is no error.
    Ignore,
    /// It is an error, whatever its status.
    Fail,
    /// It is a passing failure: the request is made again after a while.
    Retry,
}

/// Something that is done to items: one of the two, in the language of jq.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProcessingStep {
    /// An item stays if this is neither false nor null.
    pub filter: Option<String>,
    /// What becomes of an item: one, none or several.
    pub map: Option<String>,
}

/// How pages follow one another. In short, a text: the type.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PaginatorConfig {
    /// Found from the first response.
    Auto {},
    /// There is one page.
    SinglePage {},
    /// The response holds the URL of the next page.
    #[serde(alias = "json_response")]
    JsonLink {
        /// Where; default `next`.
        #[serde(default = "next")]
        next_url_path: String,
    },
    /// The header `Link` holds the URL of the next page.
    HeaderLink {
        /// Its relation; default `next`.
        #[serde(default = "next")]
        links_next_key: String,
    },
    /// A header holds a mark, which is sent to get the next page.
    HeaderCursor {
        /// The header; default `next`.
        #[serde(default = "next")]
        cursor_key: String,
        /// Parameter to send it in; default `cursor`.
        #[serde(default = "cursor")]
        cursor_param: String,
    },
    /// The response holds a mark, which is sent to get the next page.
    Cursor {
        /// Where the mark is; default `cursors.next`.
        #[serde(default = "cursors_next")]
        cursor_path: String,
        /// Parameter to send it in; default `cursor`, unless it is sent in the body.
        #[serde(default)]
        cursor_param: Option<String>,
        /// Where in the request's `json` to send it.
        #[serde(default)]
        cursor_body_path: Option<String>,
        /// Whether a page without items is the last; default no.
        #[serde(default)]
        stop_after_empty_page: bool,
        /// Where the response says whether there is more.
        #[serde(default)]
        has_more_path: Option<String>,
    },
    /// Pages begin at a number of items.
    Offset {
        /// Items a page.
        limit: u64,
        /// First item; default 0.
        #[serde(default)]
        offset: u64,
        /// Parameter; default `offset`, unless it is sent in the body.
        #[serde(default)]
        offset_param: Option<String>,
        /// Parameter; default `limit`, unless it is sent in the body; empty: not sent.
        #[serde(default)]
        limit_param: Option<String>,
        /// Where in the request's `json` to send the offset.
        #[serde(default)]
        offset_body_path: Option<String>,
        /// Where in the request's `json` to send the limit.
        #[serde(default)]
        limit_body_path: Option<String>,
        /// Where the response tells the number of all items; default `total`, empty if it does not.
        #[serde(default = "total")]
        total_path: String,
        /// No page begins at or after this.
        #[serde(default)]
        maximum_offset: Option<u64>,
        /// Whether a page without items is the last; default yes.
        #[serde(default = "yes")]
        stop_after_empty_page: bool,
        /// Where the response says whether there is more.
        #[serde(default)]
        has_more_path: Option<String>,
    },
    /// Pages are numbered.
    PageNumber {
        /// Number of the first page in the API's counting; default 0.
        #[serde(default)]
        base_page: u64,
        /// Page to begin with; default: the first.
        #[serde(default)]
        page: Option<u64>,
        /// Parameter; default `page`, unless it is sent in the body.
        #[serde(default)]
        page_param: Option<String>,
        /// Where in the request's `json` to send the page.
        #[serde(default)]
        page_body_path: Option<String>,
        /// Where the response tells the number of all pages; default `total`, empty if it does not.
        #[serde(default = "total")]
        total_path: String,
        /// The last page.
        #[serde(default)]
        maximum_page: Option<u64>,
        /// Whether a page without items is the last; default yes.
        #[serde(default = "yes")]
        stop_after_empty_page: bool,
        /// Where the response says whether there is more.
        #[serde(default)]
        has_more_path: Option<String>,
    },
}

macro_rules! default_names {
    ($($function:ident = $name:literal),*) => {
        $(fn $function() -> String { $name.to_owned() })*
    };
}
default_names!(
    authorization = "Authorization",
    next = "next",
    cursors_next = "cursors.next",
    cursor = "cursor",
    total = "total"
);

fn hour() -> u64 {
    3600
}

fn yes() -> bool {
    true
}

/// Something that a text can stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Short<T>(pub T);

/// What a text stands for.
pub trait FromShort: Sized {
    /// Words for an error: what is expected.
    const EXPECTED: &'static str;

    /// The meaning of `text`.
    ///
    /// # Errors
    /// Why it has none.
    fn from_short(text: &str) -> Result<Self, String>;
}

impl FromShort for ResourceConfig {
    const EXPECTED: &'static str = "a path or a table with the resource's settings";

    fn from_short(text: &str) -> Result<Self, String> {
        Ok(Self { name: text.to_owned(), ..Self::default() })
    }
}

impl FromShort for EndpointConfig {
    const EXPECTED: &'static str = "a path or a table with the endpoint's settings";

    fn from_short(text: &str) -> Result<Self, String> {
        Ok(Self { path: Some(text.to_owned()), ..Self::default() })
    }
}

impl FromShort for PaginatorConfig {
    const EXPECTED: &'static str = "a type of paginator or a table with its settings";

    fn from_short(text: &str) -> Result<Self, String> {
        let settings = std::iter::once(("type", text));
        Self::deserialize(de::value::MapDeserializer::<_, de::value::Error>::new(settings)).map_err(|e| e.to_string())
    }
}

impl<'de, T: Deserialize<'de> + FromShort> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShortVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + FromShort> Visitor<'de> for ShortVisitor<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                T::from_short(text).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, settings: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(settings))
            }
        }
        deserializer.deserialize_any(ShortVisitor(PhantomData)).map(Short)
    }
}
