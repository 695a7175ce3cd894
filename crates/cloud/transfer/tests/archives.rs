//! Archives that anyone may have made, at the bounds of what is unpacked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sagewright_cloud_core::limits;
use sagewright_cloud_transfer::unpack::{UnpackError, unpack};
use tar::{EntryType, Header};

/// An archive, made of raw headers: the builder of the `tar` crate refuses bad ones.
struct Archive(GzEncoder<File>);

impl Archive {
    fn new() -> Self {
        Self(GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast()))
    }

    fn header(kind: EntryType, name: &str, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header
    }

    fn raw(mut self, mut header: Header, content: &[u8]) -> Self {
        header.set_cksum();
        self.0.write_all(header.as_bytes()).unwrap();
        self.0.write_all(content).unwrap();
        self.0.write_all(&vec![0; (512 - content.len() % 512) % 512]).unwrap();
        self
    }

    fn add(self, kind: EntryType, name: &str, content: &[u8]) -> Self {
        self.raw(Self::header(kind, name, content.len() as u64), content)
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.add(EntryType::Regular, name, content)
    }

    fn link(self, name: &str, to: &str, kind: EntryType) -> Self {
        let mut header = Self::header(kind, name, 0);
        header.set_link_name(to).unwrap();
        self.raw(header, b"")
    }

    /// A file with a name in GNU's way.
    fn long_name(self, name: &[u8], content: &[u8]) -> Self {
        self.add(EntryType::GNULongName, "././@LongLink", name).file("short", content)
    }

    /// A file behind an extended header.
    fn extended(self, records: &[(&str, &str)], name: &str, content: &[u8]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len() + 1;
            while length.to_string().len() + rest.len() != length {
                length += 1;
            }
            text.extend_from_slice(format!("{length}{rest}").as_bytes());
        }
        self.add(EntryType::XHeader, "pax", &text).file(name, content)
    }

    fn unpack_within(mut self, folder: &Path, limit: u64) -> Result<u64, UnpackError> {
        self.0.write_all(&[0; 1024]).unwrap();
        let mut file = self.0.finish().unwrap();
        file.rewind().unwrap();
        unpack(file, folder, limit)
    }

    fn unpack(self, folder: &Path) -> Result<u64, UnpackError> {
        self.unpack_within(folder, 1024 * 1024 * 1024)
    }

    fn refused(self) -> String {
        self.unpack(tempfile::tempdir().unwrap().path()).unwrap_err().to_string()
    }
}

fn read(dir: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

#[test]
fn long_names_are_taken_up_to_their_bound_and_not_read_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let most = usize::try_from(limits::NAME).unwrap();
    let padded = |length: usize| format!("{}a.txt", "./".repeat((length - 5) / 2)) + &"t".repeat((length - 5) % 2);
    let longest = padded(most);
    assert_eq!(longest.len(), most);
    let name = "d/".repeat(60) + "file.txt";
    Archive::new()
        .long_name(format!("{longest}\0").as_bytes(), b"1")
        .long_name(name.as_bytes(), b"2")
        .extended(&[("mtime", "1"), ("path", "pax/\u{e9}.txt")], "other", b"3")
        .unpack(dir.path())
        .unwrap();
    assert_eq!(read(&dir, "a.txtt"), "1");
    assert_eq!(read(&dir, &name), "2");
    assert_eq!(read(&dir, "pax/\u{e9}.txt"), "3");
    let told = "it has a name of more than 4096 bytes";
    assert_eq!(Archive::new().long_name(format!("{longest}t").as_bytes(), b"").refused(), told);
    assert_eq!(Archive::new().extended(&[("path", &(longest.clone() + "t"))], "x", b"").refused(), told);
    // What once took as much memory as it says to be long.
    let huge = vec![0; 32 * 1024 * 1024];
    assert_eq!(Archive::new().add(EntryType::GNULongName, "x", &huge).file("x", b"").refused(), told);
    let told = "it has a link of more than 4096 bytes";
    assert_eq!(Archive::new().add(EntryType::GNULongLink, "x", &huge).file("x", b"").refused(), told);
    assert_eq!(Archive::new().extended(&[("linkpath", &(longest + "t"))], "x", b"").refused(), told);
}

#[test]
fn extended_headers_are_taken_up_to_their_bound() {
    let most = usize::try_from(limits::EXTENDED_HEADER).unwrap();
    // The length of the record, a blank, the key, `=` and the line's end.
    let value = |length: usize| "v".repeat(length - "1048576 comment=\n".len());
    let dir = tempfile::tempdir().unwrap();
    Archive::new().extended(&[("comment", &value(most))], "x", b"1").unpack(dir.path()).unwrap();
    assert_eq!(read(&dir, "x"), "1");
    let told = Archive::new().extended(&[("comment", &value(most + 1))], "x", b"1").refused();
    assert_eq!(told, "it has an extended header of more than 1048576 bytes");
    let sparse = Archive::new().extended(&[("GNU.sparse.major", "1")], "x", b"1").refused();
    assert!(sparse.contains("tar --format=gnu"), "{sparse}");
    // A size that the header cannot say.
    let dir = tempfile::tempdir().unwrap();
    let mut extended = Archive::new().add(EntryType::XHeader, "pax", b"9 size=2\n");
    extended.0.write_all(with_sum(Archive::header(EntryType::Regular, "y", 0)).as_bytes()).unwrap();
    extended.0.write_all(&[[b'z'; 2].as_slice(), &[0; 510]].concat()).unwrap();
    extended.file("after", b"4").unpack(dir.path()).unwrap();
    assert_eq!((read(&dir, "y"), read(&dir, "after")), ("zz".into(), "4".into()));
}

fn with_sum(mut header: Header) -> Header {
    header.set_cksum();
    header
}

#[test]
fn paths_are_as_deep_as_their_bound() {
    let path = |depth: usize| vec!["d"; depth].join("/");
    let dir = tempfile::tempdir().unwrap();
    Archive::new().long_name(path(limits::DEPTH).as_bytes(), b"1").unpack(dir.path()).unwrap();
    let told = Archive::new().long_name(path(limits::DEPTH + 1).as_bytes(), b"1").refused();
    assert_eq!(told, "it has a path of more than 128 folders");
}

#[test]
fn links_lead_inside_through_others_too_and_are_not_too_many() {
    let dir = tempfile::tempdir().unwrap();
    Archive::new()
        .link("lib/lib.so", "lib.so.1", EntryType::Symlink)
        .link("lib/lib.so.1", "lib.so.1.2", EntryType::Symlink)
        .file("lib/lib.so.1.2", b"code")
        .link("same", "lib/lib.so.1.2", EntryType::Link)
        .link("loop", "loop", EntryType::Symlink)
        .link("etc", "/etc/passwd", EntryType::Symlink)
        .link("hard", "/etc/passwd", EntryType::Link)
        .link("up", "lib/../../x", EntryType::Symlink)
        .unpack(dir.path())
        .unwrap();
    assert_eq!((read(&dir, "lib/lib.so"), read(&dir, "same")), ("code".into(), "code".into()));
    for left_out in ["loop", "etc", "hard", "up"] {
        assert!(fs::symlink_metadata(dir.path().join(left_out)).is_err(), "{left_out}");
    }
    let links = |count: usize| {
        (0..count).fold(Archive::new(), |archive, n| archive.link(&format!("l{n}"), "none", EntryType::Symlink))
    };
    links(limits::LINKS).unpack(tempfile::tempdir().unwrap().path()).unwrap();
    assert_eq!(links(limits::LINKS + 1).refused(), "it has more than 10000 links");
}

#[test]
fn devices_are_left_out_and_a_later_file_replaces_an_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    Archive::new()
        .add(EntryType::Fifo, "fifo", b"")
        .add(EntryType::Char, "device", b"")
        .add(EntryType::new(b'Z'), "unknown", b"content")
        .add(EntryType::XGlobalHeader, "global", b"9 size=9\n")
        .file("x", b"first")
        .file("folder/", b"")
        .file("x", b"second")
        .unpack(dir.path())
        .unwrap();
    assert_eq!(read(&dir, "x"), "second");
    assert!(dir.path().join("folder").is_dir());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn the_folder_itself_may_be_called_the_root() {
    let dir = tempfile::tempdir().unwrap();
    Archive::new().add(EntryType::Directory, "/", b"").file("model.pth", b"weights").unpack(dir.path()).unwrap();
    assert_eq!(read(&dir, "model.pth"), "weights");
    assert!(Archive::new().add(EntryType::Directory, "/etc", b"").refused().contains("leads out"));
}

#[test]
fn members_that_no_files_can_be_are_told_by_name() {
    for archive in [
        Archive::new().file("a", b"").file("a/b", b""),
        Archive::new().file("a/b", b"").file("a", b""),
        Archive::new().long_name("n".repeat(300).as_bytes(), b""),
        Archive::new().long_name(b"a\0b", b""),
    ] {
        let told = archive.refused();
        assert!(told.starts_with("its member '") && told.contains("cannot be a file"), "{told}");
    }
}

#[test]
fn content_counts_with_its_holes() {
    let sparse = |pieces: &[(u64, u64)], size: u64, content: &[u8]| {
        let mut header = Archive::header(EntryType::GNUSparse, "sparse", content.len() as u64);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(size);
        for (place, (offset, length)) in gnu.sparse.iter_mut().zip(pieces) {
            place.set_offset(*offset);
            place.set_length(*length);
        }
        Archive::new().raw(header, content)
    };
    let dir = tempfile::tempdir().unwrap();
    let bytes = sparse(&[(4096, 3), (1 << 20, 0)], 1 << 20, b"abc").file("x", b"1").unpack(dir.path()).unwrap();
    assert_eq!(bytes, (1 << 20) + 1);
    let mut content = Vec::new();
    File::open(dir.path().join("sparse")).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!((content.len(), content.get(4095..4100)), (1 << 20, Some(&b"\0abc\0"[..])));
    assert!(fs::metadata(dir.path().join("sparse")).unwrap().blocks() < 64, "holes take no room");
    let within = |limit| sparse(&[(0, 3)], 1 << 40, b"abc").unpack_within(tempfile::tempdir().unwrap().path(), limit);
    assert!(matches!(within((1 << 40) - 1), Err(UnpackError::TooLarge(_))));
    for (pieces, size) in [(vec![(0, 4)], 10), (vec![(5, 2), (4, 1)], 10), (vec![(0, 3)], 2), (vec![(u64::MAX, 3)], 10)]
    {
        let told = sparse(&pieces, size, b"abc").refused();
        assert!(told.contains("not a valid tar.gz archive"), "{pieces:?}: {told}");
    }
}

#[test]
fn a_broken_archive_is_told_wherever_it_breaks() {
    let mut bytes = Vec::new();
    let mut whole = Archive::new().long_name(b"long name", b"content").0.finish().unwrap();
    whole.rewind().unwrap();
    flate2::read::GzDecoder::new(whole).read_to_end(&mut bytes).unwrap();
    let unpack_bytes = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast());
        packed.write_all(bytes).unwrap();
        let mut file = packed.finish().unwrap();
        file.rewind().unwrap();
        unpack(file, tempfile::tempdir().unwrap().path(), 1 << 20)
    };
    assert_eq!(unpack_bytes(&bytes).unwrap(), 7);
    for cut in [1, 511, 513, 1023, 1025, 1535, 1537, 2047] {
        assert!(matches!(unpack_bytes(&bytes[..cut]), Err(UnpackError::Format(_))), "cut at {cut}");
    }
    for at in [3, 124, 1030, 1160] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let told = unpack_bytes(&flipped).unwrap_err().to_string();
        assert!(told.contains("its checksum does not match"), "{at}: {told}");
    }
}
