//! Opening an input: a file or standard input, unpacked on the way where its first bytes say that it is packed.

use super::encoding::{Declared, advice, declared};
use super::line_ends::count_lines;
use super::magic::binary;
use super::members::Members;
use super::options::TextOptions;
use super::packing::{Packing, broken_promise};
use super::remote::{RemoteFile, Section, extension_of};
use super::setting::setting;
use super::transcode::Transcoder;
use dlt_engine::source::NOT_UTF8;
use dlt_engine::{Error, ErrorKind, Notice, Result};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are looked at before the text is read.
const SAMPLE_BYTES: u64 = 64 << 10;

/// How standard input is called in messages.
pub(crate) const STDIN: &str = "<stdin>";

/// Where bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Stdin,
    Path(PathBuf),
    /// A file of an object store or web server.
    Remote(Arc<RemoteFile>),
    /// The same, copied to this machine.
    Fetched(Arc<RemoteFile>, Section),
}

impl Place {
    /// For messages: as the person gave it.
    pub(crate) fn display(&self) -> Arc<str> {
        match self {
            Self::Stdin => STDIN.into(),
            Self::Path(path) => path.to_string_lossy().into(),
            Self::Remote(remote) | Self::Fetched(remote, _) => remote.shown.clone(),
        }
    }

    /// Whether it gives its bytes once: standard input, a pipe or a device.
    pub(crate) fn is_stream(&self) -> bool {
        match self {
            Self::Stdin => true,
            Self::Path(path) => is_stream(path),
            Self::Remote(_) | Self::Fetched(..) => false,
        }
    }
}

/// Whether the path has to be read as a stream: a pipe or a device, which gives its bytes once.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-") || path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// An opened input: its bytes unpacked, its text in UTF-8 without a byte order mark.
pub(crate) struct Input {
    pub(crate) name: Arc<str>,
    pub(crate) stream: Box<dyn Read + Send>,
    pub(crate) packing: Packing,
}

impl Input {
    /// Opens `place`.
    ///
    /// # Errors
    /// If it cannot be opened, if its extension promises an archive that it is not, or if it is no text.
    pub(crate) fn open(place: &Place, options: &TextOptions) -> Result<Self> {
        let name = place.display();
        let (stream, promised): (Box<dyn Read + Send>, _) = match place {
            Place::Stdin => (Box::new(io::stdin()), Packing::None),
            Place::Path(path) => {
                let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
                (Box::new(open_file(path)?), Packing::of_extension(extension))
            }
            Place::Remote(remote) => (Box::new(remote.open()?), Packing::of_extension(extension_of(&remote.name))),
            Place::Fetched(remote, section) => {
                (Box::new(section.from(0)), Packing::of_extension(extension_of(&remote.name)))
            }
        };
        Self::unpack(name, stream, promised)?.decode(options)
    }

    fn unpack(name: Arc<str>, mut stream: Box<dyn Read + Send>, promised: Packing) -> Result<Self> {
        let mut first = Vec::with_capacity(8);
        let raw_error = |cause| Packing::None.read_error(&name, cause);
        stream.by_ref().take(8).read_to_end(&mut first).map_err(raw_error)?;
        let packing = Packing::of_first_bytes(&first);
        if promised != packing && promised != Packing::None {
            return Err(broken_promise(promised, &first).at(&*name, None));
        }
        let whole = Cursor::new(first).chain(stream);
        let buffered = |whole| io::BufReader::with_capacity(1 << 16, whole);
        let stream: Box<dyn Read + Send> = match packing {
            Packing::None => Box::new(whole),
            Packing::Gzip => Box::new(Members::new(buffered(whole))),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(whole).map_err(raw_error)?),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(whole))),
            Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(buffered(whole), true, XZ_MEMORY_KIB)),
        };
        Ok(Self { name, stream, packing })
    }

    /// Brings the text to UTF-8, by what the person says, by its byte order mark, or by what can be seen.
    fn decode(mut self, options: &TextOptions) -> Result<Self> {
        let sample = self.peek(SAMPLE_BYTES)?;
        if let Some(binary) = binary(&sample) {
            return Err(binary.error(&self.name));
        }
        let encoding = match (declared(&sample), options.encoding) {
            (Declared::Mark(encoding, length), _) => {
                let mut mark = vec![0; length];
                self.stream.read_exact(&mut mark).map_err(|cause| self.read_error(cause))?;
                Some(encoding)
            }
            (_, Some(given)) => Some(given),
            (Declared::Zeros(encoding), None) => {
                options.notices.say(
                    Notice::new(format!("{} has no byte order mark and was read as {encoding}", self.name))
                        .hint(format!("{} says so, or another encoding", setting("encoding", &encoding.name()))),
                );
                Some(encoding)
            }
            (Declared::Utf32, None) => {
                return Err(Error::new(ErrorKind::Data, "the text is UTF-32, which is not read")
                    .at(&*self.name, None)
                    .hint("convert it first: `iconv -f UTF-32 -t UTF-8 FILE | dlt ingest -`"));
            }
            (Declared::Nothing, None) => {
                check_utf8(&self.name, &sample)?;
                None
            }
        };
        if let Some(encoding) = encoding.filter(|encoding| !encoding.is_utf8()) {
            self.stream = Box::new(Transcoder::new(self.stream, encoding));
        }
        Ok(self)
    }

    /// The first bytes of the text, which are read all the same.
    pub(crate) fn peek(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut sample = Vec::new();
        let read = self.stream.by_ref().take(length).read_to_end(&mut sample);
        read.map_err(|cause| self.read_error(cause))?;
        let rest = std::mem::replace(&mut self.stream, Box::new(io::empty()));
        self.stream = Box::new(Cursor::new(sample.clone()).chain(rest));
        Ok(sample)
    }

    /// See [`Packing::read_error`].
    pub(crate) fn read_error(&self, cause: io::Error) -> Error {
        self.packing.read_error(&self.name, cause)
    }

    /// An input of a file that is open and holds text as it is read.
    pub(crate) fn of_file(name: Arc<str>, file: File) -> Self {
        Self { name, stream: Box::new(file), packing: Packing::None }
    }

    /// An input of these bytes.
    #[cfg(test)]
    pub(crate) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), stream: Box::new(Cursor::new(bytes)), packing: Packing::None }
    }

    /// An input of these bytes, opened as a file would be.
    #[cfg(test)]
    pub(crate) fn of_raw_bytes(name: &str, bytes: Vec<u8>, options: &TextOptions) -> Result<Self> {
        Self::unpack(name.into(), Box::new(Cursor::new(bytes)), Packing::None)?.decode(options)
    }
}

/// What an xz archive may take to be unpacked; `xz -9` takes 65 MiB.
const XZ_MEMORY_KIB: u32 = 192 << 10;

/// Refuses text that is not UTF-8, with the encoding that it looks like.
fn check_utf8(name: &str, sample: &[u8]) -> Result<()> {
    match std::str::from_utf8(sample) {
        // The sample may end within a character.
        Err(flaw) if flaw.error_len().is_some() => {
            let line = count_lines(&sample[..flaw.valid_up_to()]) + 1;
            Err(Error::new(ErrorKind::Data, NOT_UTF8).at(name, Some(line)).hint(advice(sample)))
        }
        _ => Ok(()),
    }
}

/// Opens a file for reading.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    File::open(path).map_err(|cause| {
        let error = Error::new(ErrorKind::Source, "cannot be opened").at(path.to_string_lossy(), None);
        let hint = match cause.kind() {
            io::ErrorKind::NotFound => "there is no such file",
            io::ErrorKind::PermissionDenied => "you may not read it: check its permissions",
            _ => return error.because(cause),
        };
        error.because(cause).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    /// `one` and a line end, as `xz` packs it.
    const XZ: &[u8] = &[
        253, 55, 122, 88, 90, 0, 0, 4, 230, 214, 180, 70, 2, 0, 33, 1, 22, 0, 0, 0, 116, 47, 229, 163, 1, 0, 3, 111,
        110, 101, 10, 0, 245, 92, 187, 86, 31, 198, 253, 134, 0, 1, 28, 4, 111, 44, 156, 193, 31, 182, 243, 125, 1, 0,
        0, 0, 0, 4, 89, 90,
    ];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn text(bytes: Vec<u8>, promised: Packing) -> Result<String> {
        let mut input = Input::unpack("x".into(), Box::new(Cursor::new(bytes)), promised)?;
        let mut text = String::new();
        match input.stream.read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(cause) => Err(input.read_error(cause)),
        }
    }

    #[test]
    fn archives_of_several_members_are_read_to_the_end() {
        let gz = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(text(gz, Packing::Gzip).unwrap(), "one two");
        let zst = [zstd::encode_all(&b"one "[..], 1).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat();
        assert_eq!(text(zst, Packing::Zstd).unwrap(), "one two");
    }

    #[test]
    fn the_first_bytes_decide_and_not_the_name() {
        assert_eq!(text(gzip(b"x"), Packing::None).unwrap(), "x");
        assert_eq!(text(b"plain".to_vec(), Packing::None).unwrap(), "plain");
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Bzip2, Packing::Xz] {
            let error = text(Vec::new(), packing).unwrap_err();
            assert!(error.to_string().starts_with("x: the file is empty"), "{error}");
            assert!(error.advice().unwrap().contains("cut short"));
        }
        let error = text(b"plain".to_vec(), Packing::Gzip).unwrap_err();
        assert_eq!(error.to_string(), "x: is not a gzip archive");
    }

    #[test]
    fn damage_is_told_from_a_cut() {
        let mut noise = 1u64;
        let plain: Vec<u8> = (0..5000)
            .map(|_| {
                noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (noise >> 60) as u8 + b'a'
            })
            .collect();
        for (packed, packing) in
            [(gzip(&plain), Packing::Gzip), (zstd::encode_all(&plain[..], 1).unwrap(), Packing::Zstd)]
        {
            let error = text(packed[..packed.len() / 2].to_vec(), packing).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().contains("archive is cut off"), "{error}");
        }
        let mut packed = gzip(&plain);
        let middle = packed.len() / 2;
        packed[middle..middle + 8].fill(0xFF);
        let error = text(packed, Packing::Gzip).unwrap_err();
        assert!(error.to_string().contains("archive is damaged"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }

    #[test]
    fn what_follows_an_archive_is_told_from_a_cut() {
        let packings = [(gzip(b"one"), Packing::Gzip), (zstd::encode_all(&b"one"[..], 1).unwrap(), Packing::Zstd)];
        for (packed, packing) in packings {
            for garbage in [&b"garbage"[..], b"\n", b"<html>not found</html>"] {
                let error = text([&packed, garbage].concat(), packing).unwrap_err();
                let name = packing.name();
                let expected = format!("x: something that is not {name} follows the {name} archive");
                assert_eq!(error.to_string(), expected, "{garbage:?}");
            }
        }
        // Padding is none: tapes and disks fill up with zeros.
        let padded = [gzip(b"one"), vec![0; 100_000]].concat();
        assert_eq!(text(padded, Packing::Gzip).unwrap(), "one");
    }

    #[test]
    fn all_packings_are_read() {
        let bzip2 = |text: &[u8]| {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(text([bzip2(b"one "), bzip2(b"two")].concat(), Packing::Bzip2).unwrap(), "one two");
        let cut = bzip2(b"one")[..20].to_vec();
        assert_eq!(text(cut, Packing::Bzip2).unwrap_err().to_string(), "x: the bzip2 archive is cut off");
        assert_eq!(text(XZ.to_vec(), Packing::Xz).unwrap(), "one\n");
        assert_eq!(text([XZ, XZ].concat(), Packing::None).unwrap(), "one\none\n");
        assert_eq!(text(XZ[..30].to_vec(), Packing::Xz).unwrap_err().to_string(), "x: the xz archive is cut off");
    }

    #[test]
    fn text_of_other_encodings_is_named() {
        let open = |bytes: &[u8]| Input::of_raw_bytes("x.csv", bytes.to_vec(), &TextOptions::default());
        let error = open(b"a\nb\nM\xFCller, Gr\xF6\xDFe, K\xF6ln").map(drop).unwrap_err();
        assert_eq!(error.to_string(), "x.csv:3: the text is not UTF-8");
        assert!(error.advice().unwrap().contains("`--encoding windows-1252`"), "{:?}", error.advice());
        for (bytes, what) in [(&b"PK\x03\x04..."[..], "zip"), (b"PAR1....PAR1", "Parquet"), (b"%PDF-1.4", "PDF")] {
            let error = open(bytes).map(drop).unwrap_err();
            assert!(error.to_string().contains(what) && error.advice().is_some(), "{error}");
        }
        assert!(open(b"ORCHID,ORC\n1,2\n").is_ok());
        let mut options = TextOptions::default();
        let mut text = String::new();
        let utf16: Vec<u8> = "id,x\n1,ü\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut input = Input::of_raw_bytes("x.csv", utf16, &options).unwrap();
        input.stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "id,x\n1,ü\n");
        assert_eq!(options.notices.said()[0].message, "x.csv has no byte order mark and was read as UTF-16LE");
        options.encoding = Some(super::super::Encoding::parse("gbk").unwrap());
        let mut input = Input::of_raw_bytes("x.csv", b"a\n\xFF\xFF".to_vec(), &options).unwrap();
        let error = input.stream.read_to_string(&mut text).map_err(|cause| input.read_error(cause)).unwrap_err();
        assert_eq!(error.to_string(), "x.csv:2: the text is not valid GBK");
    }

    #[test]
    fn a_window_that_is_too_large_is_no_damage() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(b"text").unwrap();
        let error = text(encoder.finish().unwrap(), Packing::Zstd).unwrap_err();
        assert_eq!(error.to_string(), "x: the zstd archive was packed with a window of more than 128 MiB");
        assert!(error.advice().unwrap().contains("--long"));
    }
}
