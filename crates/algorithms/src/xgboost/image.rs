//! The generations of the image: one row each, with what its server and its training program do differently.
//!
//! Facts are from aws/sagemaker-xgboost-container (the branch and the pull requests of each release), from the developer
//! guide's page on version 0.72, and from the libraries themselves.

use std::fmt;

/// The generations, the oldest first. The name is that of the first tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    V0_72,
    V0_90,
    V1_0,
    V1_2_1,
    V1_2_2,
    V1_3,
    V1_5,
    V1_7,
    V3_0,
}

/// What `model/xgboost-model` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Artifact {
    /// A Python pickle of a `Booster`.
    Pickle,
    /// The library's old binary format.
    Binary,
    /// Universal Binary JSON.
    Ubjson,
}

/// How the rows of an answer in CSV are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Commas between rows; several values of a row in brackets.
    Joined,
    /// A line feed after each row, commas between its values.
    Lines,
}

/// One generation of the image.
#[derive(Debug)]
pub struct Image {
    pub(crate) generation: Generation,
    /// The tags, without the suffix that names processor and Python.
    tags: &'static [&'static str],
    /// The version of XGBoost in the image.
    pub(crate) library: &'static str,
    pub(crate) artifact: Artifact,
    pub(crate) rows: Rows,
    /// Whether an answer heeds the `Accept` header also where no outputs are selected.
    pub(crate) heeds_accept: bool,
    /// Whether a request without a content type is CSV; otherwise it is LIBSVM.
    pub(crate) csv_by_default: bool,
    /// Whether early stopping cuts the model down to its best round. Otherwise all rounds are kept, and the model says how
    /// many of them predict.
    pub(crate) keeps_best: bool,
    /// How many of the content types of [`CONTENT_TYPES`] a channel may have.
    content_types: usize,
}

macro_rules! images {
    ($($generation:ident, $tags:expr, $library:literal, $artifact:ident, $rows:ident, $accept:literal, $csv:literal, $best:literal, $types:literal;)*) => {
        [$(Image {
            generation: Generation::$generation, tags: &$tags, library: $library, artifact: Artifact::$artifact,
            rows: Rows::$rows, heeds_accept: $accept, csv_by_default: $csv, keeps_best: $best, content_types: $types,
        }),*]
    };
}

#[rustfmt::skip]
static IMAGES: [Image; 9] = images! {
    // generation, tags,                library,  artifact, rows,  heeds_accept, csv_by_default, keeps_best, content_types
    V0_72,  ["1", "latest", "0.72"],    "0.72.1", Pickle, Joined,  false,        true,           false,      5;
    V0_90,  ["0.90-1", "0.90-2"],       "0.90",   Pickle, Joined,  false,        true,           false,      9;
    V1_0,   ["1.0-1"],                  "1.0.0",  Pickle, Joined,  false,        false,          false,      9;
    V1_2_1, ["1.2-1"],                  "1.2.0",  Pickle, Joined,  false,        false,          false,      9;
    V1_2_2, ["1.2-2"],                  "1.2.0",  Pickle, Lines,   true,         false,          false,      9;
    V1_3,   ["1.3-1"],                  "1.3.3",  Binary, Lines,   true,         false,          true,       9;
    V1_5,   ["1.5-1"],                  "1.5.2",  Binary, Lines,   true,         false,          true,       9;
    V1_7,   ["1.7-1"],                  "1.7.4",  Binary, Lines,   true,         false,          true,       9;
    V3_0,   ["3.0-5"],                  "3.0.5",  Ubjson, Lines,   true,         false,          true,       9;
};

/// What a channel's `ContentType` may be: these names as they are, without parameters or capitals.
const CONTENT_TYPES: [&str; 9] = [
    "csv",
    "libsvm",
    "text/csv",
    "text/libsvm",
    "text/x-libsvm",
    "parquet",
    "recordio-protobuf",
    "application/x-parquet",
    "application/x-recordio-protobuf",
];

impl Image {
    /// The image of a tag: `1.7-1`, or the longer `1.7-1-cpu-py3`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<&'static Self> {
        let short = ["-cpu", "-gpu"].iter().find_map(|suffix| tag.split_once(suffix)).map_or(tag, |(short, _)| short);
        IMAGES.iter().find(|image| image.tags.contains(&short))
    }

    /// The newest image.
    #[must_use]
    pub fn newest() -> &'static Self {
        let [.., newest] = &IMAGES;
        newest
    }

    /// All tags, for messages.
    #[must_use]
    pub fn tags() -> String {
        IMAGES.iter().flat_map(|image| image.tags).copied().collect::<Vec<_>>().join(", ")
    }

    /// The tag that resembles another most: with the longest common beginning, the newest of equals.
    #[must_use]
    pub fn nearest(tag: &str) -> &'static str {
        let common = |known: &str| known.bytes().zip(tag.bytes()).take_while(|(a, b)| a == b).count();
        let tags = IMAGES.iter().flat_map(|image| image.tags).copied();
        tags.filter(|tag| tag.contains('-')).max_by_key(|known| common(known)).unwrap_or("3.0-5")
    }

    /// Whether a tag would be newer than all of these: whether it exists cannot be told.
    #[must_use]
    pub fn is_newer(tag: &str) -> bool {
        let number = |tag: &str| -> Option<(u32, u32)> {
            let (major, rest) = tag.split_once('.')?;
            let minor = rest.split('-').next()?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        number(tag).is_some_and(|given| given >= (3, 0))
    }

    /// The content types that a channel may have.
    pub(crate) fn content_types(&self) -> &'static [&'static str] {
        &CONTENT_TYPES[..self.content_types]
    }
}

impl fmt::Display for Image {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "image {}", self.tags[0])
    }
}

#[cfg(test)]
mod tests {
    use super::{Artifact, IMAGES, Image, Rows};

    #[test]
    fn every_tag_is_found_short_and_long() {
        for image in &IMAGES {
            for tag in image.tags {
                for suffix in ["", "-cpu-py3", "-gpu-py3"] {
                    let found = Image::of_tag(&format!("{tag}{suffix}")).expect(tag);
                    assert_eq!(found.generation, image.generation);
                }
            }
        }
        assert!(Image::of_tag("1.4-1").is_none() && Image::of_tag("").is_none());
        assert_eq!(Image::nearest("1.7-9"), "1.7-1");
        assert_eq!(Image::nearest("1.4-1"), "1.7-1");
        assert!(Image::is_newer("3.2-1") && !Image::is_newer("1.9-1") && !Image::is_newer("latest"));
    }

    #[test]
    fn artifacts_and_rows_follow_the_tag() {
        let of = |tag| Image::of_tag(tag).map(|image| (image.artifact, image.rows)).expect(tag);
        assert_eq!(of("1"), (Artifact::Pickle, Rows::Joined));
        assert_eq!(of("1.2-1"), (Artifact::Pickle, Rows::Joined));
        assert_eq!(of("1.2-2"), (Artifact::Pickle, Rows::Lines));
        assert_eq!(of("1.7-1"), (Artifact::Binary, Rows::Lines));
        assert_eq!(of("3.0-5"), (Artifact::Ubjson, Rows::Lines));
    }
}
