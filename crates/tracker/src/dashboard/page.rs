//! What a page shows, before it has a form.

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) title: &'static str,
    pub(crate) sections: Vec<Section>,
}

/// A table with its title.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// Name in addresses and in JSON.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// How to read it.
    pub(crate) note: String,
    pub(crate) columns: Vec<Column>,
    /// As many cells as columns in each.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// So many rows are shown to people.
    pub(crate) most: usize,
    /// So many there are beside these rows.
    pub(crate) beyond: usize,
    pub(crate) form: Form,
}

impl Section {
    /// The rows that are shown to people.
    pub(crate) fn shown(&self) -> &[Vec<Cell>] {
        &self.rows[..self.rows.len().min(self.most)]
    }

    /// How many rows there are beside those that are shown.
    pub(crate) fn more(&self) -> usize {
        self.rows.len() - self.shown().len() + self.beyond
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// Name in JSON and CSV.
    pub(crate) key: &'static str,
    /// Name for people.
    pub(crate) title: &'static str,
}

/// How a section looks on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The table alone.
    Table,
    /// One row, its cells as headline figures.
    Figures,
    /// Bars over time: the first column is the time, the last the height, those between the layers that it is made of,
    /// where there are any.
    Layers,
    /// Bars stacked over time: the first column is the time, the second the group, the third the height.
    Stack,
    /// Bars: the first column is the name, the second the length.
    Bars,
    /// Shares as shades: the first two columns are the name and the size of a row, the others shares.
    Shades,
}

/// What stands in a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// There is nothing to tell.
    Nothing,
    Text(String),
    Count(u64),
    /// Between 0 and 1.
    Share(f64),
    Seconds(f64),
}

impl Cell {
    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => grouped(*count),
            Self::Share(share) => format!("{:.1} %", share * 100.0),
            Self::Seconds(seconds) => duration(*seconds),
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// Its size in a chart.
    pub(crate) fn size(&self) -> f64 {
        match self {
            Self::Nothing | Self::Text(_) => 0.0,
            Self::Count(count) => *count as f64,
            Self::Share(size) | Self::Seconds(size) => *size,
        }
    }
}

/// A number with thin spaces between its thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shown_for_people() {
        for (cell, shown) in [
            (Cell::Nothing, "–"),
            (Cell::Count(7), "7"),
            (Cell::Count(1_234_567), "1\u{202f}234\u{202f}567"),
            (Cell::Share(0.1234), "12.3 %"),
            (Cell::Seconds(0.0123), "12 ms"),
            (Cell::Seconds(61.25), "61.2 s"),
            (Cell::Seconds(600.0), "10 min"),
        ] {
            assert_eq!(cell.shown(), shown);
        }
    }
}
