//! What a declaration means: defaults applied, placeholders read, every resource after its parent.

use super::checks::{check_data, check_paths, check_senders};
use super::config::{
    EndpointConfig, Method, Names, PaginatorConfig, ResourceConfig, ResourceDefaults, ResponseAction, RestConfig,
    Secret, Short,
};
use super::credentials::{self, Credentials};
use super::cursor::EndpointIncremental;
use super::incremental;
use super::json::JsonPath;
use super::steps::Steps;
use super::template::{JsonTemplate, ParentFields, Template};
use super::url::{encode, is_absolute, origin};
use dlt_engine::incremental::RangeTexts;
use dlt_engine::schema::MergeStrategy;
use dlt_engine::source::{ExtractContext, TableHints};
use dlt_engine::{ColumnChoice, Error, ErrorKind, Result};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A resource, ready to be read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) is_selected: bool,
    pub(crate) hints: TableHints,
    pub(crate) origin: Origin,
    pub(crate) steps: Steps,
    pub(crate) incremental: Option<EndpointIncremental>,
    /// Items of the parent that are asked for at a time.
    pub(crate) at_once: usize,
    /// Whether the resource says so itself.
    pub(crate) says_at_once: bool,
}

/// Where the items of a resource come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// They are in the declaration.
    Given(Vec<Box<RawValue>>),
    /// They are asked for.
    Endpoint(Box<Endpoint>),
}

/// What to ask for.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: Template,
    /// The last word of the path, which may be what the items are called.
    pub(crate) path_name: String,
    pub(crate) is_post: bool,
    pub(crate) json: Option<JsonTemplate>,
    /// Sent in place of JSON.
    pub(crate) data: Option<JsonTemplate>,
    /// In place of those of the client.
    pub(crate) credentials: Option<Arc<Credentials>>,
    /// The origin that the path names itself, if credentials of its own go there.
    pub(crate) home: Option<Arc<str>>,
    pub(crate) params: Vec<(String, Template)>,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) paginator: PaginatorConfig,
    /// `None`: found from the first response.
    pub(crate) selector: Option<JsonPath>,
    /// The same as it was written.
    pub(crate) selector_text: String,
    pub(crate) actions: Vec<ResponseAction>,
    pub(crate) parent: ParentFields,
    /// Names that fields of the parent get in each item, with their indexes.
    pub(crate) included: Vec<(String, usize)>,
}

impl Plan {
    /// The resource whose items this one depends on.
    pub(crate) fn parent(&self) -> Option<&ParentFields> {
        match &self.origin {
            Origin::Endpoint(endpoint) if endpoint.parent.parent.is_some() => Some(&endpoint.parent),
            _ => None,
        }
    }
}

/// Reads a declaration.
///
/// # Errors
/// If it contradicts itself; the message names the resource.
pub(crate) fn plan(config: &RestConfig, context: &ExtractContext) -> Result<Vec<Plan>> {
    if !is_absolute(&config.client.base_url) {
        return Err(Error::new(ErrorKind::Config, "client.base_url must begin with http:// or https://"));
    }
    if config.client.max_requests_per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        return Err(Error::new(ErrorKind::Config, "client.max_requests_per_second must be a number above 0"));
    }
    if let Some(auth) = &config.client.auth {
        credentials::check(auth, "client.auth").map_err(|what| Error::new(ErrorKind::Config, what))?;
    }
    let mut plans: Vec<Plan> = Vec::new();
    for resource in &config.resources {
        let resource = &resource.0;
        if resource.name.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a resource has no `name`"));
        }
        if plans.iter().any(|known| known.name == resource.name) {
            return Err(Error::new(ErrorKind::Config, format!("two resources are named `{}`", resource.name)));
        }
        let located = |what: String| Error::new(ErrorKind::Config, format!("resource `{}`: {what}", resource.name));
        let plan =
            read(resource, &config.resource_defaults, config.client.paginator.as_ref(), context).map_err(located)?;
        plans.push(plan);
    }
    if !plans.iter().any(|plan| plan.is_selected) {
        return Err(Error::new(ErrorKind::Config, "no resource is selected").hint("add one under `[[resources]]`"));
    }
    sort(plans)
}

/// Parents before children.
fn sort(mut rest: Vec<Plan>) -> Result<Vec<Plan>> {
    let mut sorted: Vec<Plan> = Vec::new();
    while !rest.is_empty() {
        let is_ready = |plan: &Plan| match plan.parent().and_then(|fields| fields.parent.as_ref()) {
            Some(parent) => sorted.iter().any(|known| known.name == *parent),
            None => true,
        };
        let Some(next) = rest.iter().position(is_ready) else {
            let plan = &rest[0];
            let parent = plan.parent().and_then(|fields| fields.parent.as_deref()).unwrap_or_default();
            let what = if rest.iter().any(|known| known.name == parent) {
                format!("resource `{}` depends on itself by way of `{parent}`", plan.name)
            } else {
                format!("resource `{}` refers to `{parent}`, which is no resource here", plan.name)
            };
            return Err(Error::new(ErrorKind::Config, what));
        };
        sorted.push(rest.remove(next));
    }
    Ok(sorted)
}

fn read(
    resource: &ResourceConfig,
    defaults: &ResourceDefaults,
    client_paginator: Option<&Short<PaginatorConfig>>,
    context: &ExtractContext,
) -> Result<Plan, String> {
    let primary_key = resource.primary_key.as_ref().or(defaults.primary_key.as_ref());
    let merge_key = resource.merge_key.as_ref().or(defaults.merge_key.as_ref());
    let merge_strategy = resource.merge_strategy.or(defaults.merge_strategy);
    // Defaults are for those resources that they can be meant for.
    let default_versions = defaults.scd2.clone().filter(|_| merge_strategy == Some(MergeStrategy::Scd2));
    let names = |own: &Option<Names>, default: &Option<Names>| {
        own.as_ref().or(default.as_ref()).map(|names| names.0.clone()).unwrap_or_default()
    };
    let renamed = resource.renamed_columns.as_ref().or(defaults.renamed_columns.as_ref()).cloned().unwrap_or_default();
    let columns = resource.columns.clone().unwrap_or_default();
    let hints = TableHints {
        table: resource.table_name.clone(),
        disposition: resource.write_disposition.or(defaults.write_disposition),
        merge_strategy,
        table_format: resource.table_format.or(defaults.table_format),
        scd2: resource.scd2.clone().or(default_versions),
        primary_key: primary_key.map(|names| names.0.clone()).unwrap_or_default(),
        merge_key: merge_key.map(|names| names.0.clone()).unwrap_or_default(),
        max_nesting: resource.max_table_nesting.or(defaults.max_table_nesting),
        contract: resource.schema_contract.or(defaults.schema_contract),
        choice: ColumnChoice {
            included: names(&resource.included_columns, &defaults.included_columns),
            excluded: names(&resource.excluded_columns, &defaults.excluded_columns),
            renamed: renamed.into_iter().collect(),
        },
        columns: columns.over(&defaults.columns.clone().unwrap_or_default()).0,
        ..TableHints::default()
    };
    let incremental = incremental::declared(resource, defaults)?;
    let range = incremental.as_ref().map(|declared| {
        incremental::range(declared, &resource.name, &hints.primary_key, context).map_err(|error| {
            match error.advice() {
                Some(hint) => format!("{error} ({hint})"),
                None => error.to_string(),
            }
        })
    });
    let range = range.transpose()?;
    let range = incremental.as_ref().zip(range.as_ref());
    let origin = match &resource.items {
        Some(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(serde_json::value::to_raw_value).collect();
            Origin::Given(items.map_err(|cause| cause.to_string())?)
        }
        None => Origin::Endpoint(Box::new(endpoint(resource, defaults, client_paginator, range)?)),
    };
    let steps = resource.processing_steps.as_ref().or(defaults.processing_steps.as_ref());
    let steps = Steps::parse(steps.map(Vec::as_slice).unwrap_or_default())?;
    Ok(Plan {
        name: resource.name.clone(),
        is_selected: resource.selected.unwrap_or(true),
        hints,
        origin,
        steps,
        incremental,
        at_once: resource.parallelized.or(defaults.parallelized).map_or(1, |parallel| parallel.0),
        says_at_once: resource.parallelized.is_some_and(|parallel| parallel.0 > 1),
    })
}

fn endpoint(
    resource: &ResourceConfig,
    defaults: &ResourceDefaults,
    client_paginator: Option<&Short<PaginatorConfig>>,
    range: Option<(&EndpointIncremental, &RangeTexts)>,
) -> Result<Endpoint, String> {
    let own: &EndpointConfig = &resource.endpoint.0;
    let common: &EndpointConfig = &defaults.endpoint.0;
    let fill = |text: &str| incremental::fill(text, range.map(|(_, range)| range), str::to_owned);
    let mut values = BTreeMap::new();
    for (name, value) in common.params.iter().chain(&own.params) {
        if incremental::of_param(value).is_none() {
            values.insert(name.clone(), fill(&param_text(name, value)?)?);
        }
    }
    for (name, value) in range
        .into_iter()
        .flat_map(|(declared, range)| [(&declared.start_param, &range.start), (&declared.end_param, &range.end)])
    {
        if let (Some(name), Some(value)) = (name, value) {
            values.insert(name.clone(), value.replace('{', "{{").replace('}', "}}"));
        }
    }
    let mut parent = ParentFields::default();
    let mut used = Vec::new();
    let path = own.path.as_deref().or(common.path.as_deref()).unwrap_or(&resource.name);
    let path_name = last_word(path);
    let path = &incremental::fill(path, range.map(|(_, range)| range), |value| encode(value, "/"))?;
    let path = Template::parse(path, &values, &mut used, &mut parent)?;
    let mut params = Vec::new();
    for (name, value) in values.iter().filter(|(name, _)| !used.contains(name)) {
        let none = BTreeMap::new();
        params.push((name.clone(), Template::parse(value, &none, &mut Vec::new(), &mut parent)?));
    }
    let headers: BTreeMap<&String, &Secret> = common.headers.iter().chain(&own.headers).collect();
    let mut header_templates = Vec::new();
    for (name, value) in headers {
        let value = fill(value.reveal());
        let template = value.and_then(|value| Template::parse(&value, &BTreeMap::new(), &mut Vec::new(), &mut parent));
        // The value may be a secret: the message does without it.
        let template = template.map_err(|_| format!("the placeholders in the header `{name}` cannot be read"))?;
        header_templates.push((name.clone(), template));
    }
    let mut json = merged(common.json.as_ref(), own.json.as_ref());
    json.as_mut().map(|json| fill_json(json, &fill)).transpose()?;
    let json = json.as_ref().map(|json| JsonTemplate::parse(json, &mut parent)).transpose()?;
    let is_post = own.method.or(common.method).unwrap_or_default() == Method::Post;
    let mut data = own.data.clone().or_else(|| common.data.clone().filter(|_| json.is_none()));
    if json.is_some() && data.is_some() {
        return Err("`json` and `data` are two bodies: give one of them".to_owned());
    }
    if let Some(data) = &data {
        check_data(data)?;
    }
    data.as_mut().map(|data| fill_json(data, &fill)).transpose()?;
    let data = data.as_ref().map(|data| JsonTemplate::parse(data, &mut parent)).transpose()?;
    for (name, is_given) in [("json", json.is_some()), ("data", data.is_some())] {
        if is_given && !is_post {
            return Err(format!("`{name}` is sent with `method = \"POST\"` only: add that"));
        }
    }
    let auth = own.auth.as_ref().or(common.auth.as_ref());
    auth.map(|auth| credentials::check(auth, "endpoint.auth")).transpose()?;
    let given_path = own.path.as_deref().or(common.path.as_deref()).unwrap_or_default();
    let home = (auth.is_some() && is_absolute(given_path) && !origin(given_path).contains('{'))
        .then(|| Arc::from(origin(given_path)));
    parent.required = parent.fields.len();
    let mut included = Vec::new();
    for field in resource.include_from_parent.as_ref().or(defaults.include_from_parent.as_ref()).into_iter().flatten() {
        let Some(name) = parent.parent.clone() else {
            return Err("`include_from_parent` needs a parent: a placeholder such as `{resources.users.id}`".to_owned());
        };
        included.push((format!("_{name}_{}", field.replace('.', "_")), parent.add(field)?));
    }
    let is_single = path.ends_in_field() && own.data_selector.is_none() && own.paginator.is_none();
    let selector = own.data_selector.as_deref().or(common.data_selector.as_deref());
    let selector_text = selector.unwrap_or("$").to_owned();
    let selector = match selector {
        _ if is_single => JsonPath::parse("$"),
        Some(text) => Some(JsonPath::parse(text).ok_or_else(|| format!("`data_selector = \"{text}\"` is no path"))?),
        None => None,
    };
    let paginator = own.paginator.as_ref().or(common.paginator.as_ref()).or(client_paginator);
    let paginator = match paginator {
        _ if is_single => PaginatorConfig::SinglePage {},
        Some(Short(paginator)) => paginator.clone(),
        None => PaginatorConfig::Auto {},
    };
    check_paths(&paginator)?;
    check_senders(&paginator, is_post, data.is_some())?;
    let actions = own.response_actions.as_ref().or(common.response_actions.as_ref());
    let actions: Vec<ResponseAction> = actions.cloned().unwrap_or_default();
    if actions.iter().any(|action| action.status_code.is_none() && action.content.is_none()) {
        return Err("each of `response_actions` needs a `status_code`, a `content`, or both".to_owned());
    }
    Ok(Endpoint {
        path,
        path_name,
        is_post,
        json,
        data,
        credentials: auth.map(|auth| Arc::new(Credentials::new(Some(auth)))),
        home,
        params,
        headers: header_templates,
        paginator,
        selector,
        selector_text,
        actions,
        parent,
        included,
    })
}

/// Fills the texts of a body.
fn fill_json(json: &mut serde_json::Value, fill: &dyn Fn(&str) -> Result<String, String>) -> Result<(), String> {
    match json {
        serde_json::Value::String(text) => *text = fill(text)?,
        serde_json::Value::Array(values) => values.iter_mut().try_for_each(|value| fill_json(value, fill))?,
        serde_json::Value::Object(members) => members.values_mut().try_for_each(|value| fill_json(value, fill))?,
        _ => {}
    }
    Ok(())
}

/// The last part of a path that is no placeholder.
fn last_word(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.rsplit('/').find(|part| !part.is_empty() && !part.contains('{')).unwrap_or_default().to_owned()
}

/// The keys of both; the resource's own win.
fn merged(common: Option<&serde_json::Value>, own: Option<&serde_json::Value>) -> Option<serde_json::Value> {
    match (common, own) {
        (Some(serde_json::Value::Object(common)), Some(serde_json::Value::Object(own))) => {
            let mut all = common.clone();
            all.extend(own.clone());
            Some(all.into())
        }
        (common, own) => own.or(common).cloned(),
    }
}

fn param_text(name: &str, value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(word) => Ok(word.to_string()),
        toml::Value::Datetime(moment) => Ok(moment.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => {
            Err(format!("the parameter `{name}` must be a text, a number or a boolean"))
        }
    }
}
