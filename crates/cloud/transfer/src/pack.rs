//! Files to a `tar.gz`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::heed::Heeding;
use super::plain;
use super::tree::Tree;

/// Writes a tree as `tar.gz`. Fast rather than small: it stays on this machine.
pub fn pack(tree: &Tree, target: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    let encoder = GzEncoder::new(BufWriter::with_capacity(128 * 1024, File::create_new(target)?), Compression::fast());
    let mut archive = Builder::new(encoder);
    for folder in &tree.folders {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        // Strict readers take no empty field for a number.
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive.append_data(&mut header, folder, io::empty())?;
    }
    for (path, source) in &tree.files {
        let file = plain::open(source)?;
        let mut header = Header::new_gnu();
        header.set_metadata(&file.metadata()?);
        // The user of this machine is nobody in a container.
        header.set_uid(0);
        header.set_gid(0);
        // As long as its header says, whatever happens to the file meanwhile.
        let length = header.entry_size()?;
        let content = file.chain(io::repeat(0)).take(length);
        archive.append_data(&mut header, path, Heeding::new(content, cancelled))?;
    }
    archive.into_inner()?.finish()?.flush()
}
