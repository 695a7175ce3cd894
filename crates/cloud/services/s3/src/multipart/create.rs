//! CreateMultipartUpload.

use s3s::dto::{ChecksumAlgorithm, ChecksumType, CreateMultipartUploadInput, CreateMultipartUploadOutput};
use s3s::{S3Request, S3Result};

use super::super::acl::refuse_acl;
use super::super::body::parse_algorithm;
use super::super::checksum::Algorithm;
use super::super::error::invalid_request;
use super::super::object::{check_storage_class, headers_from};
use super::super::request::{blocking, bucket, parse_tagging_header, refuse_customer_key, subject};
use super::super::store::{Store, UploadSpec};

pub(crate) async fn create(
    store: &Store,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let caller = subject(&request)?;
    let (store, mut input) = (store.clone(), request.input);
    refuse(&input)?;
    let algorithm = input.checksum_algorithm.as_ref().map(parse_algorithm).transpose()?;
    let asked = input.checksum_type.as_ref().map(|kind| kind.as_str());
    let spec = UploadSpec {
        headers: headers_from!(input)?,
        tags: parse_tagging_header(input.tagging.as_deref())?,
        storage_class: check_storage_class(input.storage_class.as_ref().map(|c| c.as_str()))?,
        algorithm,
        composite: is_composite(algorithm, asked)?,
        replaces: None,
    };
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:PutObject")?;
        let id = store.create_upload(&bucket, &input.key, spec.clone())?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(bucket.name),
            checksum_algorithm: algorithm.map(|a| ChecksumAlgorithm::from_static(a.name())),
            checksum_type: algorithm.map(|_| kind(spec.composite)),
            key: Some(input.key),
            server_side_encryption: Some(spec.headers.encryption().into()),
            ssekms_key_id: spec.headers.kms_key,
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        })
    })
    .await
}

pub(crate) fn kind(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

/// Which type of checksum the object will have.
///
/// Source: "Checking object integrity", Amazon S3 User Guide, the table of full object and
/// composite checksums by algorithm.
fn is_composite(algorithm: Option<Algorithm>, asked: Option<&str>) -> S3Result<bool> {
    match (algorithm, asked) {
        (None, None) | (Some(Algorithm::Crc64nvme), None | Some("FULL_OBJECT")) => Ok(false),
        (None, Some(_)) => Err(invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )),
        (Some(Algorithm::Crc32 | Algorithm::Crc32c), Some("FULL_OBJECT")) => Ok(false),
        (Some(Algorithm::Crc64nvme), _) | (Some(_), Some("FULL_OBJECT")) => {
            let name = algorithm.map_or("", Algorithm::name).to_lowercase();
            Err(invalid_request(format!(
                "The {} checksum type cannot be used with the {name} checksum algorithm.",
                asked.unwrap_or_default()
            )))
        }
        (Some(_), None | Some("COMPOSITE")) => Ok(true),
        (Some(_), Some(_)) => Err(invalid_request("Value for x-amz-checksum-type header is invalid.")),
    }
}

/// Refuses what would not be honoured.
fn refuse(input: &CreateMultipartUploadInput) -> S3Result<()> {
    let grants = [&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp];
    refuse_acl(input.acl.as_ref().map(|acl| acl.as_str()), &grants)?;
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    if input.object_lock_mode.is_some() || input.object_lock_legal_hold_status.is_some() {
        return Err(invalid_request("Bucket is missing Object Lock Configuration"));
    }
    Ok(())
}
