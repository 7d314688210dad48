//! Rows and columns for people to read.
//!
//! No crate for tables cuts and leaves out as is wanted here: docs/decisions/0007-by-hand-or-by-crate.md.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use crate::printer::{BOLD, DIM};

/// Cells wider than this are cut when the table would not fit otherwise.
const NARROWEST_CUT: usize = 12;
const GAP: &str = "  ";

/// A table of text.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    /// Aligned to the right.
    Number(String),
    /// Nothing was there.
    Empty,
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Empty => "∅",
        }
    }
}

impl Grid {
    pub(crate) fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        Self { header: header.into_iter().map(|name| one_line(&name.into())).collect(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Draws the table; lines end with a line feed. `width` is that of the terminal, `None` where nothing need be cut.
    pub(crate) fn draw(&self, width: Option<usize>) -> String {
        let shown: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| one_line(cell.text())).collect()).collect();
        let mut widths: Vec<usize> = self.header.iter().map(|name| measure_text_width(name)).collect();
        for row in &shown {
            for (column, text) in row.iter().enumerate().take(widths.len()) {
                widths[column] = widths[column].max(measure_text_width(text));
            }
        }
        if let Some(width) = width {
            cut_to(&mut widths, width);
            let fitting = fitting(&widths, width);
            if fitting < widths.len() {
                return self.left_out(fitting, width);
            }
        }
        let is_number: Vec<bool> = (0..self.header.len()).map(|column| self.is_number(column)).collect();
        // What stands left in the last column needs no room behind it.
        let last = widths.len().saturating_sub(1);
        let shape = |column: usize, text: &str| {
            let text = fit(text, widths[column], is_number[column]);
            if column == last { text.trim_end().to_owned() } else { text }
        };
        let mut out = String::new();
        let header = self.header.iter().enumerate();
        push_line(&mut out, header.map(|(column, name)| format!("{BOLD}{}{BOLD:#}", shape(column, name))));
        push_line(&mut out, widths.iter().map(|width| format!("{DIM}{}{DIM:#}", "─".repeat(*width))));
        for (row, cells) in shown.iter().zip(&self.rows) {
            let line = row.iter().enumerate().take(widths.len()).map(|(column, text)| {
                let text = shape(column, text);
                if matches!(cells[column], Cell::Empty) { format!("{DIM}{text}{DIM:#}") } else { text }
            });
            push_line(&mut out, line);
        }
        out
    }

    /// The table without the columns that do not fit, which are told of below it.
    fn left_out(&self, fitting: usize, width: usize) -> String {
        let rows = self.rows.iter().map(|row| row.iter().take(fitting).cloned().collect()).collect();
        let shown = Self { header: self.header[..fitting].to_vec(), rows };
        let missing = self.header[fitting..].join(", ");
        format!("{}{DIM}beside it: {missing}{DIM:#}\n", shown.draw(Some(width)))
    }

    fn is_number(&self, column: usize) -> bool {
        let mut cells =
            self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !matches!(cell, Cell::Empty)).peekable();
        cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Number(_)))
    }
}

/// Takes from the widest columns until everything fits, or nothing more can be taken.
fn cut_to(widths: &mut [usize], total: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > total {
        let Some(widest) = widths.iter_mut().max() else { return };
        if *widest <= NARROWEST_CUT {
            return;
        }
        *widest -= 1;
    }
}

/// How many columns there is room for; at least one.
fn fitting(widths: &[usize], total: usize) -> usize {
    let mut used = 0;
    let fitting = widths.iter().take_while(|width| {
        used += **width + if used == 0 { 0 } else { GAP.len() };
        used <= total
    });
    fitting.count().max(1)
}

fn fit(text: &str, width: usize, is_number: bool) -> String {
    let cut = truncate_str(text, width, "…");
    pad_str(&cut, width, if is_number { Alignment::Right } else { Alignment::Left }, None).into_owned()
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    let line = cells.collect::<Vec<_>>().join(GAP);
    out.push_str(line.trim_end());
    out.push('\n');
}

/// A line break, a tab or a control character in a value must not break the table, or drive the terminal.
fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            letter if letter.is_control() => out.extend(letter.escape_default()),
            letter => out.push(letter),
        }
    }
    out
}

/// A count with its thousands apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(grid: &Grid, width: Option<usize>) -> String {
        anstream::adapter::strip_str(&grid.draw(width)).to_string()
    }

    fn sample() -> Grid {
        let mut grid = Grid::new(["name", "rows", "日本"]);
        grid.push(vec![Cell::Text("users".into()), Cell::Number("12".into()), Cell::Text("a\nb\u{1b}[31m".into())]);
        grid.push(vec![Cell::Text("a rather long name of a table".into()), Cell::Number("1,234".into()), Cell::Empty]);
        grid
    }

    #[test]
    fn numbers_stand_right_and_control_characters_are_shown() {
        let expected = "\
name                            rows  日本
─────────────────────────────  ─────  ─────────────
users                             12  a⏎b\\u{1b}[31m
a rather long name of a table  1,234  ∅
";
        assert_eq!(plain(&sample(), None), expected);
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_column() {
        let drawn = plain(&sample(), Some(40));
        assert!(drawn.lines().all(|line| measure_text_width(line) <= 40), "{drawn}");
        assert!(drawn.contains("a rather long nam…"), "{drawn}");
        let narrow = plain(&sample(), Some(20));
        assert!(narrow.contains("a rather lon…  1,234") && narrow.ends_with("beside it: 日本\n"), "{narrow}");
        assert!(plain(&sample(), Some(3)).contains("beside it: rows, 日本"));
    }

    #[test]
    fn counts() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }
}
