//! The ways an accepted event can end, and why one is put aside.

/// Why an event went into the quarantine instead of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Larger than one event may be.
    TooLarge,
    /// Not a JSON object.
    NotAnObject,
    /// JSON by its brackets, but not readable: nested too deeply, a broken escape, a member twice.
    Unreadable,
    /// No name.
    NoEventName,
    /// The name is no text, empty or too long.
    BadEventName,
    /// The message id is no text or longer than 100 characters.
    BadMessageId,
    /// The anonymous id is no text or longer than 100 characters.
    BadAnonymousId,
    /// `properties` is something else than an object.
    PropertiesNotAnObject,
    /// `context` is something else than an object.
    ContextNotAnObject,
    /// Its record in the journal was damaged on the disk.
    CorruptRecord,
    /// The tables refused its row, which lies in the folder `refused`.
    RefusedRow,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TooLarge,
        Self::NotAnObject,
        Self::Unreadable,
        Self::NoEventName,
        Self::BadEventName,
        Self::BadMessageId,
        Self::BadAnonymousId,
        Self::PropertiesNotAnObject,
        Self::ContextNotAnObject,
        Self::CorruptRecord,
        Self::RefusedRow,
    ];

    /// The word in the quarantine's column `reason` and in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotAnObject => "not_an_object",
            Self::Unreadable => "unreadable",
            Self::NoEventName => "no_event_name",
            Self::BadEventName => "bad_event_name",
            Self::BadMessageId => "bad_message_id",
            Self::BadAnonymousId => "bad_anonymous_id",
            Self::PropertiesNotAnObject => "properties_not_an_object",
            Self::ContextNotAnObject => "context_not_an_object",
            Self::CorruptRecord => "corrupt_record",
            Self::RefusedRow => "refused_row",
        }
    }
}
