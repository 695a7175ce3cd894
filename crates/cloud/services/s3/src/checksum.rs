//! The five checksum algorithms of S3: which ones a request names, and their values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use serde::{Deserialize, Serialize};

/// A checksum algorithm by S3's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// Reads `CRC32`, `crc64nvme`, …
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The name in XML and in `x-amz-sdk-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries the value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn value_length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// Checksum values in base64, as they travel. A composite value ends in `-<parts>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksums {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crc32: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crc32c: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crc64nvme: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha1: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

impl Checksums {
    pub(crate) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Crc32 => self.crc32.as_deref(),
            Algorithm::Crc32c => self.crc32c.as_deref(),
            Algorithm::Crc64nvme => self.crc64nvme.as_deref(),
            Algorithm::Sha1 => self.sha1.as_deref(),
            Algorithm::Sha256 => self.sha256.as_deref(),
        }
    }

    pub(crate) fn set(&mut self, algorithm: Algorithm, value: String) {
        let slot = match algorithm {
            Algorithm::Crc32 => &mut self.crc32,
            Algorithm::Crc32c => &mut self.crc32c,
            Algorithm::Crc64nvme => &mut self.crc64nvme,
            Algorithm::Sha1 => &mut self.sha1,
            Algorithm::Sha256 => &mut self.sha256,
        };
        *slot = Some(value);
    }

    /// The algorithms that have a value.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        Algorithm::ALL.into_iter().filter(|algorithm| self.get(*algorithm).is_some())
    }

    /// The first algorithm whose expected value is not well formed.
    pub(crate) fn malformed(&self) -> Option<Algorithm> {
        self.algorithms().find(|algorithm| {
            let decoded = self.get(*algorithm).and_then(|v| BASE64.decode(v).ok());
            decoded.is_none_or(|bytes| bytes.len() != algorithm.value_length())
        })
    }

    /// The first algorithm for which `actual` has another value than `self` asks for.
    pub(crate) fn mismatch(&self, actual: &Self) -> Option<Algorithm> {
        self.algorithms().find(|algorithm| self.get(*algorithm) != actual.get(*algorithm))
    }
}

/// Computes any number of algorithms in one pass.
pub(crate) struct Hasher(ChecksumHasher);

impl Hasher {
    pub(crate) fn new(algorithms: &[Algorithm]) -> Self {
        let mut hasher = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => hasher.crc32 = Some(Default::default()),
                Algorithm::Crc32c => hasher.crc32c = Some(Default::default()),
                Algorithm::Crc64nvme => hasher.crc64nvme = Some(Default::default()),
                Algorithm::Sha1 => hasher.sha1 = Some(Default::default()),
                Algorithm::Sha256 => hasher.sha256 = Some(Default::default()),
            }
        }
        Self(hasher)
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> Checksums {
        let sums = self.0.finalize();
        Checksums {
            crc32: sums.checksum_crc32,
            crc32c: sums.checksum_crc32c,
            crc64nvme: sums.checksum_crc64nvme,
            sha1: sums.checksum_sha1,
            sha256: sums.checksum_sha256,
        }
    }
}

/// The checksum of the parts' checksums, `<base64>-<parts>`; `None` when a part has no value.
///
/// Source: "Checking object integrity", Amazon S3 User Guide, composite checksums.
pub(crate) fn composite(algorithm: Algorithm, parts: &[&Checksums]) -> Option<String> {
    let mut joined = Vec::with_capacity(parts.len() * algorithm.value_length());
    for part in parts {
        joined.extend(BASE64.decode(part.get(algorithm)?).ok()?);
    }
    let value = match algorithm {
        Algorithm::Crc32 => BASE64.encode(s3s::crypto::Crc32::checksum(&joined)),
        Algorithm::Crc32c => BASE64.encode(s3s::crypto::Crc32c::checksum(&joined)),
        Algorithm::Crc64nvme => BASE64.encode(s3s::crypto::Crc64Nvme::checksum(&joined)),
        Algorithm::Sha1 => BASE64.encode(s3s::crypto::Sha1::checksum(&joined)),
        Algorithm::Sha256 => BASE64.encode(s3s::crypto::Sha256::checksum(&joined)),
    };
    Some(format!("{value}-{}", parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Check values of "123456789" from the CRC catalogue and RFC 3174 / FIPS 180-4 tools.
    #[test]
    fn known_values() {
        let mut hasher = Hasher::new(&Algorithm::ALL);
        hasher.update(b"12345");
        hasher.update(b"6789");
        let sums = hasher.finish();
        assert_eq!(sums.crc32.as_deref(), Some("y/Q5Jg=="));
        assert_eq!(sums.crc32c.as_deref(), Some("4waSgw=="));
        assert_eq!(sums.crc64nvme.as_deref(), Some("rosUhgp5mIg="));
        assert_eq!(sums.sha1.as_deref(), Some("98O8HYCOBHMq32eZZczDTKeuNEE="));
        let sha256 = BASE64.decode(sums.sha256.unwrap()).unwrap();
        assert_eq!(hex::encode(sha256), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }

    #[test]
    fn only_what_was_asked_is_computed() {
        let mut hasher = Hasher::new(&[Algorithm::Sha1]);
        hasher.update(b"x");
        assert_eq!(hasher.finish().algorithms().collect::<Vec<_>>(), [Algorithm::Sha1]);
    }

    #[test]
    fn malformed_values_are_found() {
        let mut sums = Checksums::default();
        sums.set(Algorithm::Crc32, "AAAAAA==".into());
        assert_eq!(sums.malformed(), None);
        sums.set(Algorithm::Sha256, "AAAAAA==".into());
        assert_eq!(sums.malformed(), Some(Algorithm::Sha256));
    }
}
