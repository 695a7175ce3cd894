//! Receiving an upload: to a file as it comes, then held against everything that was said of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::try_join;
use http::{HeaderMap, StatusCode};
use md5::Digest as _;
use s3s::dto::{ChecksumAlgorithm, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};

use super::super::checksum::{Algorithm, Checksums};
use super::super::error::{Detail as _, custom, invalid_request, plain, wrong_argument};
use super::super::request::blocking;
use super::super::store::{ContentWriter, Digest, Digests, Draft, Store, StoreError};

/// How much is gathered before it is hashed and written.
const BATCH: usize = 1 << 20;

/// What a request says of the content that it carries.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    /// Content without its transfer encoding, in bytes.
    pub(crate) length: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) checksums: Checksums,
    /// Algorithms to compute, those of `checksums` among them.
    pub(crate) algorithms: Vec<Algorithm>,
    /// The checksum that follows the content.
    trailer: Option<Algorithm>,
}

impl Expectation {
    /// Reads what the headers say.
    pub(crate) fn new(
        length: Option<i64>,
        md5: Option<&str>,
        checksums: Checksums,
        algorithm: Option<&ChecksumAlgorithm>,
        headers: &HeaderMap,
    ) -> S3Result<Self> {
        let md5 = md5.map(decode_md5).transpose()?;
        if checksums.algorithms().count() > 1 {
            return Err(invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        check_form(&checksums)?;
        let trailer = headers
            .get("x-amz-trailer")
            .and_then(|value| value.to_str().ok())
            .map(|name| {
                Algorithm::ALL
                    .into_iter()
                    .find(|algorithm| name.trim().eq_ignore_ascii_case(algorithm.header()))
                    .ok_or_else(|| invalid_request("The value specified in the x-amz-trailer header is not supported"))
            })
            .transpose()?;
        let mut algorithms: Vec<Algorithm> = checksums.algorithms().collect();
        let mut add = |algorithm| {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        };
        if let Some(named) = algorithm {
            add(parse_algorithm(named)?);
        }
        if let Some(trailer) = trailer {
            add(trailer);
        }
        Ok(Self { length: length.and_then(|length| u64::try_from(length).ok()), md5, checksums, algorithms, trailer })
    }

    fn check(&self, digests: &Digests) -> S3Result<()> {
        if self.length.is_some_and(|length| length != digests.size) {
            return Err(S3ErrorCode::IncompleteBody.into());
        }
        if self.md5.is_some_and(|md5| md5 != digests.md5) {
            let of = |md5: &[u8; 16]| BASE64.encode(md5);
            return Err(plain(S3ErrorCode::BadDigest)
                .detail("ExpectedDigest", self.md5.as_ref().map(of).unwrap_or_default())
                .detail("CalculatedDigest", of(&digests.md5)));
        }
        match self.checksums.mismatch(&digests.checksums) {
            None => Ok(()),
            Some(algorithm) => Err(StoreError::BadDigest { algorithm: algorithm.name() }.into()),
        }
    }
}

/// The algorithm that a request names.
pub(crate) fn parse_algorithm(name: &ChecksumAlgorithm) -> S3Result<Algorithm> {
    Algorithm::parse(name.as_str()).ok_or_else(|| {
        invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })
}

/// Complete content that no object refers to yet.
pub(crate) struct Received<C> {
    pub(crate) draft: Draft,
    pub(crate) digests: Digests,
    /// What `prepare` returned.
    pub(crate) context: C,
}

/// Writes `body` to a new content file and checks it against `expectation`. `prepare` runs before
/// anything is written and may refuse; it may ask for more checksums. Nothing is left behind when
/// the upload is refused, ends early or is not what was said.
pub(crate) async fn receive<C: Send + 'static>(
    store: &Store,
    body: Option<StreamingBlob>,
    trailers: Option<TrailingHeaders>,
    mut expectation: Expectation,
    prepare: impl FnOnce(&Store, &mut Vec<Algorithm>) -> S3Result<C> + Send + 'static,
) -> S3Result<Received<C>> {
    let mut body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let (first, mut ended) = batch(&mut body).await?;
    let mut algorithms = std::mem::take(&mut expectation.algorithms);
    let opened = store.clone();
    let (context, mut writer) = blocking(move || {
        let context = prepare(&opened, &mut algorithms)?;
        if algorithms.is_empty() {
            // What S3 itself adds to an object that comes without a checksum.
            algorithms.push(Algorithm::Crc64nvme);
        }
        let mut writer = opened.new_content(Digest::Md5, &algorithms)?;
        write(&mut writer, &first)?;
        Ok((context, writer))
    })
    .await?;
    let mut pieces = Vec::new();
    while !ended || !pieces.is_empty() {
        // What comes is received while what came before is written.
        let next = async { if ended { Ok((Vec::new(), true)) } else { batch(&mut body).await } };
        ((pieces, ended), writer) = try_join(next, write_beside(writer, pieces)).await?;
        if expectation.length.is_some_and(|length| writer.size() > length) {
            return Err(S3ErrorCode::IncompleteBody.into());
        }
    }
    if let Some(algorithm) = expectation.trailer {
        let value = trailers.and_then(|trailers| trailers.take()).and_then(|headers| {
            headers.get(algorithm.header()).and_then(|value| value.to_str().ok()).map(str::to_owned)
        });
        let Some(value) = value else {
            return Err(custom(
                "MalformedTrailerError",
                StatusCode::BAD_REQUEST,
                format!(
                    "The request contained trailing data that was not well-formed or did not conform to our published schema: the trailer {} is missing.",
                    algorithm.header()
                ),
            ));
        };
        expectation.checksums.set(algorithm, value);
        check_form(&expectation.checksums)?;
    }
    let (draft, digests) = writer.finish();
    expectation.check(&digests)?;
    Ok(Received { draft, digests, context })
}

fn write(writer: &mut ContentWriter, pieces: &[Bytes]) -> S3Result<()> {
    for piece in pieces {
        writer.write(piece)?;
    }
    Ok(())
}

/// Writes pieces of a long body. Its MD5 takes longer than all else together, and is computed at the same time.
async fn write_beside(mut writer: ContentWriter, pieces: Vec<Bytes>) -> S3Result<ContentWriter> {
    if pieces.is_empty() {
        return Ok(writer);
    }
    let (md5, hashed) = (writer.take_md5(), pieces.clone());
    let hashing = blocking(move || Ok(md5.map(|md5| hashed.iter().fold(md5, |md5, piece| md5.chain_update(piece)))));
    let writing = blocking(move || {
        write(&mut writer, &pieces)?;
        Ok(writer)
    });
    let (md5, mut writer) = try_join(hashing, writing).await?;
    writer.put_md5(md5);
    Ok(writer)
}

/// The next pieces of the body, about a [`BATCH`] of them, and whether it has ended.
async fn batch(body: &mut StreamingBlob) -> S3Result<(Vec<Bytes>, bool)> {
    let mut pieces = Vec::new();
    let mut size = 0;
    while size < BATCH {
        match body.next().await {
            Some(Ok(piece)) => {
                size += piece.len();
                pieces.push(piece);
            }
            Some(Err(error)) => return Err(broken_body(error)),
            None => return Ok((pieces, true)),
        }
    }
    Ok((pieces, false))
}

/// Why a body ended with an error. `s3s` keeps its stream errors private, so they are told apart
/// by what they print. What a form's file is refused for comes this way too.
pub(crate) fn broken_body(error: s3s::StdError) -> S3Error {
    let error = match error.downcast::<S3Error>() {
        Ok(refused) => return *refused,
        Err(other) => other,
    };
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        return custom(
            "XAmzContentSHA256Mismatch",
            StatusCode::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    if text.contains("SignatureMismatch") {
        return S3ErrorCode::SignatureDoesNotMatch.into();
    }
    if text.contains("request body stalled") {
        return S3Error::with_message(S3ErrorCode::RequestTimeout, text);
    }
    S3Error::with_source(S3ErrorCode::IncompleteBody, error)
}

fn check_form(checksums: &Checksums) -> S3Result<()> {
    match checksums.malformed() {
        None => Ok(()),
        Some(algorithm) => Err(invalid_request(format!("Value for {} header is invalid.", algorithm.header()))),
    }
}

fn decode_md5(value: &str) -> S3Result<[u8; 16]> {
    BASE64
        .decode(value)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| plain(S3ErrorCode::InvalidDigest).detail("Content-MD5", value))
}

/// Part numbers are 1 to 10000.
pub(crate) fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number).ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        wrong_argument(message, "partNumber", number)
    })
}
