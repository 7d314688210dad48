//! Charts as SVG.
//!
//! The charting crate writes colours into the picture; each stands for a class of the style sheet, so that light and dark
//! pages have their own. What it says is in the table below it too: the picture itself is one image to a screen reader.

use std::collections::BTreeSet;
use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::page::{Cell, Form, Section};

/// Size of a picture in its own units, which a page scales.
const SIZE: (u32, u32) = (560, 220);
/// Room around what is drawn.
const LEFT: i32 = 48;
const BOTTOM: i32 = 22;
const TOP: i32 = 8;
const RIGHT: i32 = 26;
/// Most names under a chart over time.
const MAX_NAMES: usize = 6;

/// Colours that no palette has, and the classes that take their places.
const INK: RGBColor = RGBColor(1, 1, 1);
const FAINT: RGBColor = RGBColor(2, 2, 2);
const SERIES: [RGBColor; 8] = [
    RGBColor(3, 3, 1),
    RGBColor(3, 3, 2),
    RGBColor(3, 3, 3),
    RGBColor(3, 3, 4),
    RGBColor(3, 3, 5),
    RGBColor(3, 3, 6),
    RGBColor(3, 3, 7),
    RGBColor(3, 3, 8),
];

/// A picture, and the names of what it tells apart, with their classes.
pub(crate) struct Chart {
    pub(crate) svg: String,
    pub(crate) legend: Vec<(String, String)>,
}

/// The chart of a section; `None` for one that has none, or no rows.
pub(crate) fn chart(section: &Section) -> Option<Chart> {
    if section.rows.is_empty() {
        return None;
    }
    let (series, names) = match section.form {
        Form::Layers => layers(section),
        Form::Stack => stack(section),
        Form::Table | Form::Figures | Form::Bars | Form::Shades => return None,
    };
    let mut svg = String::new();
    // Drawing into a text cannot fail.
    draw(&mut svg, &series, &names).ok()?;
    let legend = series.iter().enumerate().map(|(at, (name, _))| (name.clone(), class(at))).collect();
    Some(Chart { svg: classed(&svg), legend })
}

/// A name and its sizes.
type Series = (String, Vec<f64>);

fn layers(section: &Section) -> (Vec<Series>, Vec<String>) {
    let names = section.rows.iter().map(|row| row[0].shown()).collect();
    let of = |at: usize| section.rows.iter().map(|row| row[at].size()).collect();
    // Where there is no column of the whole, the only layer is the whole.
    let layers = section.columns.len().saturating_sub(2).max(1);
    let columns = section.columns.iter().enumerate().skip(1).take(layers);
    (columns.map(|(at, column)| (column.title.to_owned(), of(at))).collect(), names)
}

fn stack(section: &Section) -> (Vec<Series>, Vec<String>) {
    let names: Vec<String> =
        section.rows.iter().map(|row| row[0].shown()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut groups: Vec<Series> = Vec::new();
    for row in &section.rows {
        let [Cell::Text(begins), group, size] = row.as_slice() else { continue };
        let Ok(at) = names.binary_search(begins) else { continue };
        let group = group.shown();
        let place = groups.iter().position(|(known, _)| *known == group).unwrap_or_else(|| {
            groups.push((group, vec![0.0; names.len()]));
            groups.len() - 1
        });
        groups[place].1[at] = size.size();
    }
    // The largest at the bottom, and what is left over at the top.
    let sum = |series: &Series| series.1.iter().sum::<f64>();
    groups.sort_by(|a, b| (a.0 == "others").cmp(&(b.0 == "others")).then(sum(b).total_cmp(&sum(a))));
    (groups, names)
}

fn draw(svg: &mut String, series: &[Series], names: &[String]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let sums = (0..names.len()).map(|at| series.iter().map(|(_, sizes)| sizes[at]).sum());
    let top = sums.fold(0.0, f64::max);
    let (top, step) = scale(top);
    let (width, height) = (SIZE.0 as i32 - LEFT - RIGHT, SIZE.1 as i32 - TOP - BOTTOM);
    let y = |size: f64| TOP + height - (size / top * f64::from(height)) as i32;
    let style = |anchor| ("sans-serif", 12).into_font().color(&INK).pos(anchor);
    let mut line = 0.0;
    while line <= top + step / 2.0 {
        let at = y(line);
        root.draw(&PathElement::new([(LEFT, at), (SIZE.0 as i32 - RIGHT, at)], FAINT))?;
        let text = Cell::Count(line as u64).shown();
        root.draw(&Text::new(text, (LEFT - 6, at), style(Pos::new(HPos::Right, VPos::Center))))?;
        line += step;
    }
    let slot = f64::from(width) / names.len() as f64;
    let x = |at: usize| LEFT + (slot * (at as f64 + 0.5)) as i32;
    let every = names.len().div_ceil(MAX_NAMES).max(1);
    for (at, name) in names.iter().enumerate().step_by(every) {
        let place = (x(at), SIZE.1 as i32 - BOTTOM + 6);
        root.draw(&Text::new(
            name.get(2..).unwrap_or(name).to_owned(),
            place,
            style(Pos::new(HPos::Center, VPos::Top)),
        ))?;
    }
    let gap = if slot > 4.0 { 1 } else { 0 };
    let edge = |at: usize| LEFT + (slot * at as f64) as i32;
    for at in 0..names.len() {
        let mut base = 0.0;
        for (number, (_, sizes)) in series.iter().enumerate() {
            let (bottom, ceiling) = (y(base), y(base + sizes[at]));
            base += sizes[at];
            if bottom > ceiling {
                let corners = [(edge(at) + gap, ceiling), ((edge(at + 1) - gap).max(edge(at) + gap + 1), bottom)];
                root.draw(&Rectangle::new(corners, colour(number).filled()))?;
            }
        }
    }
    root.present()?;
    drop(root);
    Ok(())
}

/// The end of an axis for sizes up to `top`, and the distance of its lines: 1, 2 or 5 times a power of ten.
fn scale(top: f64) -> (f64, f64) {
    let rough = (top / 4.0).max(0.25);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power).max(1.0);
    ((top / step).ceil().max(1.0) * step, step)
}

fn colour(number: usize) -> RGBColor {
    SERIES[number % SERIES.len()]
}

fn class(number: usize) -> String {
    format!("series-{}", number % SERIES.len() + 1)
}

/// The picture with classes in the places of colours, without a size of its own, and silent to a screen reader.
fn classed(svg: &str) -> String {
    let hex = |colour: RGBColor| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
    let mut svg = svg.to_owned();
    let replaced = [(INK, "ink".to_owned()), (FAINT, "faint".to_owned())];
    for (colour, class) in replaced.into_iter().chain(SERIES.into_iter().enumerate().map(|(at, it)| (it, class(at)))) {
        let hex = hex(colour);
        svg = svg.replace(&format!("fill=\"{hex}\""), &format!("class=\"fill-{class}\""));
        svg = svg.replace(&format!("stroke=\"{hex}\""), &format!("class=\"line-{class}\""));
    }
    let size = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    // Within a page it needs no name of its language.
    let svg = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    svg.replacen(&size, "aria-hidden=\"true\" focusable=\"false\"", 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dashboard::page::Column;

    #[test]
    fn axes_end_on_round_numbers() {
        for (top, expected) in
            [(0.0, (1.0, 1.0)), (1.0, (1.0, 1.0)), (7.0, (8.0, 2.0)), (100.0, (100.0, 50.0)), (1234.0, (1500.0, 500.0))]
        {
            assert_eq!(scale(top), expected, "{top}");
        }
    }

    #[test]
    fn a_picture_has_classes_and_no_colours() {
        let column = |key| Column { key, title: key };
        let section = Section {
            id: "x",
            title: "X".into(),
            note: String::new(),
            columns: vec![column("begins"), column("group"), column("size")],
            rows: vec![
                vec![Cell::Text("2026-01-01".into()), Cell::Text("<b>".into()), Cell::Count(3)],
                vec![Cell::Text("2026-01-02".into()), Cell::Text("others".into()), Cell::Count(9)],
            ],
            most: 0,
            beyond: 0,
            form: Form::Stack,
        };
        let chart = chart(&section).unwrap();
        assert_eq!(
            chart.legend,
            [("<b>".to_owned(), "series-1".to_owned()), ("others".to_owned(), "series-2".to_owned())]
        );
        for part in ["fill-series-1", "fill-series-2", "line-faint", "fill-ink", "viewBox"] {
            assert!(chart.svg.contains(part), "{part}: {}", chart.svg);
        }
        assert!(
            !chart.svg.contains("\"#") && !chart.svg.contains("style=") && !chart.svg.contains("width=\"560\""),
            "{}",
            chart.svg
        );
    }
}
