//! The words by which APIs speak of their pages, whatever way they spell them.

/// A key without what spelling adds: `next_pageToken`, `nextPageToken` and `@odata.nextPageToken` are one word.
pub(crate) fn normal(key: &str) -> String {
    let key = key.rsplit_once("odata.").map_or(key, |(_, key)| key);
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A path of keys as a person would write it.
pub(crate) fn written(keys: &[String]) -> String {
    let mut text = String::new();
    for key in keys {
        if key.contains(['.', '[', '*']) || key.is_empty() || key.starts_with('$') {
            text.push_str(&format!("['{key}']"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
    }
    if text.is_empty() { "$".to_owned() } else { text }
}

/// Numbers of all items.
pub(crate) const TOTAL_ITEMS: &[&str] = &[
    "total",
    "totalcount",
    "totalresults",
    "totalitems",
    "totalrecords",
    "totalrows",
    "totalelements",
    "totalhits",
    "totalsize",
    "totalentries",
    "totalobjects",
    "totalnumber",
    "totalmatches",
    "recordstotal",
    "numfound",
    "nbhits",
    "xtotalcount",
    "xtotal",
    "xwptotal",
    "count",
];
/// Numbers of all pages.
pub(crate) const TOTAL_PAGES: &[&str] = &[
    "totalpages",
    "pages",
    "pagecount",
    "numpages",
    "lastpage",
    "pagetotal",
    "nbpages",
    "totalpagecount",
    "xtotalpages",
    "xwptotalpages",
    "xpagecount",
    "xpaginationpagecount",
];
/// The number of this page.
pub(crate) const PAGE: &[&str] = &["page", "currentpage", "pagenumber", "pageno", "pagenum", "pageindex", "number"];
/// The number of the first item of this page.
pub(crate) const OFFSET: &[&str] =
    &["offset", "skip", "start", "startat", "startindex", "from", "currentoffset", "firstresult"];
/// How many items a page may have.
pub(crate) const LIMIT: &[&str] = &[
    "limit",
    "perpage",
    "pagesize",
    "size",
    "maxresults",
    "top",
    "take",
    "pagelimit",
    "maxrecords",
    "resultsperpage",
    "itemsperpage",
    "hitsperpage",
];
/// Whether there is more.
pub(crate) const MORE: &[&str] = &[
    "hasmore",
    "hasnext",
    "hasnextpage",
    "hasmorepages",
    "hasmoreitems",
    "more",
    "morepages",
    "moreitemsincollection",
    "morerecords",
    "moreavailable",
    "moreresults",
    "istruncated",
    "truncated",
];
/// Whether there is no more.
pub(crate) const LAST: &[&str] = &["islast", "islastpage", "last", "done", "isdone", "isend", "iscomplete"];
/// Marks of the next page, beside those that begin with `next`.
pub(crate) const MARKS: &[&str] =
    &["continuationtoken", "continuation", "endcursor", "scrollid", "bookmark", "paginationtoken", "aftercursor"];
/// Words that begin with `next` and name a mark.
pub(crate) const NEXT_MARKS: &[&str] = &[
    "next",
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "nextpage",
    "nextpageid",
    "nextpagekey",
    "nextpagecursor",
    "nextoffset",
    "nextstart",
    "nextstartindex",
    "nextmarker",
    "nextkey",
    "nextid",
    "nextafter",
    "nextindex",
    "nextskip",
    "nextcontinuationtoken",
    "nextpagestart",
    "nextpagenumber",
    "nextpageoffset",
    "nextbookmark",
];

/// The last part of a parameter's name in brackets: `page[size]` is a size.
pub(crate) fn param_word(name: &str) -> String {
    let inner = name.strip_suffix(']').and_then(|name| name.rsplit_once('[')).map(|(_, inner)| inner);
    match inner.map(normal) {
        // What a page of JSON:API is asked for by its number.
        Some(inner) if inner == "number" => "page".to_owned(),
        Some(inner) => inner,
        None => normal(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_no_difference() {
        for key in ["next_page", "nextPage", "NextPage", "__next-page", "@odata.nextPage", "odata.nextPage"] {
            assert_eq!(normal(key), "nextpage", "{key}");
        }
        assert_eq!(param_word("page[size]"), "size");
        assert_eq!(param_word("page[number]"), "page");
        assert_eq!(param_word("$top"), "top");
    }

    #[test]
    fn paths_are_written_so_that_they_can_be_read() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(written(&keys(&["a", "b.c", "d"])), "a['b.c'].d");
        assert_eq!(written(&keys(&[])), "$");
    }
}
