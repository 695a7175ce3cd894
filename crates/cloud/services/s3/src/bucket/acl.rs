//! GetBucketAcl: the owner has full control, and nobody else has any.

use s3s::dto::{GetBucketAclInput, GetBucketAclOutput, Grant, Grantee, Permission, Type};
use s3s::{S3Request, S3Result};

use super::super::list::owner as owner_of;
use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn acl(store: &Store, request: S3Request<GetBucketAclInput>) -> S3Result<GetBucketAclOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let expected = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, expected, "s3:GetBucketAcl")?;
        let owner = owner_of(&bucket.account);
        let grantee = Grantee {
            display_name: None,
            email_address: None,
            id: owner.id.clone(),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        };
        let grant =
            Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) };
        Ok(GetBucketAclOutput { grants: Some(vec![grant]), owner: Some(owner) })
    })
    .await
}
