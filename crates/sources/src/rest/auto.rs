//! The paginator `auto`: a way that a response suggests is tried, and taken only if it leads to another page.
//!
//! A link is followed as it is. A parameter is never taken on trust: the second page must differ from the first, must be
//! the one that was asked for where it says which one it is, and where only a number of items speaks for the parameter,
//! must have as many items as that leaves. What was found, and what was not, is said with the words that declare it.

use super::client::{Request, Response};
use super::config::PaginatorConfig;
use super::detect::{Place, Signs, Way, detect};
use super::turn::{Flaw, Found, Turn, digests};
use super::voice::Voice;
use serde_json::value::RawValue;
use std::collections::{HashSet, VecDeque};

/// What is found out while pages are read.
#[derive(Default)]
pub(crate) struct Auto {
    signs: Signs,
    ways: VecDeque<Way>,
    trial: Option<Way>,
    taken: Option<Way>,
    first: HashSet<u64>,
    first_count: u64,
}

impl Auto {
    pub(crate) fn is_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Looks at the first page: the paginator, if it is certain; else a trial has begun, or there is one page.
    pub(crate) fn look(
        &mut self,
        response: &Response,
        content: &RawValue,
        found: &Found<'_>,
        request: &mut Request,
        voice: &mut Voice,
    ) -> Result<Option<PaginatorConfig>, Flaw> {
        let count = found.items.len() as u64;
        // A single thing that has pages, a book, say, is no page of a list.
        let is_page = found.is_list || count == 0;
        self.signs = detect(response, content, request, count, &voice.items);
        self.ways = std::mem::take(&mut self.signs.ways).into();
        if let Some(Way { second: None, .. }) = self.ways.front() {
            self.taken = self.ways.pop_front();
            return Ok(self.taken.as_ref().map(|way| way.paginator.clone()));
        }
        if !is_page {
            self.ways.clear();
            return Ok(None);
        }
        self.first = digests(found).into_iter().collect();
        self.first_count = count;
        if let Some(known) = &voice.known_way {
            self.ways.make_contiguous().sort_by_key(|way| declared(&way.paginator) != *known);
        }
        if voice.is_lost {
            self.ways.clear();
        }
        self.next_way(request, voice).map(|_| None)
    }

    /// Begins the next trial, or says that there is none.
    pub(crate) fn next_way(&mut self, request: &mut Request, voice: &mut Voice) -> Result<Turn, Flaw> {
        self.trial = self.ways.pop_front();
        if let Some(second) = self.trial.as_ref().and_then(|way| way.second.clone()) {
            *request = second;
            return Ok(Turn { keeps: false, has_next: true });
        }
        self.give_up(voice)?;
        Ok(Turn { keeps: false, has_next: false })
    }

    fn give_up(&self, voice: &mut Voice) -> Result<(), Flaw> {
        let total = self.signs.total.as_ref().map(|(place, total)| (place.name(), *total));
        let missing = total.filter(|(_, total)| *total > self.signs.skipped.saturating_add(self.first_count));
        let pages = self.signs.pages.as_ref().filter(|(_, pages)| *pages > 1 && self.signs.skipped == 0);
        let count = self.first_count;
        let keys = || match self.signs.keys.as_slice() {
            [] => String::new(),
            keys => format!("; the response has the keys `{}`", keys.join("`, `")),
        };
        if let Some(proof) = &self.signs.proof {
            let message = format!(
                "the response says {proof}, and no parameter that is usual for that brings the next page{}",
                keys()
            );
            return Err(Flaw::new(message).hint(format!(
                "set the endpoint's paginator, such as paginator = {}; or paginator = \"single_page\" if this page is all",
                self.example()
            )));
        }
        let what = match (missing, pages, &self.signs.full) {
            _ if count == 0 => return Ok(()),
            (Some((place, total)), ..) => format!("the response says at `{place}` that there are {total} items, and"),
            (None, Some((place, pages)), _) => {
                format!("the response says at `{}` that there are {pages} pages, and", place.name())
            }
            (None, None, Some(param)) if !self.has_end() => {
                format!(
                    "the first page is full (`{param}` = {count}), the response does not say whether there is more, and"
                )
            }
            _ => return Ok(()),
        };
        voice.is_lost = self.taken.is_none() && voice.known_way.is_none();
        let message = format!(
            "only the first page was read, with {count} items: {what} not how the next page is asked for{}",
            keys()
        );
        let hint = format!(
            "set the endpoint's paginator, such as paginator = {}; or paginator = \"single_page\" if this page is all",
            self.example()
        );
        voice.say("pages", message, hint, Vec::new());
        Ok(())
    }

    /// Whether the response says that this is all.
    fn has_end(&self) -> bool {
        self.signs.more.is_some() || self.signs.total.is_some() || self.signs.pages.is_some()
    }

    /// A declaration to begin with.
    fn example(&self) -> String {
        let total = self.signs.total.as_ref().and_then(|(place, _)| place.path()).unwrap_or_default();
        let more = self.signs.more.as_ref().filter(|(_, inverted)| !inverted).and_then(|(place, _)| place.path());
        let more = more.map(|path| format!(", has_more_path = \"{path}\"")).unwrap_or_default();
        if let Some(PaginatorConfig::Cursor { cursor_path, .. }) = &self.signs.declared {
            return format!("{{ type = \"cursor\", cursor_path = \"{cursor_path}\", cursor_param = \"…\" }}");
        }
        format!(
            "{{ type = \"offset\", limit = {}, offset_param = \"…\", limit_param = \"…\", total_path = \"{total}\"{more} }}",
            self.first_count
        )
    }

    /// Whether the response to the trial is the second page: then how pages follow, and the number of this one.
    pub(crate) fn accept(
        &mut self,
        response: &Response,
        content: &RawValue,
        found: &Found<'_>,
        voice: &mut Voice,
    ) -> Option<(PaginatorConfig, u64)> {
        let way = self.trial.take()?;
        if !self.is_second_page(&way, response, content, found) {
            return None;
        }
        let declaration = declared(&way.paginator);
        voice.known_way = Some(declaration.clone());
        voice.say(
            "way",
            "how pages follow one another was found by trying".to_owned(),
            format!("to declare it, set in the endpoint paginator = {declaration}"),
            Vec::new(),
        );
        let taken = (way.paginator.clone(), way.position);
        self.taken = Some(way);
        Some(taken)
    }

    fn is_second_page(&self, way: &Way, response: &Response, content: &RawValue, found: &Found<'_>) -> bool {
        let is_cursor = matches!(way.paginator, PaginatorConfig::Cursor { .. });
        let count = found.items.len() as u64;
        if count == 0 {
            return is_cursor;
        }
        let shared = digests(found).iter().filter(|item| self.first.contains(item)).count() as u64;
        if shared * 2 > count {
            return false;
        }
        if let Some(echoed) = way.echo.as_ref().and_then(|place| place.integer(response, content))
            && echoed != way.position
        {
            return false;
        }
        match &self.signs.total {
            Some((_, total)) if way.is_blind => count == self.first_count.min(total.saturating_sub(self.first_count)),
            _ => true,
        }
    }

    /// Whether the response says that there is more after the page at `position`; `true` also if it says nothing.
    pub(crate) fn says_more(&self, response: &Response, content: &RawValue, position: u64, received: u64) -> bool {
        let flag = self.signs.more.as_ref();
        if let Some(more) = flag.and_then(|(place, inverted)| Some(place.flag(response, content)? != *inverted)) {
            return more;
        }
        let integer = |said: &Option<(Place, u64)>| {
            said.as_ref().map(|(place, first)| place.integer(response, content).unwrap_or(*first))
        };
        match self.taken.as_ref().map(|way| &way.paginator) {
            Some(PaginatorConfig::PageNumber { base_page, .. }) if self.signs.pages.is_some() => {
                integer(&self.signs.pages).is_none_or(|pages| position + 1 < pages.saturating_add(*base_page))
            }
            Some(PaginatorConfig::PageNumber { .. } | PaginatorConfig::Offset { .. }) => {
                integer(&self.signs.total).is_none_or(|total| self.signs.skipped.saturating_add(received) < total)
            }
            _ => true,
        }
    }

    /// Says if fewer items came than the response says there are.
    pub(crate) fn check_total(&self, response: &Response, content: &RawValue, received: u64, voice: &mut Voice) {
        let Some((place, first)) = &self.signs.total else { return };
        let total = place.integer(response, content).unwrap_or(*first);
        if received > 0 && self.signs.skipped.saturating_add(received) < total {
            let message = format!(
                "the response says at `{}` that there are {total} items, and its pages ended after {received}",
                place.name()
            );
            let hint = "the API may limit how far its pages go: narrow the request by parameters, or set the endpoint's `paginator`";
            voice.say("total", message, hint, Vec::new());
        }
    }
}

/// The paginator as it is written in a declaration.
fn declared(paginator: &PaginatorConfig) -> String {
    match paginator {
        PaginatorConfig::Cursor { cursor_path, cursor_param, has_more_path, stop_after_empty_page, .. } => {
            let param = cursor_param.as_deref().unwrap_or("cursor");
            let more = has_more_path.as_deref().map(|path| format!(", has_more_path = \"{path}\"")).unwrap_or_default();
            let stop = if *stop_after_empty_page { ", stop_after_empty_page = true" } else { "" };
            format!("{{ type = \"cursor\", cursor_path = \"{cursor_path}\", cursor_param = \"{param}\"{more}{stop} }}")
        }
        PaginatorConfig::Offset { limit, offset_param, total_path, .. } => {
            let param = offset_param.as_deref().unwrap_or("offset");
            format!(
                "{{ type = \"offset\", limit = {limit}, offset_param = \"{param}\", limit_param = \"\", total_path = \"{total_path}\" }}"
            )
        }
        PaginatorConfig::PageNumber { base_page, page_param, total_path, .. } => {
            let param = page_param.as_deref().unwrap_or("page");
            format!(
                "{{ type = \"page_number\", base_page = {base_page}, page_param = \"{param}\", total_path = \"{total_path}\" }}"
            )
        }
        other => format!("{other:?}"),
    }
}
