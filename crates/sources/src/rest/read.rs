//! Reads resources: for every item of the parent the pages of a request, from every page its items.

use super::client::{Client, Request, Response, refused};
use super::json::{JsonPath, find_items, scalar_text, with_members};
use super::pages::{Pages, items};
use super::plan::{Endpoint, Origin, Plan};
use super::spool::{Spool, SpoolLines};
use super::template::ParentFields;
use super::url::{public, under};
use dlt_engine::source::{Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;

/// A piece is handed over when it has this many bytes: an API is slow, so that larger ones would keep the engine idle.
const CHUNK_BYTES: usize = 1 << 20;

type Item = Box<RawValue>;

/// Gives the items of a resource, a page at a time.
pub(crate) enum Items {
    Given(Option<Vec<Item>>),
    Endpoint(Box<EndpointItems>),
}

impl Items {
    /// `parents` gives the rows of the parent, if there is one.
    pub(crate) fn new(plan: &Arc<Plan>, client: &Arc<Client>, parents: Parents) -> Self {
        match &plan.origin {
            Origin::Given(items) => Self::Given(Some(items.clone())),
            Origin::Endpoint(endpoint) => Self::Endpoint(Box::new(EndpointItems {
                plan: Arc::clone(plan),
                client: Arc::clone(client),
                parents,
                selector: endpoint.selector.clone(),
                is_selector_right: false,
                current: None,
            })),
        }
    }

    fn next_page(&mut self) -> Result<Option<Vec<Item>>> {
        match self {
            Self::Given(items) => Ok(items.take()),
            Self::Endpoint(items) => items.next_page(),
        }
    }
}

/// Rows of fields of the parent's items.
pub(crate) enum Parents {
    /// There is no parent: one row without fields.
    One(bool),
    /// The parent was read and left its rows here.
    Spooled(SpoolLines),
    /// The parent is not loaded itself, and read for this child alone.
    Live { items: Items, plan: Arc<Plan>, page: VecDeque<Item> },
}

impl Parents {
    fn next(&mut self, fields: &ParentFields) -> Result<Option<Vec<Item>>> {
        match self {
            Self::One(taken) => Ok((!std::mem::replace(taken, true)).then(Vec::new)),
            Self::Spooled(lines) => {
                let Some(line) = lines.next()? else { return Ok(None) };
                let row = serde_json::from_str(&line);
                row.map(Some).map_err(|cause| Error::new(ErrorKind::Internal, "a kept item is damaged").because(cause))
            }
            Self::Live { items, plan, page } => loop {
                if let Some(item) = page.pop_front() {
                    return row(&item, &plan.name, fields).map(Some);
                }
                match items.next_page()? {
                    Some(next) => *page = next.into(),
                    None => return Ok(None),
                }
            },
        }
    }
}

/// The fields of an item. An item that is no object is its own field `value`, as it is in its table.
fn row(item: &RawValue, parent: &str, fields: &ParentFields) -> Result<Vec<Item>> {
    let mut row = Vec::new();
    for (index, (name, path)) in fields.fields.iter().enumerate() {
        let found = path.first(item).or_else(|| (name == "value" && scalar_text(item).is_some()).then_some(item));
        if index < fields.required && found.and_then(scalar_text).is_none() {
            return Err(Error::new(ErrorKind::Data, format!("an item of `{parent}` has no value in `{name}`"))
                .hint("a placeholder needs a text, a number or a boolean in every item"));
        }
        // Line ends in JSON are blanks, and a row is kept as a line.
        let text = found.map_or("null", RawValue::get).replace(['\n', '\r'], " ");
        row.push(
            RawValue::from_string(text)
                .map_err(|cause| Error::new(ErrorKind::Internal, "a field of an item was damaged").because(cause))?,
        );
    }
    Ok(row)
}

pub(crate) struct EndpointItems {
    plan: Arc<Plan>,
    client: Arc<Client>,
    parents: Parents,
    /// Known after the first page of a request, even if it was to be found.
    selector: Option<JsonPath>,
    /// Whether a response had something where the declaration says that items are.
    is_selector_right: bool,
    current: Option<Current>,
}

/// The request that is being followed.
struct Current {
    request: Request,
    pages: Pages,
    /// Added to each item.
    added: Vec<(String, Item)>,
}

impl EndpointItems {
    fn endpoint(plan: &Plan) -> Result<&Endpoint> {
        match &plan.origin {
            Origin::Endpoint(endpoint) => Ok(endpoint),
            Origin::Given(_) => Err(Error::new(ErrorKind::Internal, "items that are given are not asked for")),
        }
    }

    fn next_page(&mut self) -> Result<Option<Vec<Item>>> {
        let plan = Arc::clone(&self.plan);
        let endpoint = Self::endpoint(&plan)?;
        if self.current.is_none() {
            let Some(row) = self.parents.next(&endpoint.parent)? else { return Ok(None) };
            self.current = Some(self.begin(endpoint, &row));
        }
        let Some(current) = &mut self.current else { return Ok(None) };
        let response = self.client.get(&current.request, &endpoint.ignored)?;
        if endpoint.ignored.contains(&response.status) {
            self.current = None;
            return Ok(Some(Vec::new()));
        }
        if !(200..300).contains(&response.status) {
            return Err(refused(&response));
        }
        if response.status == 204 || response.body.iter().all(u8::is_ascii_whitespace) {
            self.current = None;
            return Ok(Some(Vec::new()));
        }
        let content: &RawValue = serde_json::from_slice(&response.body).map_err(|cause| {
            Error::new(ErrorKind::Data, "the response is not JSON")
                .at(public(&response.url), Some(cause.line() as u64))
                .because(cause)
                .hint("is `base_url` that of the API and not of a page for people?")
        })?;
        if let Some(given) = endpoint.selector.as_ref().filter(|_| !self.is_selector_right) {
            if given.misses_key(content) {
                return Err(nothing_selected(&response, &endpoint.selector_text));
            }
            self.is_selector_right = true;
        }
        let selector = self.selector.get_or_insert_with(|| find_items(content));
        let found = items(selector, content);
        let page: Result<Vec<Item>> = found
            .items
            .iter()
            .map(|item| {
                let text = with_members(item, &current.added);
                RawValue::from_string(text)
                    .map_err(|cause| Error::new(ErrorKind::Internal, "an item was damaged").because(cause))
            })
            .collect();
        let has_next = current
            .pages
            .turn(&response, content, &found, &mut current.request)
            .map_err(|what| Error::new(ErrorKind::Data, what).at(public(&response.url), None))?;
        if !has_next {
            self.current = None;
        }
        page.map(Some)
    }

    fn begin(&mut self, endpoint: &Endpoint, row: &[Item]) -> Current {
        self.selector = endpoint.selector.clone();
        let fields: Vec<String> = row.iter().map(|value| scalar_text(value).unwrap_or_default()).collect();
        let mut request = Request {
            url: under(self.client.base_url(), &endpoint.path.path(&fields)),
            params: endpoint.params.iter().map(|(name, value)| (name.clone(), value.text(&fields))).collect(),
            headers: endpoint.headers.iter().map(|(name, value)| (name.clone(), value.text(&fields))).collect(),
        };
        let pages = Pages::begin(endpoint.paginator.clone(), &mut request);
        let added = endpoint.included.iter().map(|(name, index)| (name.clone(), row[*index].clone())).collect();
        Current { request, pages, added }
    }
}

/// No items because of a slip in the declaration must not pass for no items: a table that is replaced would be emptied.
fn nothing_selected(response: &Response, selector: &str) -> Error {
    Error::new(ErrorKind::Data, format!("the response has nothing at `{selector}`"))
        .at(public(&response.url), None)
        .hint("set `data_selector` to where the items are; if the answer means that there are none, ignore its status in `response_actions`")
}

/// Reads one resource for the engine.
pub(crate) struct ResourceReader {
    pub(crate) name: Arc<str>,
    pub(crate) items: Items,
    /// What the children need of each item.
    pub(crate) children: Vec<(Spool, ParentFields)>,
    pub(crate) line: u64,
    pub(crate) ended: bool,
}

impl Reader for ResourceReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let first_line = self.line;
        let mut bytes = Vec::new();
        while !self.ended && bytes.len() < CHUNK_BYTES {
            let Some(page) = self.items.next_page()? else {
                self.ended = true;
                break;
            };
            for item in page {
                for (spool, fields) in &self.children {
                    let row = row(&item, &self.name, fields)?;
                    let line = serde_json::to_string(&row);
                    spool.push(
                        &line.map_err(|cause| {
                            Error::new(ErrorKind::Internal, "an item cannot be kept").because(cause)
                        })?,
                    )?;
                }
                bytes.extend_from_slice(item.get().as_bytes());
                bytes.push(b'\n');
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Chunk::Json(JsonChunk { bytes, input: Arc::clone(&self.name), first_line })))
    }
}
