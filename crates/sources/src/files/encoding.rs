//! Encodings of text: named by the person, declared by a byte order mark, or guessed for a message.

use super::setting::setting;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use dlt_engine::{Error, ErrorKind, Result};
use std::fmt;

/// How the characters of a text are written as bytes, by a name of the WHATWG's Encoding Standard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// What other programs call encodings, and the standard does not.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("latin-1", "windows-1252"),
    ("ansi", "windows-1252"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("utf16", "utf-16"),
    ("utf-8-sig", "utf-8"),
];

impl Encoding {
    /// The encoding of this name, such as `windows-1252`, `gbk`, `shift_jis` or `utf-16le`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is none of this name.
    pub fn parse(name: &str) -> Result<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let plain = lower.replace('_', "-");
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == plain).map(|(_, name)| *name);
        let found = other
            .and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()))
            .or_else(|| encoding_rs::Encoding::for_label(lower.as_bytes()))
            .or_else(|| encoding_rs::Encoding::for_label(plain.as_bytes()))
            .filter(|found| *found != encoding_rs::REPLACEMENT && *found != encoding_rs::X_USER_DEFINED);
        found.map(Self).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("there is no encoding `{name}`")).hint(
                "known are utf-8, utf-16le, utf-16be, windows-1250 to windows-1258, iso-8859-2 to iso-8859-16, gbk, gb18030, big5, shift_jis, euc-jp, euc-kr, koi8-r, macintosh, ibm866 and their other names",
            )
        })
    }

    /// Name as in settings: `windows-1252`.
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    pub(super) fn is_utf8(self) -> bool {
        self.0 == encoding_rs::UTF_8
    }

    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        self.0.new_decoder_without_bom_handling()
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// What the first bytes of a text say of its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// A byte order mark of so many bytes.
    Mark(Encoding, usize),
    /// Every second byte is zero.
    Zeros(Encoding),
    /// A byte order mark of an encoding that nobody here reads.
    Utf32,
    Nothing,
}

/// Reads the byte order mark, or finds UTF-16 without one.
pub(super) fn declared(sample: &[u8]) -> Declared {
    if sample.starts_with(b"\xFF\xFE\0\0") || sample.starts_with(b"\0\0\xFE\xFF") {
        return Declared::Utf32;
    }
    match encoding_rs::Encoding::for_bom(sample) {
        Some((encoding, length)) => Declared::Mark(Encoding(encoding), length),
        None => utf16_by_zeros(sample).map_or(Declared::Nothing, Declared::Zeros),
    }
}

/// UTF-16 of a text that is partly ASCII: many units have a zero in their upper half, and none in their lower one.
fn utf16_by_zeros(sample: &[u8]) -> Option<Encoding> {
    memchr::memchr(0, sample)?;
    let is_ascii = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    let (mut little, mut big, mut units) = (0, 0, 0);
    for unit in sample.chunks_exact(2) {
        units += 1;
        little += usize::from(unit[1] == 0 && is_ascii(unit[0]));
        big += usize::from(unit[0] == 0 && is_ascii(unit[1]));
    }
    let enough = |some: usize, other: usize| some >= 2 && some * 10 >= units && other * 10 <= some;
    let found = match (enough(little, big), enough(big, little)) {
        (true, false) => encoding_rs::UTF_16LE,
        (false, true) => encoding_rs::UTF_16BE,
        _ => return None,
    };
    let whole = &sample[..sample.len() & !1];
    (!found.decode_without_bom_handling(whole).1).then_some(Encoding(found))
}

/// What to do about a text that is not UTF-8, of which this is a part.
pub(super) fn advice(sample: &[u8]) -> String {
    if is_mostly_utf8(sample) {
        return "the rest of the text is UTF-8: the file is damaged here, or put together from texts of different encodings"
            .to_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if is_east_asian(sample, guess)
        && let Some(advice) = east_asian_advice(sample)
    {
        return advice;
    }
    let found = Encoding(guess);
    format!("it looks like {found}: {}; if that is not it, name another one", setting("encoding", &found.name()))
}

/// Encodings of two bytes a character.
const EAST_ASIAN: [&encoding_rs::Encoding; 5] =
    [encoding_rs::SHIFT_JIS, encoding_rs::GBK, encoding_rs::BIG5, encoding_rs::EUC_KR, encoding_rs::EUC_JP];
/// Encodings of languages in which a letter beyond ASCII seldom follows another one.
const LATIN: [&encoding_rs::Encoding; 7] = [
    encoding_rs::WINDOWS_1250,
    encoding_rs::WINDOWS_1252,
    encoding_rs::WINDOWS_1254,
    encoding_rs::WINDOWS_1257,
    encoding_rs::WINDOWS_1258,
    encoding_rs::ISO_8859_2,
    encoding_rs::ISO_8859_4,
];

/// Whether a text that was taken for a Latin one has its bytes beyond ASCII side by side. The detector needs more text than
/// a small file has to see that.
fn is_east_asian(sample: &[u8], guess: &'static encoding_rs::Encoding) -> bool {
    let (mut all, mut beside) = (0, 0);
    for run in sample.split(u8::is_ascii).filter(|run| !run.is_empty()) {
        all += run.len();
        beside += if run.len() > 1 { run.len() } else { 0 };
    }
    LATIN.contains(&guess) && beside * 2 > all
}

/// Advice on a text of which the detector sees too little: everything that it may be.
fn east_asian_advice(sample: &[u8]) -> Option<String> {
    // The sample may begin and end within a character.
    let lines = sample.split(|byte| *byte == b'\n').map(|line| line.trim_ascii()).collect::<Vec<_>>();
    let fits = |encoding: &&'static encoding_rs::Encoding| {
        let fitting = lines.iter().filter(|line| !encoding.decode_without_bom_handling(line).1).count();
        fitting + 2 >= lines.len() && fitting * 2 > lines.len()
    };
    let fitting: Vec<Encoding> = EAST_ASIAN.into_iter().filter(fits).map(Encoding).collect();
    let first = fitting.first()?;
    let names: Vec<String> = fitting.iter().map(Encoding::to_string).collect();
    Some(format!(
        "it may be {}, which so little text does not tell: {}; look at the rows afterwards",
        names.join(", "),
        setting("encoding", &first.name())
    ))
}

/// Whether there are more characters of several bytes in it than flaws.
fn is_mostly_utf8(sample: &[u8]) -> bool {
    let (mut characters, mut flaws) = (0, 0);
    for part in sample.utf8_chunks() {
        characters += part.valid().chars().filter(|letter| !letter.is_ascii()).count();
        flaws += usize::from(!part.invalid().is_empty());
    }
    characters > flaws * 4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn encodings_have_several_names() {
        let cases = [
            ("UTF-8", "utf-8"),
            ("utf_8_sig", "utf-8"),
            ("latin1", "windows-1252"),
            ("Latin-1", "windows-1252"),
            ("ISO-8859-1", "windows-1252"),
            ("cp1252", "windows-1252"),
            ("GB2312", "gbk"),
            ("cp936", "gbk"),
            ("sjis", "shift_jis"),
            ("Shift_JIS", "shift_jis"),
            ("utf16", "utf-16le"),
            ("UTF-16BE", "utf-16be"),
        ];
        for (name, canonical) in cases {
            assert_eq!(Encoding::parse(name).unwrap().name(), canonical, "{name}");
        }
        for name in ["", "klingon", "replacement", "utf-32"] {
            assert_eq!(Encoding::parse(name).unwrap_err().kind(), ErrorKind::Config, "{name}");
        }
    }

    #[test]
    fn utf16_is_found_without_a_mark() {
        let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let found = |bytes: &[u8]| match declared(bytes) {
            Declared::Zeros(encoding) => encoding.name(),
            other => format!("{other:?}"),
        };
        for text in ["id,name\n1,x\n", "{\"a\":1}", "id,名前\n1,山田\n2,鈴木\n"] {
            assert_eq!(found(&little(text)), "utf-16le", "{text}");
            assert_eq!(found(&big(text)), "utf-16be", "{text}");
        }
        for bytes in [&b"a\0b,c\nsome more text without zeros\n"[..], b"id,name\n", b"", b"\0\0\0\0"] {
            assert_eq!(found(bytes), "Nothing", "{bytes:?}");
        }
        assert_eq!(declared(b"\xFF\xFE\0\0a\0\0\0"), Declared::Utf32);
        assert_eq!(declared(b"\xFF\xFEa\0"), Declared::Mark(Encoding::parse("utf-16le").unwrap(), 2));
    }

    #[test]
    fn the_encoding_of_other_text_is_guessed() {
        let cases = [
            ("gbk", "编号,姓名,城市\n1,张伟,北京\n2,王芳,上海\n3,李娜,广州\n"),
            ("shift_jis", "番号,名前,都市\n1,山田太郎,東京\n2,鈴木花子,大阪\n"),
            ("windows-1252", "id,name\n1,Müller\n"),
            ("windows-1251", "номер,имя\n1,Иван\n2,Мария\n"),
            ("windows-1252", "id,name,stadt\n1,Müller,Köln\n2,Groß,Düsseldorf\n3,André,Besançon\n"),
        ];
        for (name, text) in cases {
            let (bytes, _, failed) = Encoding::parse(name).unwrap().0.encode(text);
            assert!(!failed);
            let advice = advice(&bytes);
            assert!(advice.contains(&format!("`--encoding {name}`")), "{name}: {advice}");
        }
        let (short, ..) = encoding_rs::SHIFT_JIS.encode("番号,名前\n1,山田\n2,鈴木\n");
        assert!(super::advice(&short).starts_with("it may be Shift_JIS, "), "{}", super::advice(&short));
        let damaged = ["Müller, Groß, Köln, Düsseldorf, Besançon".as_bytes(), b"\xFF"].concat();
        assert!(super::advice(&damaged).contains("damaged here"));
    }
}
