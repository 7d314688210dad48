//! Reads resources: for every item of the parent the pages of a request, from every page its items.

use super::body::utf8;
use super::children::row;
use super::client::{Accepts, Access, Client, Data, Request, Response, action_for, refused};
use super::config::Action;
use super::json::{JsonPath, scalar_text, with_members};
use super::pages::{Pages, items};
use super::parallel::InOrder;
use super::plan::{Endpoint, Origin, Plan};
use super::select::{failure, find_items};
use super::spool::SpoolLines;
use super::template::ParentFields;
use super::turn::Flaw;
use super::url::{public, under};
use super::voice::Voice;
use dlt_engine::source::{Chunk, JsonChunk, Reader};
use dlt_engine::{Error, ErrorKind, Notices, Result};
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;

/// A piece is handed over when it has this many bytes: an API is slow, so that larger ones would keep the engine idle.
const CHUNK_BYTES: usize = 1 << 20;

type Item = Box<RawValue>;

/// Gives the items of a resource, a page at a time.
pub(crate) enum Items {
    Given(Option<Vec<Item>>, Arc<Plan>),
    Endpoint(Box<EndpointItems>),
}

impl Items {
    /// `parents` gives the rows of the parent, if there is one.
    pub(crate) fn new(plan: &Arc<Plan>, client: &Arc<Client>, parents: Parents, notices: &Notices) -> Self {
        match &plan.origin {
            Origin::Given(items) => Self::Given(Some(items.clone()), Arc::clone(plan)),
            Origin::Endpoint(endpoint) => Self::Endpoint(Box::new(EndpointItems {
                plan: Arc::clone(plan),
                client: Arc::clone(client),
                parents,
                selector: endpoint.selector.clone(),
                is_selector_right: false,
                current: None,
                voice: Voice::new(&plan.name, notices),
                others: InOrder::new(plan.at_once),
                is_apart: plan.at_once < 2,
                rows: 0,
            })),
        }
    }

    fn next_page(&mut self) -> Result<Option<Vec<Item>>> {
        match self {
            Self::Given(items, plan) => items.take().map(|items| plan.steps.apply(items)).transpose(),
            Self::Endpoint(items) => items.next_page(),
        }
    }
}

/// Rows of fields of the parent's items.
pub(crate) enum Parents {
    /// There is no parent: one row without fields.
    One(bool),
    /// This row.
    Row(Option<Vec<Item>>),
    /// The parent was read and left its rows here.
    Spooled(SpoolLines),
    /// The parent is not loaded itself, and read for this child alone.
    Live { items: Items, plan: Arc<Plan>, page: VecDeque<Item> },
}

impl Parents {
    fn next(&mut self, fields: &ParentFields) -> Result<Option<Vec<Item>>> {
        match self {
            Self::One(taken) => Ok((!std::mem::replace(taken, true)).then(Vec::new)),
            Self::Row(row) => Ok(row.take()),
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

pub(crate) struct EndpointItems {
    plan: Arc<Plan>,
    client: Arc<Client>,
    parents: Parents,
    /// Known after the first page with items of a request, even if it was to be found.
    selector: Option<JsonPath>,
    /// Whether a response had something where the declaration says that items are.
    is_selector_right: bool,
    current: Option<Current>,
    voice: Voice,
    /// Requests for rows of the parent that are made at the same time; a page of each, or at its end what was said.
    others: InOrder<Result<Vec<Item>, Voice>>,
    /// Whether requests are made one after the other.
    is_apart: bool,
    /// Rows of the parent whose pages were all read.
    rows: usize,
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
        // The first requests show whether the declaration fits the answers at all.
        let is_settled = self.rows > 0 && (self.is_selector_right || endpoint.selector.is_none());
        if !self.is_apart && self.current.is_none() && is_settled {
            return self.next_of_several(endpoint);
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => match self.parents.next(&endpoint.parent)? {
                Some(row) => self.begin(endpoint, &row)?,
                None => return Ok(None),
            },
        };
        let (page, has_next) = self.take_page(&plan.name, endpoint, &mut current)?;
        if has_next {
            self.current = Some(current);
        } else {
            self.voice = current.pages.end();
            self.rows += 1;
        }
        plan.steps.apply(page).map(Some)
    }

    /// The next page where several rows of the parent are asked for at a time: pages come in the order of the rows.
    fn next_of_several(&mut self, endpoint: &Endpoint) -> Result<Option<Vec<Item>>> {
        loop {
            while !self.others.is_full()
                && let Some(row) = self.parents.next(&endpoint.parent)?
            {
                let mut other = self.for_one(row);
                self.others.begin(move |results| {
                    while let Some(page) = other.next_page()? {
                        if !results.give(Ok(page)) {
                            return Ok(());
                        }
                    }
                    results.give(Err(other.voice));
                    Ok(())
                })?;
            }
            match self.others.next() {
                Some(page) => match page? {
                    Ok(page) => return Ok(Some(page)),
                    Err(voice) => self.voice.learn(voice),
                },
                None if self.others.is_idle() => return Ok(None),
                None => {}
            }
        }
    }

    /// The same for a single row of the parent.
    fn for_one(&self, row: Vec<Item>) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            client: Arc::clone(&self.client),
            parents: Parents::Row(Some(row)),
            selector: self.selector.clone(),
            is_selector_right: self.is_selector_right,
            current: None,
            voice: self.voice.clone(),
            others: InOrder::new(1),
            is_apart: true,
            rows: 0,
        }
    }

    /// Asks for a page: its items, and whether there is another one.
    fn take_page(&mut self, name: &str, endpoint: &Endpoint, current: &mut Current) -> Result<(Vec<Item>, bool)> {
        let Current { request, pages, added } = current;
        let accepts = if pages.is_trial() { Accepts::All } else { Accepts::Actions(&endpoint.actions) };
        let access = Access { credentials: endpoint.credentials.as_deref(), home: endpoint.home.as_deref() };
        let mut response = self.client.get(request, accepts, access)?;
        let place = public(&response.url);
        let flawed = |flaw: Flaw| {
            let error = Error::new(ErrorKind::Data, flaw.message).at(place.clone(), None);
            flaw.hint.into_iter().fold(error, Error::hint)
        };
        if pages.is_trial() && (!(200..300).contains(&response.status) || is_blank(&response)) {
            let turn = pages.refuse(request).map_err(flawed)?;
            return Ok((Vec::new(), turn.has_next));
        }
        match action_for(&endpoint.actions, &response) {
            Some(Action::Ignore) => return Ok((Vec::new(), false)),
            Some(Action::Fail) => {
                let message = format!(
                    "{place} answered with status {}, which is an error by `response_actions`",
                    response.status
                );
                return Err(Error::new(ErrorKind::Source, message));
            }
            Some(Action::Retry) | None => {}
        }
        if !(200..300).contains(&response.status) {
            return Err(refused(&response));
        }
        if is_blank(&response) {
            return Ok((Vec::new(), false));
        }
        let body = utf8(std::mem::take(&mut response.body), response.header("content-type"));
        let body = body.ok_or_else(|| unknown_encoding(&response))?;
        let content: &RawValue = serde_json::from_slice(&body).map_err(|cause| not_json(&response, &body, cause))?;
        if let Some(given) = endpoint.selector.as_ref() {
            match given.misses_key(content) {
                false => self.is_selector_right = true,
                true if !self.is_selector_right => return Err(nothing_selected(&response, &endpoint.selector_text)),
                true => pages.voice().say(
                    "selector",
                    format!(
                        "a response after the first has nothing at `{}`, and was taken for one without items",
                        endpoint.selector_text
                    ),
                    "set `data_selector` to where the items are in all responses",
                    Vec::new(),
                ),
            }
        }
        let selector = match &self.selector {
            Some(selector) => selector.clone(),
            None => self.choose(name, endpoint, content, &response, pages)?,
        };
        let found = items(&selector, content);
        let turn = pages.turn(&response, content, &found, request).map_err(flawed)?;
        if !turn.keeps {
            return Ok((Vec::new(), turn.has_next));
        }
        if !found.items.is_empty() {
            // A page without items may hold nothing where later ones hold them.
            self.selector = Some(selector);
        }
        let item = |item: &&RawValue| {
            RawValue::from_string(with_members(item, added))
                .map_err(|cause| Error::new(ErrorKind::Internal, "an item was damaged").because(cause))
        };
        let page: Result<Vec<Item>> = found.items.iter().map(item).collect();
        Ok((page?, turn.has_next))
    }

    /// Finds where the items are.
    fn choose(
        &self,
        name: &str,
        endpoint: &Endpoint,
        content: &RawValue,
        response: &Response,
        pages: &mut Pages,
    ) -> Result<JsonPath> {
        let choice = find_items(content, &[name, &endpoint.path_name]);
        let takes_whole = choice.text == "$";
        if let Some(key) = failure(content).filter(|_| takes_whole) {
            let message = format!(
                "the response says by `{key}` that the request failed, though its status is {}",
                response.status
            );
            return Err(Error::new(ErrorKind::Source, message)
                .at(public(&response.url), None)
                .hint("check credentials and parameters; if the response is an item, set `data_selector = \"$\"`"));
        }
        let voice = pages.voice();
        if let Some((what, others)) = choice.doubt {
            let example = others.first().cloned().unwrap_or_default();
            let message = format!("the response {what}; items could also be at `{}`", others.join("`, `"));
            voice.say(
                "items",
                message,
                format!("set in the endpoint data_selector = \"{example}\", or \"{}\" to keep it", choice.text),
                Vec::new(),
            );
        }
        voice.items = choice.text;
        Ok(choice.path)
    }

    fn begin(&mut self, endpoint: &Endpoint, row: &[Item]) -> Result<Current> {
        self.selector = endpoint.selector.clone();
        let fields: Vec<String> = row.iter().map(|value| scalar_text(value).unwrap_or_default()).collect();
        let mut request = Request {
            url: under(self.client.base_url(), &endpoint.path.path(&fields)),
            params: endpoint.params.iter().map(|(name, value)| (name.clone(), value.text(&fields))).collect(),
            headers: endpoint.headers.iter().map(|(name, value)| (name.clone(), value.text(&fields))).collect(),
            is_post: endpoint.is_post,
            json: endpoint.json.as_ref().map(|json| json.fill(row)),
            data: endpoint.data.as_ref().map(|data| body_of(data.fill(row))),
            is_for_token: false,
        };
        let mut voice = std::mem::take(&mut self.voice);
        voice.items.clone_from(&endpoint.selector_text);
        let pages = Pages::begin(endpoint.paginator.clone(), &mut request, voice);
        let added = endpoint.included.iter().map(|(name, index)| (name.clone(), row[*index].clone())).collect();
        Ok(Current { request, pages, added })
    }
}

/// A table as a form, a text as it is.
fn body_of(data: serde_json::Value) -> Data {
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    match data {
        serde_json::Value::Object(members) => {
            Data::Form(members.into_iter().map(|(name, value)| (name, text(value))).collect())
        }
        other => Data::Text(text(other)),
    }
}

fn is_blank(response: &Response) -> bool {
    response.status == 204 || response.body.iter().all(u8::is_ascii_whitespace)
}

fn unknown_encoding(response: &Response) -> Error {
    let named = response.header("content-type").unwrap_or("no type").to_owned();
    Error::new(ErrorKind::Data, "the response is neither UTF-8 nor what its header says")
        .at(public(&response.url), None)
        .hint(format!("its Content-Type is: {named}"))
}

fn not_json(response: &Response, body: &[u8], cause: serde_json::Error) -> Error {
    let error =
        Error::new(ErrorKind::Data, "the response is not JSON").at(public(&response.url), Some(cause.line() as u64));
    let hint = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => {
            "it is HTML or XML: is `base_url` that of the API and not of a page for people? A header may ask for JSON: headers = { Accept = \"application/json\" }"
        }
        _ => "is `base_url` that of the API?",
    };
    error.because(cause).hint(hint)
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
