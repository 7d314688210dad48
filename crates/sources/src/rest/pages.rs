//! How pages follow one another.

use super::client::{Request, Response};
use super::config::PaginatorConfig;
use super::json::{JsonPath, elements, integer, is_null, is_object, members, scalar_text};
use super::url::join;
use serde_json::value::RawValue;

/// Follows the pages of one request.
pub(crate) struct Pages {
    paginator: PaginatorConfig,
    /// Offset or number of the page that was asked for.
    position: u64,
    trail: Trail,
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

/// Something in a response that keeps its pages from being followed.
pub(crate) type Flaw = String;

impl Pages {
    /// Sets the parameters of the first page.
    pub(crate) fn begin(paginator: PaginatorConfig, request: &mut Request) -> Self {
        let mut position = 0;
        match &paginator {
            PaginatorConfig::Offset { limit, offset, offset_param, limit_param, .. } => {
                position = *offset;
                request.set(offset_param, position);
                request.set(limit_param, limit);
            }
            PaginatorConfig::PageNumber { base_page, page, page_param, .. } => {
                position = page.unwrap_or(*base_page);
                request.set(page_param, position);
            }
            _ => {}
        }
        Self { paginator, position, trail: Trail::begin(request) }
    }

    /// Makes `request` ask for the page after `response`; `false` if there is none.
    pub(crate) fn turn(
        &mut self,
        response: &Response,
        content: &RawValue,
        found: &Found<'_>,
        request: &mut Request,
    ) -> Result<bool, Flaw> {
        if matches!(self.paginator, PaginatorConfig::Auto {}) {
            (self.paginator, self.position) = detect(response, content, found.is_list);
        }
        let item_count = found.items.len();
        let before = request.clone();
        let has_next = match &self.paginator {
            PaginatorConfig::Auto {} | PaginatorConfig::SinglePage {} => false,
            PaginatorConfig::JsonLink { next_url_path } => {
                let link = path(next_url_path)?.first(content).and_then(scalar_text).filter(|link| !link.is_empty());
                follow(link, response, request)
            }
            PaginatorConfig::HeaderLink { links_next_key } => {
                let link = response.link.as_deref().and_then(|header| link_target(header, links_next_key));
                follow(link, response, request)
            }
            PaginatorConfig::Cursor { cursor_path, cursor_param, stop_after_empty_page, has_more_path } => {
                let cursor = path(cursor_path)?.first(content).and_then(scalar_text).filter(|mark| !mark.is_empty());
                match cursor {
                    Some(cursor)
                        if (item_count > 0 || !stop_after_empty_page)
                            && has_more(has_more_path.as_deref(), content)?.unwrap_or(true) =>
                    {
                        request.set(cursor_param, cursor);
                        true
                    }
                    _ => false,
                }
            }
            PaginatorConfig::Offset {
                limit,
                offset_param,
                total_path,
                maximum_offset,
                stop_after_empty_page,
                has_more_path,
                ..
            } => {
                self.position = self.position.saturating_add(*limit);
                request.set(offset_param, self.position);
                (item_count > 0 || !stop_after_empty_page)
                    && total(total_path, content)?.is_none_or(|total| self.position < total)
                    && maximum_offset.is_none_or(|maximum| self.position < maximum)
                    && has_more(has_more_path.as_deref(), content)?.unwrap_or(true)
            }
            PaginatorConfig::PageNumber {
                base_page,
                page_param,
                total_path,
                maximum_page,
                stop_after_empty_page,
                has_more_path,
                ..
            } => {
                self.position = self.position.saturating_add(1);
                request.set(page_param, self.position);
                (item_count > 0 || !stop_after_empty_page)
                    && total(total_path, content)?.is_none_or(|pages| self.position < pages.saturating_add(*base_page))
                    && maximum_page.is_none_or(|maximum| self.position <= maximum)
                    && has_more(has_more_path.as_deref(), content)?.unwrap_or(true)
            }
        };
        if has_next && *request == before {
            return Err("the response names the same page as the next one".to_owned());
        }
        if has_next && self.trail.closes(request) {
            return Err(
                "the pages go in a circle: the response names as the next one a page that was read before".to_owned()
            );
        }
        Ok(has_next)
    }
}

fn path(text: &str) -> Result<JsonPath, Flaw> {
    JsonPath::parse(text).ok_or_else(|| format!("`{text}` is no path into a response"))
}

/// A link is a whole request: the parameters of the one before are in it, or not meant to be.
fn follow(link: Option<String>, response: &Response, request: &mut Request) -> bool {
    let Some(link) = link else { return false };
    request.url = join(&response.url, &link);
    request.params.clear();
    true
}

fn total(total_path: &str, content: &RawValue) -> Result<Option<u64>, Flaw> {
    if total_path.is_empty() {
        return Ok(None);
    }
    let total = path(total_path)?.first(content).and_then(integer);
    total.map(Some).ok_or_else(|| {
        format!("the response has no number at `{total_path}`: set the paginator's `total_path` to where it tells the total, or to \"\" if it does not")
    })
}

fn has_more(has_more_path: Option<&str>, content: &RawValue) -> Result<Option<bool>, Flaw> {
    let Some(at) = has_more_path else { return Ok(None) };
    let word = path(at)?.first(content).and_then(scalar_text);
    match word.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        _ => Err(format!("the response has neither true nor false at `{at}`, the paginator's `has_more_path`")),
    }
}

/// The target with this relation in a header such as `<https://…>; rel="next", <https://…>; rel="last"`.
fn link_target(header: &str, relation: &str) -> Option<String> {
    let mut rest = header;
    while let Some(open) = rest.find('<') {
        let (target, after) = rest[open + 1..].split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let is_wanted = after[..end].split([';', ',']).any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split_whitespace().any(|word| word == relation)
            })
        });
        if is_wanted {
            return Some(target.to_owned());
        }
        rest = &after[end..];
    }
    None
}

/// Finds out from the first response how pages follow one another.
fn detect(response: &Response, content: &RawValue, is_list: bool) -> (PaginatorConfig, u64) {
    if response.link.as_deref().is_some_and(|header| link_target(header, "next").is_some()) {
        return (PaginatorConfig::HeaderLink { links_next_key: "next".to_owned() }, 0);
    }
    let keys = shallow_keys(content);
    let find = |accept: &dyn Fn(&[String], &RawValue) -> bool| keys.iter().find(|(path, value)| accept(path, value));
    let last_is = |path: &[String], names: &[&str]| {
        path.last().is_some_and(|key| names.contains(&key.to_ascii_lowercase().as_str()))
    };
    let is_link = |value: &RawValue| {
        value.get().starts_with('"')
            && scalar_text(value).is_some_and(|link| link.starts_with("http") || link.starts_with('/'))
    };
    let is_next = |path: &[String]| {
        let next = |key: &String| key.to_ascii_lowercase().starts_with("next");
        let parent = path.len().checked_sub(2).and_then(|parent| path.get(parent));
        path.last().is_some_and(next) || (last_is(path, &["href", "url"]) && parent.is_some_and(next))
    };
    if let Some((path, _)) = find(&|path, value| is_next(path) && is_link(value)) {
        return (PaginatorConfig::JsonLink { next_url_path: written(path) }, 0);
    }
    let is_total = |path: &[String], value: &RawValue| {
        last_is(path, &["total_pages", "pages", "totalpages"])
            && !value.get().starts_with('"')
            && integer(value).is_some()
    };
    // A single thing that has pages, a book, say, is no page of a list.
    if let Some((path, _)) = find(&is_total).filter(|_| is_list) {
        // The response says how it counts; most count from one.
        let is_page = |path: &[String], value: &RawValue| {
            last_is(path, &["page", "current_page", "currentpage", "page_number", "pagenumber"])
                && integer(value).is_some()
        };
        let first = find(&is_page).and_then(|(_, value)| integer(value)).unwrap_or(1);
        let paginator = PaginatorConfig::PageNumber {
            base_page: first,
            page: None,
            page_param: "page".to_owned(),
            total_path: written(path),
            maximum_page: None,
            stop_after_empty_page: true,
            has_more_path: None,
        };
        return (paginator, first);
    }
    if let Some((path, _)) = find(&|path, value| last_is(path, &["next"]) && scalar_text(value).is_some()) {
        let paginator = PaginatorConfig::Cursor {
            cursor_path: written(path),
            cursor_param: "cursor".to_owned(),
            stop_after_empty_page: false,
            has_more_path: None,
        };
        return (paginator, 0);
    }
    (PaginatorConfig::SinglePage {}, 0)
}

/// Keys of objects down to the third level that are in no list, with their values, nearest to the top first.
fn shallow_keys(content: &RawValue) -> Vec<(Vec<String>, &RawValue)> {
    let mut all = Vec::new();
    let mut level: Vec<(Vec<String>, &RawValue)> = vec![(Vec::new(), content)];
    for _ in 0..3 {
        let mut next = Vec::new();
        for (path, value) in level {
            for (key, value) in members(value).unwrap_or_default() {
                let path: Vec<String> = path.iter().cloned().chain([key]).collect();
                if is_object(value) {
                    next.push((path.clone(), value));
                }
                all.push((path, value));
            }
        }
        level = next;
    }
    all
}

/// A path of keys as a person would write it.
fn written(keys: &[String]) -> String {
    let step = |key: &String| if key.contains(['.', '[', '*']) { format!("['{key}']") } else { format!(".{key}") };
    format!("${}", keys.iter().map(step).collect::<String>())
}

/// The items of a page.
pub(crate) struct Found<'a> {
    pub(crate) items: Vec<&'a RawValue>,
    /// Whether they stand in a list: a single thing does not.
    pub(crate) is_list: bool,
}

/// The items at `selector`: the elements of a single list, or every value that was found. Null is none.
pub(crate) fn items<'a>(selector: &JsonPath, content: &'a RawValue) -> Found<'a> {
    let mut found = selector.select(content);
    if let [only] = found.as_slice()
        && let Some(items) = elements(only)
    {
        return Found { items, is_list: true };
    }
    found.retain(|value| !is_null(value));
    Found { items: found, is_list: selector.takes_all() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn link_headers_have_relations() {
        let header = r#"<http://h/a,b?x=1>; rel="prev", </c;d>; title="x"; rel="last next""#;
        assert_eq!(link_target(header, "next").as_deref(), Some("/c;d"));
        assert_eq!(link_target(header, "prev").as_deref(), Some("http://h/a,b?x=1"));
        assert_eq!(link_target(header, "first"), None);
        assert_eq!(link_target("", "next"), None);
    }

    #[test]
    fn the_first_response_tells_the_paginator() {
        let name = |text: &str, link: Option<&str>| {
            let response =
                Response { status: 200, link: link.map(str::to_owned), body: Vec::new(), url: "http://h".to_owned() };
            let content = RawValue::from_string(text.to_owned()).unwrap();
            match detect(&response, &content, true).0 {
                PaginatorConfig::JsonLink { next_url_path } => format!("json_link {next_url_path}"),
                PaginatorConfig::HeaderLink { .. } => "header_link".to_owned(),
                PaginatorConfig::PageNumber { base_page, total_path, .. } => format!("page {base_page} {total_path}"),
                PaginatorConfig::Cursor { cursor_path, .. } => format!("cursor {cursor_path}"),
                PaginatorConfig::SinglePage {} => "single".to_owned(),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(name("[]", Some("</x>; rel=next")), "header_link");
        assert_eq!(name(r#"{"items":[],"paging":{"next":"/x"}}"#, None), "json_link $.paging.next");
        assert_eq!(name(r#"{"_links":{"next":{"href":"http://h/2"}}}"#, None), "json_link $._links.next.href");
        assert_eq!(name(r#"{"odata.x":1,"next.link":"/2"}"#, None), "json_link $['next.link']");
        assert_eq!(name(r#"{"total_pages":3}"#, None), "page 1 $.total_pages");
        assert_eq!(name(r#"{"meta":{"page":0,"pages":3}}"#, None), "page 0 $.meta.pages");
        assert_eq!(name(r#"{"next":"abc"}"#, None), "cursor $.next");
        assert_eq!(name(r#"{"next":null,"data":[{"next":"/x"}]}"#, None), "single");
    }
}
