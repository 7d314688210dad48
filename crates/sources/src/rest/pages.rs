//! How pages follow one another.

use super::auto::Auto;
use super::client::{Request, Response};
use super::config::PaginatorConfig;
use super::detect::is_nothing;
use super::json::{JsonPath, elements, integer, is_null, scalar_text};
use super::turn::{Flaw, Found, Turn, digests};
use super::url::{join, link_target};
use super::voice::Voice;
use serde_json::value::RawValue;

/// Pages without items that may follow one another before the end is no longer believed in.
const MAX_EMPTY_PAGES: u32 = 100;

/// Follows the pages of one request.
pub(crate) struct Pages {
    paginator: PaginatorConfig,
    /// Offset or number of the page that was asked for.
    position: u64,
    /// What was found out, if the declaration leaves it to that.
    auto: Option<Auto>,
    trail: Trail,
    items: ItemTrail,
    voice: Voice,
}

/// Finds out that requests come again, without remembering all of them: one is remembered, and replaced by a later one
/// after 1, 2, 4, 8 … further ones, so that it is in the circle at last.
struct Trail {
    remembered: Request,
    steps: u64,
    steps_to_next: u64,
}

impl Trail {
    fn begin(request: &Request) -> Self {
        Self { remembered: request.clone(), steps: 0, steps_to_next: 1 }
    }

    /// Whether the request closes a circle.
    fn closes(&mut self, request: &Request) -> bool {
        if *request == self.remembered {
            return true;
        }
        self.steps += 1;
        if self.steps == self.steps_to_next {
            let steps_to_next = self.steps_to_next.saturating_mul(2);
            *self = Self { remembered: request.clone(), steps: 0, steps_to_next };
        }
        false
    }
}

/// What is known of the items of the pages so far.
#[derive(Default)]
struct ItemTrail {
    received: u64,
    /// Items of the largest page.
    largest: u64,
    /// Items of the page before, as numbers.
    last: Vec<u64>,
    repeats: u32,
    empty: u32,
}

impl ItemTrail {
    /// `allowed` pages may hold the same as the one before.
    fn add(&mut self, found: &Found<'_>, allowed: u32) -> Result<(), Flaw> {
        let count = found.items.len() as u64;
        self.received += count;
        self.largest = self.largest.max(count);
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        if self.empty > MAX_EMPTY_PAGES {
            return Err(Flaw::new(format!("{MAX_EMPTY_PAGES} pages without items followed one another"))
                .hint("set the paginator's `stop_after_empty_page = true`, or `has_more_path`"));
        }
        let digests = digests(found);
        self.repeats = if count > 0 && digests == self.last { self.repeats + 1 } else { 0 };
        self.last = digests;
        if self.repeats > allowed {
            return Err(Flaw::new("the page holds the same items as the one before".to_owned()));
        }
        Ok(())
    }
}

impl Pages {
    /// Sets the parameters of the first page.
    pub(crate) fn begin(paginator: PaginatorConfig, request: &mut Request, voice: Voice) -> Self {
        let mut position = 0;
        let mut auto = None;
        match &paginator {
            PaginatorConfig::Offset { limit, offset, limit_param, limit_body_path, .. } => {
                position = *offset;
                send(request, limit_param.as_deref(), limit_body_path.as_deref(), "limit", *limit);
                send_position(&paginator, request, position);
            }
            PaginatorConfig::PageNumber { base_page, page, .. } => {
                position = page.unwrap_or(*base_page);
                send_position(&paginator, request, position);
            }
            PaginatorConfig::Auto {} => auto = Some(Auto::default()),
            _ => {}
        }
        Self { paginator, position, auto, trail: Trail::begin(request), items: ItemTrail::default(), voice }
    }

    /// Whether the request only tries whether it leads to the next page: a failure is no error then.
    pub(crate) fn is_trial(&self) -> bool {
        self.auto.as_ref().is_some_and(Auto::is_trial)
    }

    /// The response to a trial was a failure.
    pub(crate) fn refuse(&mut self, request: &mut Request) -> Result<Turn, Flaw> {
        match &mut self.auto {
            Some(auto) => auto.next_way(request, &mut self.voice),
            None => Ok(Turn { keeps: false, has_next: false }),
        }
    }

    /// By which the resource says things.
    pub(crate) fn voice(&mut self) -> &mut Voice {
        &mut self.voice
    }

    /// Ends the pages, and gives back what has been said.
    pub(crate) fn end(self) -> Voice {
        self.voice
    }

    /// Makes `request` ask for the page after `response`.
    pub(crate) fn turn(
        &mut self,
        response: &Response,
        content: &RawValue,
        found: &Found<'_>,
        request: &mut Request,
    ) -> Result<Turn, Flaw> {
        if let Some(auto) = self.auto.as_mut().filter(|auto| auto.is_trial()) {
            match auto.accept(response, content, found, &mut self.voice) {
                None => return auto.next_way(request, &mut self.voice),
                Some((paginator, position)) => (self.paginator, self.position) = (paginator, position),
            }
        }
        self.items.add(found, self.allowed_repeats()).map_err(|flaw| flaw.hint(self.advice()))?;
        if let (PaginatorConfig::Auto {}, Some(auto)) = (&self.paginator, &mut self.auto) {
            match auto.look(response, content, found, request, &mut self.voice)? {
                Some(paginator) => self.paginator = paginator,
                None => return Ok(Turn { keeps: true, has_next: auto.is_trial() }),
            }
        }
        let before = request.clone();
        let has_next = self.advance(response, content, found, request)?;
        if has_next && *request == before {
            return Err(Flaw::new("the response names the same page as the next one".to_owned()).hint(self.advice()));
        }
        if has_next && self.trail.closes(request) {
            let message = "the pages go in a circle: the response names as the next one a page that was read before";
            return Err(Flaw::new(message.to_owned()).hint(self.advice()));
        }
        if !has_next {
            self.check_total(response, content)?;
        }
        Ok(Turn { keeps: true, has_next })
    }

    /// A link is a whole request that the API made: it cannot be ignored as a parameter can.
    fn allowed_repeats(&self) -> u32 {
        match self.paginator {
            PaginatorConfig::JsonLink { .. } | PaginatorConfig::HeaderLink { .. } => 2,
            _ => 0,
        }
    }

    /// What to do if the same page comes again.
    fn advice(&self) -> String {
        let sent = |param: &Option<String>, usual: &str| param.clone().unwrap_or_else(|| usual.to_owned());
        match &self.paginator {
            PaginatorConfig::Offset { offset_param, .. } => format!(
                "does the API know the parameter `{}`? Set `offset_param` to its name; if it repeats its last page, set `total_path`, `has_more_path` or `maximum_offset`",
                sent(offset_param, "offset")
            ),
            PaginatorConfig::PageNumber { page_param, .. } => format!(
                "does the API know the parameter `{}`? Set `page_param` to its name; if it counts from 1, set `base_page = 1`; if it repeats its last page, set `total_path`, `has_more_path` or `maximum_page`",
                sent(page_param, "page")
            ),
            PaginatorConfig::Cursor { cursor_param, .. } => format!(
                "does the API know the parameter `{}`? Set `cursor_param` to its name",
                sent(cursor_param, "cursor")
            ),
            PaginatorConfig::HeaderCursor { cursor_param, .. } => {
                format!("does the API know the parameter `{cursor_param}`? Set `cursor_param` to its name")
            }
            _ => "set the endpoint's `paginator` to how its pages follow one another".to_owned(),
        }
    }

    fn advance(
        &mut self,
        response: &Response,
        content: &RawValue,
        found: &Found<'_>,
        request: &mut Request,
    ) -> Result<bool, Flaw> {
        let is_empty = found.items.is_empty();
        let says_more = match &self.auto {
            Some(auto) => auto.says_more(response, content, self.position, self.items.received),
            None => true,
        };
        match &self.paginator {
            PaginatorConfig::Auto {} | PaginatorConfig::SinglePage {} => Ok(false),
            PaginatorConfig::JsonLink { next_url_path } => {
                let is_text = |value: &&RawValue| value.get().starts_with('"');
                let link = path(next_url_path)?.first(content).filter(is_text).and_then(scalar_text);
                Ok(says_more && follow(link.filter(|link| !link.is_empty()), response, request))
            }
            PaginatorConfig::HeaderLink { links_next_key } => {
                let link = response.link().and_then(|header| link_target(&header, links_next_key));
                Ok(follow(link, response, request))
            }
            PaginatorConfig::HeaderCursor { cursor_key, cursor_param } => {
                let mark = response.header(&cursor_key.to_ascii_lowercase()).map(str::to_owned);
                Ok(send_mark(request, mark, Some(cursor_param), None))
            }
            PaginatorConfig::Cursor {
                cursor_path,
                cursor_param,
                cursor_body_path,
                stop_after_empty_page,
                has_more_path,
            } => {
                let mark = path(cursor_path)?.first(content).and_then(scalar_text);
                if is_nothing(mark.as_deref()) || (is_empty && *stop_after_empty_page) || !says_more {
                    return Ok(false);
                }
                Ok(has_more(has_more_path.as_deref(), content)?.unwrap_or(true)
                    && send_mark(request, mark, cursor_param.as_deref(), cursor_body_path.as_deref()))
            }
            PaginatorConfig::Offset {
                limit, total_path, maximum_offset, stop_after_empty_page, has_more_path, ..
            } => {
                self.position = self.position.saturating_add(self.step(*limit, found));
                send_position(&self.paginator, request, self.position);
                Ok((!is_empty || !stop_after_empty_page)
                    && says_more
                    && (self.auto.is_some() || total(total_path, content)?.is_none_or(|total| self.position < total))
                    && maximum_offset.is_none_or(|maximum| self.position < maximum)
                    && has_more(has_more_path.as_deref(), content)?.unwrap_or(true))
            }
            PaginatorConfig::PageNumber {
                base_page,
                total_path,
                maximum_page,
                stop_after_empty_page,
                has_more_path,
                ..
            } => {
                self.position = self.position.saturating_add(1);
                send_position(&self.paginator, request, self.position);
                let is_within = |pages: u64| self.position < pages.saturating_add(*base_page);
                Ok((!is_empty || !stop_after_empty_page)
                    && says_more
                    && (self.auto.is_some() || total(total_path, content)?.is_none_or(is_within))
                    && maximum_page.is_none_or(|maximum| self.position <= maximum)
                    && has_more(has_more_path.as_deref(), content)?.unwrap_or(true))
            }
        }
    }

    /// How far the next page is. A server may give fewer items than it was asked for, on every page, and going on by what
    /// was asked for would leave rows out. Once a page was full, a shorter one has another reason.
    fn step(&self, limit: u64, found: &Found<'_>) -> u64 {
        if found.is_list && self.items.largest > 0 { self.items.largest } else { limit }
    }

    /// Whether as many rows came as the response says there are.
    fn check_total(&mut self, response: &Response, content: &RawValue) -> Result<(), Flaw> {
        let received = self.items.received;
        if let Some(auto) = &self.auto {
            auto.check_total(response, content, received, &mut self.voice);
            return Ok(());
        }
        let PaginatorConfig::Offset { limit, offset, total_path, maximum_offset: None, limit_param, .. } =
            &self.paginator
        else {
            return Ok(());
        };
        if self.items.largest < *limit && received > self.items.largest && limit_param.as_deref() != Some("") {
            let largest = self.items.largest;
            let message = format!("the API gives at most {largest} items a page, though `limit` is {limit}");
            self.voice.say("limit", message, format!("set the paginator's `limit = {largest}`"), Vec::new());
        }
        let Some(total) = total(total_path, content)? else { return Ok(()) };
        let expected = total.saturating_sub(*offset);
        if received > expected && self.items.largest == received {
            self.voice.say(
                "total",
                format!("the response says at `{total_path}` that there are {total} items, and holds {received}"),
                "set the paginator's `total_path` to the number of all items: this may be that of pages",
                Vec::new(),
            );
        } else if received < expected && self.items.largest > 0 {
            let message =
                format!("the response says at `{total_path}` that there are {total} items, and {received} came");
            let hint = "the API may leave out what the credentials do not allow, or may have changed meanwhile";
            self.voice.say("total", message, hint, Vec::new());
        }
        Ok(())
    }
}

fn path(text: &str) -> Result<JsonPath, Flaw> {
    JsonPath::parse(text).ok_or_else(|| Flaw::new(format!("`{text}` is no path into a response")))
}

/// A link is a whole request: the parameters of the one before are in it, or not meant to be.
fn follow(link: Option<String>, response: &Response, request: &mut Request) -> bool {
    let Some(link) = link else { return false };
    request.url = join(&response.url, &link);
    request.params.clear();
    true
}

/// Sends a mark, unless there is none.
fn send_mark(request: &mut Request, mark: Option<String>, param: Option<&str>, body_path: Option<&str>) -> bool {
    let Some(mark) = mark.filter(|mark| !is_nothing(Some(mark))) else { return false };
    match body_path {
        Some(path) => request.set_in_body(path, serde_json::Value::from(mark.as_str())),
        None => request.set(param.unwrap_or("cursor"), mark),
    }
    true
}

/// Sends a number as a parameter or in the body; an empty name is not sent.
fn send(request: &mut Request, param: Option<&str>, body_path: Option<&str>, usual: &str, number: u64) {
    match (param, body_path) {
        (Some(""), _) => {}
        (_, Some(path)) => request.set_in_body(path, serde_json::Value::from(number)),
        (param, None) => request.set(param.unwrap_or(usual), number),
    }
}

fn send_position(paginator: &PaginatorConfig, request: &mut Request, position: u64) {
    match paginator {
        PaginatorConfig::Offset { offset_param, offset_body_path, .. } => {
            send(request, offset_param.as_deref(), offset_body_path.as_deref(), "offset", position);
        }
        PaginatorConfig::PageNumber { page_param, page_body_path, .. } => {
            send(request, page_param.as_deref(), page_body_path.as_deref(), "page", position);
        }
        _ => {}
    }
}

fn total(total_path: &str, content: &RawValue) -> Result<Option<u64>, Flaw> {
    if total_path.is_empty() {
        return Ok(None);
    }
    let total = path(total_path)?.first(content).and_then(integer);
    total.map(Some).ok_or_else(|| {
        Flaw::new(format!("the response has no number at `{total_path}`"))
            .hint("set the paginator's `total_path` to where the response tells the total, or to \"\" if it does not")
    })
}

fn has_more(has_more_path: Option<&str>, content: &RawValue) -> Result<Option<bool>, Flaw> {
    let Some(at) = has_more_path else { return Ok(None) };
    let word = path(at)?.first(content).and_then(scalar_text);
    match word.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        _ => Err(Flaw::new(format!(
            "the response has neither true nor false at `{at}`, the paginator's `has_more_path`"
        ))),
    }
}

/// The items at `selector`: the elements of a single list, or every value that was found. Null is none.
pub(crate) fn items<'a>(selector: &JsonPath, content: &'a RawValue) -> Found<'a> {
    let mut found = selector.select(content);
    if let [only] = found.as_slice()
        && let Some(items) = elements(only)
    {
        return Found { items, is_list: !selector.takes_all() };
    }
    found.retain(|value| !is_null(value));
    Found { items: found, is_list: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers_have_relations() {
        let header = r#"<http://h/a,b?x=1>; rel="prev", </c;d>; title="x"; rel="last next""#;
        assert_eq!(link_target(header, "next").as_deref(), Some("/c;d"));
        assert_eq!(link_target(header, "prev").as_deref(), Some("http://h/a,b?x=1"));
        assert_eq!(link_target(header, "first"), None);
        assert_eq!(link_target("", "next"), None);
    }
}
