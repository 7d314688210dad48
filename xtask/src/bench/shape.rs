//! What the benchmark's input looks like.

/// The shapes of input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Shape {
    /// A million flat rows.
    Events,
    /// Nested documents.
    Documents,
    /// Rows of three hundred columns.
    Wide,
    /// Rows that each have a few of very many columns.
    Sparse,
    /// Four hundred tables of forty columns.
    Tables,
    /// Very many small files of one table.
    Files,
    /// Five rows of a very long text.
    Texts,
    /// One document with a very long list.
    Document,
    /// Lists in lists, ten levels down.
    Deep,
}

impl Shape {
    pub(super) const ALL: [Shape; 9] = [
        Shape::Events,
        Shape::Documents,
        Shape::Wide,
        Shape::Sparse,
        Shape::Tables,
        Shape::Files,
        Shape::Texts,
        Shape::Document,
        Shape::Deep,
    ];

    /// The name of the shape, and of its table where it has one.
    pub(super) fn table(self) -> &'static str {
        match self {
            Shape::Events => "events",
            Shape::Documents => "docs",
            Shape::Wide => "wide",
            Shape::Sparse => "sparse",
            Shape::Tables => "tables",
            Shape::Files => "files",
            Shape::Texts => "texts",
            Shape::Document => "document",
            Shape::Deep => "deep",
        }
    }

    /// Whether every file of the shape's folder is a table of its own.
    pub(super) fn has_many_tables(self) -> bool {
        self == Shape::Tables
    }
}
