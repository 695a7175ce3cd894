//! The operations that are there, each sent to the function that does it. What is not listed is
//! answered with `NotImplemented` by `s3s`.

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::store::Store;
use super::{bucket, list, multipart, object};

/// The S3 trait of `s3s` over a store.
pub(crate) struct Backend {
    store: Store,
}

impl Backend {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

/// What an operation's function gives: the output, or an answer with more headers than it has fields.
trait Answer<T> {
    fn response(self) -> S3Response<T>;
}

impl<T> Answer<T> for T {
    fn response(self) -> S3Response<T> {
        S3Response::new(self)
    }
}

impl<T> Answer<T> for S3Response<T> {
    fn response(self) -> Self {
        self
    }
}

macro_rules! operations {
    ($($name:ident: $input:ident => $output:ident = $function:path;)*) => {
        /// The operations of this service, as functions are named: `put_object`.
        pub const OPERATIONS: &[&str] = &[$(stringify!($name)),*];

        #[async_trait::async_trait]
        impl S3 for Backend {
            $(
                async fn $name(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    $function(&self.store, request).await.map(Answer::response)
                }
            )*
        }
    };
}

operations! {
    create_bucket: CreateBucketInput => CreateBucketOutput = bucket::create;
    delete_bucket: DeleteBucketInput => DeleteBucketOutput = bucket::delete;
    head_bucket: HeadBucketInput => HeadBucketOutput = bucket::head;
    list_buckets: ListBucketsInput => ListBucketsOutput = bucket::list;
    get_bucket_acl: GetBucketAclInput => GetBucketAclOutput = bucket::acl;
    get_bucket_tagging: GetBucketTaggingInput => GetBucketTaggingOutput = bucket::get_tagging;
    get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput = bucket::location;
    get_bucket_versioning: GetBucketVersioningInput => GetBucketVersioningOutput = bucket::get_versioning;
    put_bucket_versioning: PutBucketVersioningInput => PutBucketVersioningOutput = bucket::put_versioning;

    put_object: PutObjectInput => PutObjectOutput = object::put;
    get_object: GetObjectInput => GetObjectOutput = object::get;
    head_object: HeadObjectInput => HeadObjectOutput = object::head;
    copy_object: CopyObjectInput => CopyObjectOutput = object::copy;
    delete_object: DeleteObjectInput => DeleteObjectOutput = object::delete;
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput = object::delete_many;
    get_object_attributes: GetObjectAttributesInput => GetObjectAttributesOutput = object::attributes;
    get_object_tagging: GetObjectTaggingInput => GetObjectTaggingOutput = object::get_tagging;
    put_object_tagging: PutObjectTaggingInput => PutObjectTaggingOutput = object::put_tagging;
    delete_object_tagging: DeleteObjectTaggingInput => DeleteObjectTaggingOutput = object::delete_tagging;

    list_objects: ListObjectsInput => ListObjectsOutput = list::objects;
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output = list::objects_v2;
    list_object_versions: ListObjectVersionsInput => ListObjectVersionsOutput = list::versions;

    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput = multipart::create;
    upload_part: UploadPartInput => UploadPartOutput = multipart::upload_part;
    upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput = multipart::copy_part;
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput = multipart::abort;
    list_parts: ListPartsInput => ListPartsOutput = multipart::list_parts;
    list_multipart_uploads: ListMultipartUploadsInput => ListMultipartUploadsOutput = multipart::list_uploads;
}
