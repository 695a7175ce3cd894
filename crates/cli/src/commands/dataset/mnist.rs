//! MNIST as the XGBoost tutorials want it: `train/examples` and `validation/examples` with the label first,
//! `test/examples` without labels; comma-separated, brightness from 0 to 1.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use super::idx::Idx;
use crate::args::{Global, MnistDataset};
use crate::commands::cp::{Upload, upload_all};
use crate::commands::quickstart::carried;
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// Pixels of a digit: 28 by 28.
const PIXELS: usize = 784;
/// Of the 60,000 published training digits the last sixth is for validation.
const VALIDATION: u32 = 6;
/// The three objects, by the folder that each is in.
const PARTS: [&str; 3] = ["train", "validation", "test"];

/// Writes the data set and uploads it.
pub(super) async fn run(args: &MnistDataset, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    if args.s3_bucket.is_empty() || args.s3_bucket.contains('/') {
        return Err(Failure::new(Exit::Usage, format!("`{}` is no name of a bucket", args.s3_bucket))
            .help("give the bucket's name alone, and the rest with --s3-prefix")
            .into());
    }
    let from = args.from.clone();
    let Written { folder, counts } = tokio::task::spawn_blocking(move || write(from.as_deref())).await??;
    if args.from.is_none() {
        let [train, validation, test] = counts;
        printer.note(&format!(
            "  a sample of {} digits ({train} to train, {validation} to validate, {test} to test); for the whole, \
             --from a folder with the IDX files",
            train + validation + test
        ));
    }
    let prefix = args.s3_prefix.trim_matches('/');
    let uploads = PARTS.map(|part| Upload {
        shown: format!("{part}/examples"),
        file: folder.path().join(part),
        key: if prefix.is_empty() { format!("{part}/examples") } else { format!("{prefix}/{part}/examples") },
    });
    upload_all(&args.s3_bucket, args.make_bucket, &uploads, global, printer).await
}

/// The three files, one named as each part, and how many digits each has.
struct Written {
    folder: TempDir,
    counts: [u32; 3],
}

fn write(from: Option<&Path>) -> anyhow::Result<Written> {
    let folder = TempDir::new().context("cannot make a temporary folder")?;
    let mut counts = [0; 3];
    let paths = PARTS.map(|part| folder.path().join(part));
    let mut outputs = Vec::new();
    for path in &paths {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        outputs.push(BufWriter::new(file));
    }
    let mut put = |part: usize, label: Option<&str>, pixels: &[u8]| -> anyhow::Result<()> {
        let (Some(output), Some(count)) = (outputs.get_mut(part), counts.get_mut(part)) else { return Ok(()) };
        *count += 1;
        line(output, label, pixels).context("cannot write the data set to the temporary folder")
    };
    match from {
        None => sample(&mut put)?,
        Some(from) => published(from, &mut put)?,
    }
    for output in &mut outputs {
        output.flush().context("cannot write the data set to the temporary folder")?;
    }
    Ok(Written { folder, counts })
}

/// One digit. Brightness is in steps of 1/256, as the tutorials' data had it.
fn line(output: &mut impl Write, label: Option<&str>, pixels: &[u8]) -> io::Result<()> {
    let mut comma = "";
    if let Some(label) = label {
        output.write_all(label.as_bytes())?;
        comma = ",";
    }
    for pixel in pixels {
        output.write_all(comma.as_bytes())?;
        match pixel {
            0 => output.write_all(b"0")?,
            pixel => write!(output, "{}", f64::from(*pixel) / 256.0)?,
        }
        comma = ",";
    }
    output.write_all(b"\n")
}

type Put<'p> = dyn FnMut(usize, Option<&str>, &[u8]) -> anyhow::Result<()> + 'p;

/// The digits that this program carries for its quickstart.
fn sample(put: &mut Put<'_>) -> anyhow::Result<()> {
    for (part, name) in PARTS.iter().enumerate() {
        let file = carried(&format!("{name}.csv.gz")).with_context(|| format!("there is no sample {name}"))?;
        for digit in BufReader::new(MultiGzDecoder::new(file)).lines() {
            let digit = digit?;
            let (label, pixels) = digit.split_once(',').context("a digit of the sample has no label")?;
            let pixels: Vec<u8> = pixels.split(',').map(str::parse).collect::<Result<_, _>>()?;
            put(part, (part != 2).then_some(label), &pixels)?;
        }
    }
    Ok(())
}

/// The files of MNIST as they are published, packed or not.
fn published(from: &Path, put: &mut Put<'_>) -> anyhow::Result<()> {
    let is_pickle = from.file_name().is_some_and(|name| name.to_string_lossy().contains(".pkl"));
    if is_pickle || !from.is_dir() {
        let why = if is_pickle {
            "is a pickle: reading one runs whatever it holds, and it is never read here"
        } else {
            "is no folder"
        };
        return Err(Failure::new(Exit::Usage, format!("{} {why}", from.display()))
            .help(format!(
                "give the folder that holds {}",
                FILES.map(|[images, labels]| format!("{images} and {labels}")).join(", ")
            ))
            .into());
    }
    for (part, [images, labels]) in FILES.into_iter().enumerate() {
        let (images, labels) = (find(from, images)?, find(from, labels)?);
        let read = || -> io::Result<_> { Ok((Idx::new(open(&images)?, 3)?, Idx::new(open(&labels)?, 1)?)) };
        let of = || format!("cannot read {} with {}", images.display(), labels.display());
        let (mut pictures, mut names) = read().with_context(of)?;
        if pictures.size != PIXELS || pictures.count != names.count {
            bail!(
                "{}: {} images of {} pixels and {} labels; MNIST has images of {PIXELS} pixels, each with a label",
                of(),
                pictures.count,
                pictures.size,
                names.count
            );
        }
        let (mut pixels, mut label) = (Vec::new(), Vec::new());
        for number in 0..pictures.count {
            pictures.next(&mut pixels).and_then(|()| names.next(&mut label)).with_context(of)?;
            let label = label.first().map(u8::to_string);
            match part {
                0 => {
                    put(usize::from(number >= pictures.count - pictures.count / VALIDATION), label.as_deref(), &pixels)?
                }
                _ => put(2, None, &pixels)?,
            }
        }
    }
    Ok(())
}

/// Images and labels: first the training digits, then the test digits.
const FILES: [[&str; 2]; 2] =
    [["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]];

/// A file by its name, with a point for a hyphen as some copies have it, packed or not.
fn find(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let pointed = name.replace("-idx", ".idx");
    let names = [name, &pointed].into_iter().flat_map(|name| [name.to_owned(), format!("{name}.gz")]);
    names
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{} holds neither {name} nor {name}.gz", folder.display()))
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path)?);
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_label_first_and_brightness_from_0_to_1() {
        let mut out = Vec::new();
        line(&mut out, Some("7"), &[0, 1, 128, 255]).unwrap();
        line(&mut out, None, &[0, 255]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "7,0,0.00390625,0.5,0.99609375\n0,0.99609375\n");
    }
}
