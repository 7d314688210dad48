//! A page for a browser. It works without script; everything in it is escaped by its type.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::chart;
use super::filter::{Ci, Filter, Pace, RANGES, range_word};
use super::page::{Cell, Form, Page, Section};
use super::panels::View;
use crate::projects::DEFAULT;

/// What is shown around a page.
pub(crate) struct Around<'a> {
    pub(crate) view: View,
    pub(crate) filter: &'a Filter,
    /// Values that the filter offers, beside what it has.
    pub(crate) libraries: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) events: Vec<String>,
    pub(crate) projects: Vec<String>,
}

/// How often a page that is followed loads itself anew.
const RELOAD_SECONDS: u32 = 10;

/// A page of the dashboard.
pub(crate) fn page(page: &Page, around: &Around<'_>) -> Markup {
    let query = around.filter.query();
    let main = html! {
        (filter_form(around))
        @if around.view == View::Live {
            p.forms {
                @if around.filter.follows {
                    "This page loads itself anew every " (RELOAD_SECONDS) " seconds. " a href=(format!("/live{query}")) { "Stop" }
                } @else {
                    a href=(format!("/live{query}{}follow=yes", if query.is_empty() { "?" } else { "&" })) { "Follow" }
                    ": load this page anew every " (RELOAD_SECONDS) " seconds"
                }
            }
        }
        @if page.sections.is_empty() {
            section.card {
                h2 { "Nothing has arrived yet" }
                p { "As soon as a program sends its first event to this tracker, it is counted here." }
            }
        }
        @for section in &page.sections {
            (section_card(section, Some(&format!("/{}/{}.csv{query}", file_word(around.view), section.id))))
        }
        p.forms {
            "This page as " a href=(format!("/{}.json{query}", file_word(around.view))) { "JSON" } "."
        }
    };
    let refresh = (around.view == View::Live && around.filter.follows).then_some(RELOAD_SECONDS);
    document(page.title, TRACKER, Some((around.view, &query)), refresh, &main)
}

/// What is shown around a page that everybody may see.
pub(crate) struct InPublic<'a> {
    /// Whose page it is.
    pub(crate) project: &'a str,
    /// All projects that have one.
    pub(crate) projects: &'a [String],
    /// Ids that a group has at least.
    pub(crate) least: u64,
}

/// A page that everybody may see.
pub(crate) fn public(page: &Page, public: &InPublic<'_>) -> Markup {
    let least = public.least;
    let main = html! {
        @if page.sections.is_empty() {
            section.card.wide {
                h2 { "Nothing to show yet" }
                p {
                    "A week is shown from the second day after it, Monday to Sunday, if at least " (least)
                    " different installs were active in it."
                }
            }
        }
        @for section in &page.sections { (section_card(section, None)) }
        p.forms {
            "Every number is one of different installs in a week, rounded down to a multiple of " (least)
            ". Groups of less than " (least) " are among the others, and so are those by which one could tell how small they are. "
            "This page as " a href=(format!("/public/{}.json", public.project)) { "JSON" } "."
            @if public.projects.len() > 1 {
                " Projects:"
                @for project in public.projects { " " a href=(format!("/public/{project}")) { (project) } }
            }
        }
    };
    let heading = if public.project == DEFAULT { TRACKER } else { public.project };
    document(&format!("{} in public", public.project), heading, None, None, &main)
}

/// The page that asks for the token.
pub(crate) fn login(flaw: Option<&str>) -> Markup {
    let main = html! {
        section.card.narrow {
            h2 { "Sign in" }
            @if let Some(flaw) = flaw { p.flaw role="alert" { (flaw) } }
            p { "The token is what " code { "dlt tracker token --data DIR" } " prints." }
            form method="post" action="/login" {
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="current-password" required autofocus;
                button type="submit" { "Sign in" }
            }
        }
    };
    document("Sign in", TRACKER, None, None, &main)
}

/// A page with a message and nothing else.
pub(crate) fn message(title: &str, text: &str) -> Markup {
    let main = html! {
        section.card.narrow { h2 { (title) } p { (text) } p { a href="/" { "To the overview" } } }
    };
    document(title, TRACKER, None, None, &main)
}

fn file_word(view: View) -> &'static str {
    if view == View::Overview { "overview" } else { view.word() }
}

/// What stands above a page that is not of one project.
const TRACKER: &str = "dlt tracker";

fn document(title: &str, heading: &str, place: Option<(View, &str)>, refresh: Option<u32>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) " · " (TRACKER) }
                link rel="stylesheet" href="/dashboard.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    h1 { (heading) }
                    @if let Some((here, query)) = place {
                        nav aria-label="Pages" {
                            @for view in View::ALL {
                                a href=(format!("/{}{query}", view.word())) aria-current=[(view == here).then_some("page")] {
                                    (view.title())
                                }
                            }
                        }
                        form.out method="post" action="/logout" { button type="submit" { "Sign out" } }
                    }
                }
                main #main { (main) }
            }
        }
    }
}

fn filter_form(around: &Around<'_>) -> Markup {
    let filter = around.filter;
    let path = format!("/{}", around.view.word());
    let custom = (!RANGES.iter().any(|(days, _)| *days == filter.days)).then_some(filter.days);
    html! {
        form.filter method="get" action=(path) {
            label { "Range"
                select name="range" {
                    @for (days, name) in RANGES {
                        option value=(range_word(days)) selected[filter.days == days] { (name) }
                    }
                    @if let Some(days) = custom { option value=(range_word(days)) selected { (days) " days" } }
                }
            }
            label { "By"
                select name="by" {
                    option value="" selected[filter.by.is_none()] { "as fits" }
                    @for pace in Pace::ALL {
                        option value=(pace.word()) selected[filter.by == Some(pace)] { (pace.word()) }
                    }
                }
            }
            label { "CI"
                select name="ci" {
                    @for (ci, name) in Ci::ALL { option value=(ci.word()) selected[filter.ci == ci] { (name) } }
                }
            }
            (choice("Library", "library", filter.library.as_deref(), &around.libraries))
            (choice("Version", "version", filter.version.as_deref(), &around.versions))
            @if filter.project.is_some() || around.projects.iter().any(|name| name != DEFAULT) {
                (choice("Project", "project", filter.project.as_deref(), &around.projects))
            }
            (choice("Event", "event", filter.event.as_deref(), &around.events))
            button type="submit" { "Show" }
        }
    }
}

fn choice(title: &str, name: &str, chosen: Option<&str>, offered: &[String]) -> Markup {
    let other = chosen.filter(|chosen| !offered.iter().any(|known| known == chosen));
    html! {
        label { (title)
            select name=(name) {
                option value="" selected[chosen.is_none()] { "all" }
                @for value in offered { option value=(value) selected[chosen == Some(value.as_str())] { (value) } }
                @if let Some(value) = other { option value=(value) selected { (value) } }
            }
        }
    }
}

fn section_card(section: &Section, csv: Option<&str>) -> Markup {
    let title = format!("{}-title", section.id);
    html! {
        section.card.wide[is_wide(section)] id=(section.id) aria-labelledby=(title) {
            h2 id=(title) { (section.title) }
            @if section.rows.is_empty() {
                p.empty { "There is nothing in this range." }
            } @else {
                @match section.form {
                    Form::Figures => { (figures(section)) }
                    Form::Bars => { (bars(section)) }
                    Form::Shades => { (shades(section)) }
                    Form::Table => { (table(section)) }
                    Form::Layers | Form::Stack => {
                        @if let Some(chart) = chart(section) {
                            figure role="img" aria-label=(format!("{}: the numbers are in the table below", section.title)) {
                                (PreEscaped(chart.svg))
                            }
                            ul.legend {
                                @for (name, class) in &chart.legend { li { span class=(format!("key fill-{class}")) {} (name) } }
                            }
                        }
                        details { summary { "As a table" } (table(section)) }
                    }
                }
            }
            @if section.more() > 0 {
                p.note {
                    "And " (Cell::Count(section.more() as u64).shown()) " more"
                    @if csv.is_some() && section.beyond == 0 { ", which are in the CSV" }
                    "."
                }
            }
            @if !section.note.is_empty() { p.note { (section.note) } }
            @if let Some(address) = csv {
                p.forms { a href=(address) { "CSV" span.hidden { " of " (section.title) } } }
            }
        }
    }
}

fn is_wide(section: &Section) -> bool {
    matches!(section.form, Form::Figures | Form::Shades) || section.form == Form::Table && section.columns.len() > 4
}

fn figures(section: &Section) -> Markup {
    html! {
        dl.figures {
            @for (column, cell) in section.columns.iter().zip(section.rows.first().into_iter().flatten()) {
                div { dt { (column.title) } dd { (cell.shown()) } }
            }
        }
    }
}

fn head(section: &Section) -> Markup {
    html! {
        thead { tr {
            @for (at, column) in section.columns.iter().enumerate() {
                th scope="col" class=[is_numeric(section, at).then_some("number")] { (column.title) }
            }
            @if section.form == Form::Bars { td aria-hidden="true" {} }
        } }
    }
}

fn is_numeric(section: &Section, column: usize) -> bool {
    section.rows.iter().all(|row| row[column].is_number())
}

fn table(section: &Section) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(section.title) {
            table {
                caption.hidden { (section.title) }
                (head(section))
                tbody {
                    @for row in section.shown() {
                        tr {
                            @for (at, cell) in row.iter().enumerate() { (table_cell(at, cell)) }
                        }
                    }
                }
            }
        }
    }
}

/// Characters from which a text is broken where it has no blank, and from which it is folded.
const LONG: usize = 40;
const FOLDED: usize = 300;
/// Characters that are shown of a folded text.
const SHOWN: usize = 120;

fn table_cell(at: usize, cell: &Cell) -> Markup {
    let shown = cell.shown();
    let count = shown.chars().count();
    let class = if cell.is_number() { Some("number") } else { (count > LONG).then_some("long") };
    let text = match count > FOLDED {
        false => html! { (shown) },
        true => html! { details { summary { (shown.chars().take(SHOWN).collect::<String>()) "…" } (shown) } },
    };
    html! {
        @if at == 0 { th scope="row" class=[class] { (text) } } @else { td class=[class] { (text) } }
    }
}

/// A table whose second column is drawn as bars.
fn bars(section: &Section) -> Markup {
    let most = section.shown().iter().map(|row| row[1].size()).fold(0.0, f64::max);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(section.title) {
            table.bars {
                caption.hidden { (section.title) }
                (head(section))
                tbody {
                    @for row in section.shown() {
                        tr {
                            @for (at, cell) in row.iter().enumerate() { (table_cell(at, cell)) }
                            td.bar aria-hidden="true" {
                                svg viewBox="0 0 100 8" preserveAspectRatio="none" focusable="false" {
                                    rect.fill-series-1 width=(format!("{:.2}", 100.0 * row[1].size() / most.max(f64::MIN_POSITIVE))) height="8" {}
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table whose shares have a shade each.
fn shades(section: &Section) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(section.title) {
            table.shades {
                caption.hidden { (section.title) }
                (head(section))
                tbody {
                    @for row in section.shown() {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @match cell {
                                    Cell::Share(share) => td class=(format!("number shade-{:.0}", share * 10.0)) { (cell.shown()) }
                                    _ => (table_cell(at, cell))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::page::Column;

    #[test]
    fn what_senders_say_is_text_on_a_page() {
        let evil = "<script>alert(1)</script>";
        let section = |form| Section {
            id: "x",
            title: evil.into(),
            note: evil.into(),
            columns: vec![
                Column { key: "a", title: "A" },
                Column { key: "b", title: "B" },
                Column { key: "c", title: "C" },
            ],
            rows: vec![vec![Cell::Text(evil.into()), Cell::Text(evil.into()), Cell::Count(1)]],
            most: 1,
            beyond: 0,
            form,
        };
        let forms = [Form::Table, Form::Figures, Form::Layers, Form::Stack, Form::Bars, Form::Shades];
        let page = Page { title: "X", sections: forms.into_iter().map(section).collect() };
        let filter = Filter { event: Some(evil.into()), ..Filter::default() };
        let offered = vec![evil.to_owned()];
        let around = Around {
            view: View::Overview,
            filter: &filter,
            libraries: offered.clone(),
            versions: offered.clone(),
            events: offered.clone(),
            projects: offered,
        };
        let public = InPublic { project: evil, projects: &[evil.into(), evil.into()], least: 10 };
        for text in [super::page(&page, &around).into_string(), super::public(&page, &public).into_string()] {
            assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
        }
        assert!(!login(Some(evil)).into_string().contains("<script"));
    }

    #[test]
    fn only_a_page_that_is_followed_loads_itself_anew() {
        let page = |query: &str, view| {
            let filter = Filter::parse(query).unwrap_or_default();
            let [libraries, versions, events, projects] = [const { Vec::new() }; 4];
            let around = Around { view, filter: &filter, libraries, versions, events, projects };
            super::page(&Page { title: "X", sections: Vec::new() }, &around).into_string()
        };
        let still = page("range=7d", View::Live);
        assert!(!still.contains("http-equiv") && still.contains("/live?range=7d&amp;follow=yes"), "{still}");
        let followed = page("range=7d&follow=yes", View::Live);
        assert!(
            followed.contains("http-equiv=\"refresh\"") && followed.contains("href=\"/live?range=7d\""),
            "{followed}"
        );
        assert!(!page("follow=yes", View::Overview).contains("http-equiv"));
    }

    /// What a colour of the style sheet is, in light or in dark.
    fn colour(name: &str, is_dark: bool) -> [f64; 3] {
        let name = format!("{name}: #");
        let mut all = crate::dashboard::STYLE.split(&name).skip(1);
        let digits = if is_dark { all.nth(1) } else { all.next() }.unwrap_or_default();
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_default()))
    }

    fn luminance(colour: [f64; 3]) -> f64 {
        let [red, green, blue] = colour.map(|part| match part / 255.0 {
            part if part <= 0.04045 => part / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn numbers_can_be_read_on_every_shade() {
        for (shade, is_dark) in (1..=10).flat_map(|shade| [(shade, false), (shade, true)]) {
            let rule = crate::dashboard::STYLE.split(&format!(".shade-{shade} {{")).nth(1).unwrap_or_default();
            let portion = rule.split("--s1) ").nth(1).and_then(|rest| rest.split('%').next()?.parse::<f64>().ok());
            let portion = portion.unwrap_or_default() / 100.0;
            let (series, card) = (colour("--s1", is_dark), colour("--card", is_dark));
            let mixed = std::array::from_fn(|at| series[at] * portion + card[at] * (1.0 - portion));
            let (one, other) = (luminance(mixed), luminance(colour("--ink", is_dark)));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(portion > 0.0 && contrast >= 4.5, "{shade} {is_dark}: {contrast}");
        }
    }

    #[test]
    fn a_page_says_how_many_rows_it_does_not_show() {
        let section = |beyond| Section {
            id: "x",
            title: "X".into(),
            note: String::new(),
            columns: vec![Column { key: "a", title: "A" }],
            rows: (0..1234).map(|number| vec![Cell::Text(format!("row {number}."))]).collect(),
            most: 2,
            beyond,
            form: Form::Table,
        };
        let text = section_card(&section(0), Some("/x.csv")).into_string();
        assert!(text.contains("row 1.") && !text.contains("row 2."), "{text}");
        assert!(text.contains("And 1\u{202f}232 more, which are in the CSV."), "{text}");
        assert!(section_card(&section(10), Some("/x.csv")).into_string().contains("And 1\u{202f}242 more."));
        let csv = crate::dashboard::csv(&section(10));
        assert_eq!(csv.lines().count(), 1235);
        let page = Page { title: "X", sections: vec![section(10)] };
        assert!(crate::dashboard::json(&page).contains("\"more\":{\"x\":10}"));
    }
}
