//! Finds out from the first response how pages may follow one another, and what it says of how much there is.

use super::client::{Request, Response};
use super::config::PaginatorConfig;
use super::json::{JsonPath, elements, is_list, is_object, member, members, scalar_text};
use super::url::link_target;
use super::words::{
    LAST, LIMIT, MARKS, MORE, NEXT_MARKS, OFFSET, PAGE, TOTAL_ITEMS, TOTAL_PAGES, normal, param_word, written,
};
use serde_json::value::RawValue;

/// Where a response says something.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Header(String),
    Body(JsonPath, String),
}

impl Place {
    /// The text there.
    fn text(&self, response: &Response, content: &RawValue) -> Option<String> {
        match self {
            Self::Header(name) => response.header(name).map(str::to_owned),
            Self::Body(path, _) => path.first(content).and_then(scalar_text),
        }
    }

    pub(crate) fn integer(&self, response: &Response, content: &RawValue) -> Option<u64> {
        number(&self.text(response, content)?)
    }

    pub(crate) fn flag(&self, response: &Response, content: &RawValue) -> Option<bool> {
        flag(&self.text(response, content)?)
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Header(name) => name,
            Self::Body(_, text) => text,
        }
    }

    /// The path, if it is in the body.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Header(_) => None,
            Self::Body(_, text) => Some(text),
        }
    }
}

/// A number, also the one after the slash of `items 0-9/25`.
fn number(text: &str) -> Option<u64> {
    text.rsplit('/').next()?.trim().parse().ok()
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A way in which pages may follow one another.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) paginator: PaginatorConfig,
    /// What the second page is asked for by; `None`: a link that the response holds.
    pub(crate) second: Option<Request>,
    /// Number of the second page, or of its first item.
    pub(crate) position: u64,
    /// Where a response says its own number or offset, which must be the one that was asked for.
    pub(crate) echo: Option<Place>,
    /// Whether nothing but a number of items speaks for it.
    pub(crate) is_blind: bool,
}

/// What the first response says.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Ways to try, likeliest first.
    pub(crate) ways: Vec<Way>,
    /// Number of all items.
    pub(crate) total: Option<(Place, u64)>,
    /// Number of all pages.
    pub(crate) pages: Option<(Place, u64)>,
    /// Whether there is more; with `true` it says that there is none.
    pub(crate) more: Option<(Place, bool)>,
    /// What says beyond doubt that there is more.
    pub(crate) proof: Option<String>,
    /// The first of the ways, which stays when they have been tried.
    pub(crate) declared: Option<PaginatorConfig>,
    /// Items before this page.
    pub(crate) skipped: u64,
    /// The parameter by which a number of items is asked for that this page has.
    pub(crate) full: Option<String>,
    /// Keys of the response.
    pub(crate) keys: Vec<String>,
}

/// A scalar of the response that is in no list.
struct Sign {
    place: Place,
    key: String,
    word: String,
    parent: String,
    text: Option<String>,
    is_string: bool,
}

impl Sign {
    fn integer(&self) -> Option<u64> {
        self.text.as_deref().and_then(number)
    }

    fn is_link(&self) -> bool {
        let is_url = |text: &str| {
            text.starts_with("http") || text.starts_with(['/', '?']) || (text.contains('?') && text.contains('='))
        };
        self.is_string && self.text.as_deref().is_some_and(is_url)
    }

    /// Whether it names the next page.
    fn is_next(&self) -> bool {
        let is_target = matches!(self.word.as_str(), "href" | "url" | "uri" | "link");
        (self.word.starts_with("next") && !self.word.starts_with("nextsync"))
            || (is_target && self.parent.starts_with("next"))
    }

    fn is_mark(&self) -> bool {
        let word = self.word.as_str();
        let is_within_next = self.parent.starts_with("next")
            && matches!(word, "after" | "cursor" | "token" | "id" | "offset" | "page" | "start" | "marker" | "key");
        let is_named = NEXT_MARKS.contains(&word) || is_within_next || MARKS.contains(&word) || word == "cursor";
        is_named || (word == "offset" && self.is_string && self.integer().is_none())
    }

    /// Whether it says that nothing follows.
    fn is_nothing(&self) -> bool {
        is_nothing(self.text.as_deref())
    }
}

/// What APIs write where there is no next page.
pub(crate) fn is_nothing(text: Option<&str>) -> bool {
    text.is_none_or(|text| matches!(text.trim(), "" | "0" | "false" | "null"))
}

/// Reads the signs of a response with `item_count` items, to which `request` led. `items` is where they are.
pub(crate) fn detect(
    response: &Response,
    content: &RawValue,
    request: &Request,
    item_count: u64,
    items: &str,
) -> Signs {
    let all = signs_of(response, content);
    let find = |accept: &dyn Fn(&Sign) -> bool| all.iter().find(|sign| accept(sign));
    let word_in = |sign: &Sign, words: &[&str]| words.contains(&sign.word.as_str());
    let flag_of = |sign: &Sign| sign.text.as_deref().and_then(flag);
    let mut signs = Signs { keys: keys(content), full: full(request, item_count), ..Signs::default() };
    signs.more = find(&|sign| (word_in(sign, MORE) || sign.word == "next") && flag_of(sign).is_some())
        .map(|sign| (sign.place.clone(), false))
        .or_else(|| find(&|sign| word_in(sign, LAST) && flag_of(sign).is_some()).map(|s| (s.place.clone(), true)));
    let says_more = signs.more.as_ref().and_then(|(place, inverted)| Some(place.flag(response, content)? != *inverted));
    let is_total = |sign: &Sign, word: &str| {
        sign.word == word || (sign.word == "value" && sign.parent == word && word.starts_with("total"))
    };
    let total = TOTAL_ITEMS.iter().chain(&["contentrange"]).find_map(|word| {
        // Many call by `count` what is on the page; and there may be totals of other things.
        let is_enough = |total| total > item_count || (*word != "count" && total == item_count);
        let sign = find(&|sign| is_total(sign, word) && sign.integer().is_some_and(is_enough))?;
        Some((sign.place.clone(), sign.integer()?))
    });
    signs.total = total;
    signs.pages = find(&|sign| word_in(sign, TOTAL_PAGES) && sign.integer().is_some())
        .and_then(|sign| Some((sign.place.clone(), sign.integer()?)));
    if says_more == Some(false) {
        return signs;
    }
    if response.link().is_some_and(|link| link_target(&link, "next").is_some()) {
        signs.ways.push(link_way(PaginatorConfig::HeaderLink { links_next_key: "next".to_owned() }));
        return signs;
    }
    let link = find(&|sign| sign.is_next() && sign.is_link()).map(|sign| sign.place.name().to_owned());
    if let Some(next_url_path) = link.or_else(|| link_in_list(content)) {
        signs.ways.push(link_way(PaginatorConfig::JsonLink { next_url_path }));
        return signs;
    }
    let marks: Vec<&Sign> = all.iter().filter(|sign| sign.is_mark() && !sign.is_link()).collect();
    let is_ended = all.iter().any(|sign| sign.is_next() && sign.is_nothing())
        && marks.iter().all(|sign| sign.is_nothing() || sign.text.as_deref() == Some("true"));
    if is_ended {
        return signs;
    }
    let page = find(&|sign| {
        word_in(sign, PAGE) && sign.integer().is_some() && (sign.word != "number" || signs.pages.is_some())
    });
    let offset = find(&|sign| word_in(sign, OFFSET) && sign.integer().is_some());
    let guess = Guess { request, item_count, items, signs: &signs, content };
    let mut ways = Vec::new();
    let mark = marks.iter().find(|sign| !sign.is_nothing() && sign.text.as_deref() != Some("true"));
    if let Some(mark) = mark {
        ways.extend(guess.by_mark(mark, page.is_some()));
    }
    let page_number = page.and_then(Sign::integer);
    let first_page = page_number.map(|page| page.min(1));
    let skipped = match (page_number, first_page, offset.and_then(Sign::integer)) {
        (Some(page), Some(first), _) => (page - first).saturating_mul(item_count),
        (_, _, Some(offset)) => offset,
        _ => 0,
    };
    let more_items = signs.total.as_ref().is_some_and(|(_, total)| *total > skipped.saturating_add(item_count));
    let more_pages = signs.pages.as_ref().is_some_and(|(_, pages)| match (page_number, first_page) {
        (Some(page), Some(first)) => page.saturating_add(1) < pages.saturating_add(first),
        _ => *pages > 1,
    });
    if item_count > 0 && (says_more == Some(true) || more_pages || (more_items && signs.pages.is_none())) {
        ways.extend(guess.after_last_id());
        ways.extend(guess.by_page(page));
        ways.extend(guess.by_offset(offset));
        if page.is_none() && offset.is_none() {
            ways.extend(guess.blindly());
        }
    }
    let is_sure = |sign: &&&Sign| sign.word != "cursor" && item_count > 0;
    let proof = mark.filter(is_sure).map(|sign| format!("a mark for the next page at `{}`", sign.place.name()));
    let flagged = signs.more.as_ref().filter(|_| says_more == Some(true) && item_count > 0);
    signs.proof = proof.or_else(|| flagged.map(|(place, _)| format!("that there is more at `{}`", place.name())));
    signs.skipped = skipped;
    signs.declared = ways.first().map(|way| way.paginator.clone());
    signs.ways = ways;
    signs
}

fn link_way(paginator: PaginatorConfig) -> Way {
    Way { paginator, second: None, position: 0, echo: None, is_blind: false }
}

/// The parameter that limits a page to the items that this one has.
fn full(request: &Request, item_count: u64) -> Option<String> {
    let is_limit = |(name, value): &&(String, String)| {
        (LIMIT.contains(&param_word(name).as_str()) || param_word(name) == "count")
            && value.parse() == Ok(item_count)
            && item_count > 1
    };
    request.params.iter().find(is_limit).map(|(name, _)| name.clone())
}

/// What a guess is made from.
struct Guess<'a> {
    request: &'a Request,
    item_count: u64,
    items: &'a str,
    signs: &'a Signs,
    content: &'a RawValue,
}

impl Guess<'_> {
    fn with(&self, param: &str, value: impl ToString) -> Option<Request> {
        let mut request = self.request.clone();
        request.set(param, value);
        Some(request)
    }

    /// The parameter of the request that has one of these meanings, and its value.
    fn given(&self, words: &[&str]) -> Option<(String, u64)> {
        let given = self.request.params.iter().find(|(name, _)| words.contains(&param_word(name).as_str()))?;
        Some((given.0.clone(), given.1.parse().ok()?))
    }

    fn by_mark(&self, sign: &Sign, has_page: bool) -> Vec<Way> {
        let value = sign.text.clone().unwrap_or_default();
        let more = self.signs.more.as_ref().filter(|(_, inverted)| !inverted).and_then(|(place, _)| place.path());
        let way = |param: String| Way {
            second: self.with(&param, &value),
            paginator: PaginatorConfig::Cursor {
                cursor_path: sign.place.name().to_owned(),
                cursor_param: Some(param),
                cursor_body_path: None,
                stop_after_empty_page: false,
                has_more_path: more.map(str::to_owned),
            },
            position: 0,
            echo: None,
            is_blind: false,
        };
        let mut names = mark_params(sign, has_page, self.item_count);
        // What the request has already is not guessed.
        names.sort_by_key(|name| !self.request.params.iter().any(|(known, _)| known == name));
        names.into_iter().map(way).collect()
    }

    /// The id of the last item asks for those after it: an object `list` of Stripe's kind.
    fn after_last_id(&self) -> Option<Way> {
        let (place, _) = self.signs.more.as_ref().filter(|(_, inverted)| !inverted)?;
        let is_list = member(self.content, "object").and_then(scalar_text).as_deref() == Some("list");
        let cursor_path = format!("{}[-1].id", self.items);
        let id = JsonPath::parse(&cursor_path)?.first(self.content).and_then(scalar_text).filter(|_| is_list)?;
        Some(Way {
            second: self.with("starting_after", id),
            paginator: PaginatorConfig::Cursor {
                cursor_path,
                cursor_param: Some("starting_after".to_owned()),
                cursor_body_path: None,
                stop_after_empty_page: true,
                has_more_path: place.path().map(str::to_owned),
            },
            position: 0,
            echo: None,
            is_blind: false,
        })
    }

    fn page(&self, page_param: String, first: u64, position: u64, echo: Option<Place>) -> Way {
        let total_path = self.signs.pages.as_ref().and_then(|(place, _)| place.path()).unwrap_or_default();
        Way {
            second: self.with(&page_param, position),
            paginator: PaginatorConfig::PageNumber {
                base_page: first,
                page: None,
                page_param: Some(page_param),
                page_body_path: None,
                total_path: total_path.to_owned(),
                maximum_page: None,
                stop_after_empty_page: true,
                has_more_path: None,
            },
            position,
            is_blind: echo.is_none(),
            echo,
        }
    }

    fn offset(&self, offset_param: String, position: u64, echo: Option<Place>) -> Way {
        let total_path = self.signs.total.as_ref().and_then(|(place, _)| place.path()).unwrap_or_default();
        Way {
            second: self.with(&offset_param, position),
            paginator: PaginatorConfig::Offset {
                limit: self.item_count,
                offset: 0,
                offset_param: Some(offset_param),
                limit_param: Some(String::new()),
                offset_body_path: None,
                limit_body_path: None,
                total_path: total_path.to_owned(),
                maximum_offset: None,
                stop_after_empty_page: true,
                has_more_path: None,
            },
            position,
            is_blind: echo.is_none(),
            echo,
        }
    }

    fn by_page(&self, echo: Option<&Sign>) -> Vec<Way> {
        let given = self.given(PAGE);
        let echoed = echo.and_then(|sign| Some((sign, sign.integer()?)));
        let (page, place) = match (&echoed, &given) {
            (Some((sign, page)), _) => (*page, Some(sign.place.clone())),
            (None, Some((_, page))) => (*page, None),
            (None, None) => return Vec::new(),
        };
        let names = match (given, echoed) {
            (Some((name, _)), _) => vec![name],
            (None, Some((sign, _))) => echo_params(&sign.key, "page"),
            (None, None) => Vec::new(),
        };
        names.into_iter().map(|name| self.page(name, page.min(1), page + 1, place.clone())).collect()
    }

    fn by_offset(&self, echo: Option<&Sign>) -> Vec<Way> {
        let given = self.given(OFFSET);
        let echoed = echo.and_then(|sign| Some((sign, sign.integer()?)));
        let (offset, place) = match (&echoed, &given) {
            (Some((sign, offset)), _) => (*offset, Some(sign.place.clone())),
            (None, Some((_, offset))) => (*offset, None),
            (None, None) => return Vec::new(),
        };
        let names = match (given, echoed) {
            (Some((name, _)), _) => vec![name],
            (None, Some((sign, _))) => echo_params(&sign.key, "offset"),
            (None, None) => Vec::new(),
        };
        names.into_iter().map(|name| self.offset(name, offset + self.item_count, place.clone())).collect()
    }

    /// The usual parameters. That the pages begin at 0 is tried first: a server that counts from 1 gives the same page then.
    fn blindly(&self) -> Vec<Way> {
        if self.given(PAGE).is_some() || self.given(OFFSET).is_some() {
            return Vec::new();
        }
        let mut ways = Vec::new();
        if self.signs.pages.is_none() {
            let is_search = self.items.starts_with("hits.");
            let names = if is_search { &["from", "offset"][..] } else { &["offset"][..] };
            ways.extend(names.iter().map(|name| self.offset((*name).to_owned(), self.item_count, None)));
        }
        ways.push(self.page("page".to_owned(), 0, 1, None));
        ways.push(self.page("page".to_owned(), 1, 2, None));
        ways
    }
}

/// Parameters by which the mark is likely to be sent.
fn mark_params(sign: &Sign, has_page: bool, item_count: u64) -> Vec<String> {
    let key = sign.key.as_str();
    let mut names: Vec<String> = Vec::new();
    if sign.parent.starts_with("next") && !sign.word.starts_with("next") {
        names.push(key.to_owned());
    } else if sign.word == "next" {
        match sign.integer() {
            Some(next) if next == item_count && !has_page => names.extend(["offset".to_owned(), "page".to_owned()]),
            Some(_) => names.push("page".to_owned()),
            None => {}
        }
        names.extend(["cursor".to_owned(), "next".to_owned()]);
    } else if let Some(rest) = strip_next(key) {
        names.push(rest.clone());
        names.push(key.to_owned());
        match normal(&rest).as_str() {
            "token" => names.push("pagination_token".to_owned()),
            "cursor" => names.extend(["start_cursor".to_owned(), "after".to_owned()]),
            _ => {}
        }
    } else {
        names.push(key.to_owned());
    }
    if !names.iter().any(|name| name == "cursor") {
        names.push("cursor".to_owned());
    }
    names
}

/// `pageToken` of `nextPageToken`, `cursor` of `next_cursor`.
fn strip_next(key: &str) -> Option<String> {
    let trimmed = key.trim_start_matches(['_', '@', '$']);
    let rest = trimmed.get(..4).filter(|start| start.eq_ignore_ascii_case("next")).map(|_| &trimmed[4..])?;
    let rest = rest.trim_start_matches(['_', '-']);
    let mut letters = rest.chars();
    let first = letters.next()?;
    let first = if trimmed.starts_with('N') { first } else { first.to_ascii_lowercase() };
    Some(std::iter::once(first).chain(letters).collect())
}

/// Parameters by which a number is likely to be sent that the response holds under `key`.
fn echo_params(key: &str, usual: &str) -> Vec<String> {
    let word = normal(key);
    if word.starts_with("current") || word == "number" || word == usual {
        return vec![if word == usual { key.to_owned() } else { usual.to_owned() }];
    }
    vec![key.to_owned(), usual.to_owned()]
}

/// A link of relation `next` in a list of links.
fn link_in_list(content: &RawValue) -> Option<String> {
    let lists = members(content)?
        .into_iter()
        .filter(|(key, value)| matches!(normal(key).as_str(), "link" | "links") && is_list(value));
    for (list, links) in lists {
        for link in elements(links).unwrap_or_default() {
            for relation in ["rel", "relation"] {
                if member(link, relation).and_then(scalar_text).as_deref() == Some("next") {
                    let target = ["href", "url", "uri"].iter().find(|target| member(link, target).is_some())?;
                    return Some(format!("{}[?(@.{relation}=='next')].{target}", written(&[list])));
                }
            }
        }
    }
    None
}

fn keys(content: &RawValue) -> Vec<String> {
    members(content).unwrap_or_default().into_iter().map(|(key, _)| key).collect()
}

/// Scalars of headers and of objects down to the third level that are in no list, nearest to the top first.
fn signs_of(response: &Response, content: &RawValue) -> Vec<Sign> {
    let mut all: Vec<Sign> = Vec::new();
    let mut level: Vec<(Vec<String>, &RawValue)> = vec![(Vec::new(), content)];
    for _ in 0..3 {
        let mut next = Vec::new();
        for (path, value) in level {
            for (key, value) in members(value).unwrap_or_default() {
                let parent = path.last().map(|key| normal(key)).unwrap_or_default();
                let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
                if is_object(value) {
                    next.push((path, value));
                } else if !is_list(value) {
                    all.push(Sign {
                        place: Place::Body(JsonPath::of_keys(&path), written(&path)),
                        word: normal(&key),
                        key,
                        parent,
                        text: scalar_text(value),
                        is_string: value.get().starts_with('"'),
                    });
                }
            }
        }
        level = next;
    }
    all.extend(response.headers.iter().filter(|(name, _)| name.starts_with("x-") || name == "content-range").map(
        |(name, value)| Sign {
            place: Place::Header(name.clone()),
            key: name.clone(),
            word: normal(name),
            parent: String::new(),
            text: Some(value.clone()),
            is_string: true,
        },
    ));
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The ways to try, each as the type of paginator and what it asks for the second page.
    fn ways(text: &str, headers: &[(&str, &str)], params: &[(&str, &str)]) -> Vec<String> {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let response = Response { status: 200, headers: pairs(headers), body: Vec::new(), url: "http://h".to_owned() };
        let request = Request { params: pairs(params), ..Request::default() };
        let content = RawValue::from_string(text.to_owned()).unwrap();
        let asked = |way: &Way| {
            let second = way.second.as_ref().and_then(|second| second.params.last().cloned()).unwrap_or_default();
            format!("{}={}", second.0, second.1)
        };
        let describe = |way: Way| match &way.paginator {
            PaginatorConfig::JsonLink { next_url_path } => format!("json_link {next_url_path}"),
            PaginatorConfig::HeaderLink { .. } => "header_link".to_owned(),
            PaginatorConfig::PageNumber { base_page, .. } => format!("page {} from {base_page}", asked(&way)),
            PaginatorConfig::Cursor { cursor_path, .. } => format!("cursor {cursor_path} {}", asked(&way)),
            PaginatorConfig::Offset { .. } => format!("offset {}", asked(&way)),
            other => format!("{other:?}"),
        };
        detect(&response, &content, &request, 10, "data").ways.into_iter().map(describe).collect()
    }

    #[test]
    fn links_are_certain() {
        assert_eq!(ways("[]", &[("link", "</x>; rel=next")], &[]), ["header_link"]);
        for (text, path) in [
            (r#"{"paging":{"next":"/x"}}"#, "paging.next"),
            (r#"{"_links":{"next":{"href":"http://h/2"}}}"#, "_links.next.href"),
            (r#"{"odata.x":1,"next.link":"/2"}"#, "['next.link']"),
            (r#"{"@odata.nextLink":"http://h/2"}"#, "['@odata.nextLink']"),
            (r#"{"d":{"__next":"http://h/2"}}"#, "d.__next"),
            (r#"{"done":false,"nextRecordsUrl":"/x"}"#, "nextRecordsUrl"),
            (r#"{"next":"?page=2"}"#, "next"),
            (r#"{"links":[{"rel":"self","href":"/1"},{"rel":"next","href":"/2"}]}"#, "links[?(@.rel=='next')].href"),
            (r#"{"link":[{"relation":"next","url":"/2"}]}"#, "link[?(@.relation=='next')].url"),
        ] {
            assert_eq!(ways(text, &[], &[]), [format!("json_link {path}")], "{text}");
        }
    }

    #[test]
    fn marks_have_likely_parameters() {
        for (text, expected) in [
            (r#"{"next":"abc"}"#, "cursor next cursor=abc"),
            (r#"{"next_cursor":"a","has_more":true}"#, "cursor next_cursor cursor=a"),
            (r#"{"nextPageToken":"a"}"#, "cursor nextPageToken pageToken=a"),
            (r#"{"paging":{"next":{"after":"a"}}}"#, "cursor paging.next.after after=a"),
            (r#"{"response_metadata":{"next_cursor":"a="}}"#, "cursor response_metadata.next_cursor cursor=a="),
            (r#"{"offset":"itr1/rec1"}"#, "cursor offset offset=itr1/rec1"),
            (
                r#"{"additional_data":{"pagination":{"start":0,"more_items_in_collection":true,"next_start":10}}}"#,
                "cursor additional_data.pagination.next_start start=10",
            ),
            (r#"{"next_page":2}"#, "cursor next_page page=2"),
            (r#"{"continuationToken":"a"}"#, "cursor continuationToken continuationToken=a"),
        ] {
            assert_eq!(ways(text, &[], &[]).first().map(String::as_str), Some(expected), "{text}");
        }
    }

    #[test]
    fn counted_pages_have_likely_parameters() {
        for (text, expected) in [
            (r#"{"page":1,"total":25}"#, "page page=2 from 1"),
            (r#"{"page":1,"total_pages":3}"#, "page page=2 from 1"),
            (r#"{"meta":{"current_page":1,"last_page":3}}"#, "page page=2 from 1"),
            (r#"{"number":0,"totalPages":3,"totalElements":25}"#, "page page=1 from 0"),
            (r#"{"pageIndex":0,"total":25}"#, "page pageIndex=1 from 0"),
            (r#"{"startAt":0,"maxResults":10,"total":25}"#, "offset startAt=10"),
            (r#"{"meta":{"offset":0,"limit":10,"total_count":"25"}}"#, "offset offset=10"),
            (r#"{"response":{"numFound":25,"start":0}}"#, "offset start=10"),
            (r#"{"total":25}"#, "offset offset=10"),
            (r#"{"total_pages":3}"#, "page page=1 from 0"),
        ] {
            assert_eq!(ways(text, &[], &[]).first().map(String::as_str), Some(expected), "{text}");
        }
        assert_eq!(ways("[]", &[("x-total-count", "25")], &[("p[number]", "1")]), ["page p[number]=2 from 1"]);
        assert_eq!(ways("[]", &[("content-range", "items 0-9/25")], &[("$skip", "0")]), ["offset $skip=10"]);
    }

    #[test]
    fn nothing_follows_the_end() {
        for text in [
            r#"{"next":null,"data":[{"next":"/x"}]}"#,
            r#"{"next":0}"#,
            r#"{"next":false}"#,
            r#"{"next":""}"#,
            r#"{"next":"x","has_more":false}"#,
            r#"{"next":null,"count":25}"#,
            r#"{"total":10}"#,
            r#"{"count":10}"#,
            r#"{"page":3,"total_pages":3}"#,
            r#"{"nextRecordsUrl":"/x","done":true}"#,
            r#"{"nextSyncToken":"x"}"#,
            r#"{"x":1}"#,
        ] {
            assert!(ways(text, &[], &[]).is_empty(), "{text}");
        }
    }
}
