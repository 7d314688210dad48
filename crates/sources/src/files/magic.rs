//! Files that are no text, known by their first bytes.

use dlt_engine::{Error, ErrorKind};

/// What it is, as it stands in a sentence: `is …`.
pub(super) struct Binary {
    pub(super) what: &'static str,
    hint: &'static str,
}

const UNPACK: &str = "unpack it first and load what is in it";
const SPREADSHEET: &str = "unpack it first; a spreadsheet must be saved as CSV";

const SIGNATURES: [(&[u8], Binary); 15] = [
    (b"PK\x03\x04", Binary { what: "a zip archive or a spreadsheet", hint: SPREADSHEET }),
    (b"PK\x05\x06", Binary { what: "an empty zip archive", hint: UNPACK }),
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        Binary { what: "a document or spreadsheet of Microsoft Office", hint: SPREADSHEET },
    ),
    (b"PAR1", Binary { what: "Parquet", hint: "give `--format parquet`, or the extension .parquet" }),
    (b"7z\xBC\xAF\x27\x1C", Binary { what: "a 7z archive", hint: UNPACK }),
    (b"Rar!\x1A\x07", Binary { what: "a rar archive", hint: UNPACK }),
    (
        b"\x04\x22\x4D\x18",
        Binary {
            what: "an lz4 archive",
            hint: "unpack it first, for example on the way in: `lz4 -dc FILE | dlt ingest -`",
        },
    ),
    (b"\xFF\x06\x00\x00sNaPpY", Binary { what: "a snappy archive", hint: UNPACK }),
    (
        b"\x1F\x9D",
        Binary {
            what: "an archive of `compress`",
            hint: "unpack it first, for example on the way in: `gzip -dc FILE | dlt ingest -`",
        },
    ),
    (b"SQLite format 3\0", Binary { what: "a SQLite database", hint: "export its tables, for example as CSV" }),
    (b"%PDF-", Binary { what: "a PDF document", hint: "only text and Parquet are read" }),
    (b"Obj\x01", Binary { what: "an Avro file", hint: "convert it to Parquet or JSON Lines" }),
    (b"ORC", Binary { what: "an ORC file", hint: "convert it to Parquet" }),
    (b"ARROW1", Binary { what: "an Arrow file", hint: "convert it to Parquet" }),
    (b"\x89PNG", Binary { what: "a picture", hint: "only text and Parquet are read" }),
];

/// Where a tar archive has its signature.
const TAR_AT: usize = 257;

/// What these first bytes belong to, if it is no text, or text of which no rows are made.
pub(super) fn binary(first: &[u8]) -> Option<Binary> {
    if is_page(first) {
        return Some(Binary { what: "a page of HTML", hint: PAGE });
    }
    if first.get(TAR_AT..TAR_AT + 5) == Some(b"ustar") {
        return Some(Binary { what: "a tar archive", hint: UNPACK });
    }
    // A text may begin with these letters.
    let is_word =
        |signature: &[u8]| signature == b"ORC" && first.get(3).is_some_and(|byte| (b' '..=b'~').contains(byte));
    SIGNATURES
        .into_iter()
        .find(|(signature, _)| first.starts_with(signature) && !is_word(signature))
        .map(|(_, binary)| binary)
}

/// Whether it begins as pages of the web do, which servers send in place of a file: of an error, to log in, about the file.
fn is_page(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    begins(b"<!doctype html") || begins(b"<html")
}

const PAGE: &str = "a server sent it in place of the file: the address may be that of a page about the file, or need a login; open it in a browser, and look for the link to the file itself";

impl Binary {
    pub(super) fn error(&self, name: &str) -> Error {
        Error::new(ErrorKind::Data, format!("is {}, and data is expected", self.what)).at(name, None).hint(self.hint)
    }
}
