//! AWS's text for each error code, where the place that raised it has none of its own.
//!
//! Source: "Error responses", Amazon S3 API Reference, and the service's own answers.

/// The message of `code`.
pub(crate) fn message(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessControlListNotSupported" => "The bucket does not allow ACLs",
        "AccessDenied" => "Access Denied",
        "AuthorizationHeaderMalformed" => "The authorization header that you provided is not valid.",
        "BadDigest" => "The Content-MD5 you specified did not match what we received.",
        "BucketAlreadyExists" => {
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
        }
        "BucketAlreadyOwnedByYou" => {
            "Your previous request to create the named bucket succeeded and you already own it."
        }
        "BucketNotEmpty" => "The bucket you tried to delete is not empty",
        "ConditionalRequestConflict" => {
            "The conditional request cannot succeed due to a conflicting operation against this resource."
        }
        "EntityTooLarge" => "Your proposed upload exceeds the maximum allowed size",
        "EntityTooSmall" => "Your proposed upload is smaller than the minimum allowed size",
        "ExpiredToken" => "The provided token has expired.",
        "IllegalLocationConstraintException" => {
            "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."
        }
        "IncompleteBody" => "You did not provide the number of bytes specified by the Content-Length HTTP header",
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidArgument" => "Invalid Argument",
        "InvalidBucketAclWithObjectOwnership" => {
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        }
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidDigest" => "The Content-MD5 you specified was invalid.",
        "InvalidLocationConstraint" => "The specified location-constraint is not valid",
        "InvalidObjectState" => "The operation is not valid for the object's storage class",
        "InvalidPart" => {
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        }
        "InvalidPartNumber" => "The requested partnumber is not satisfiable",
        "InvalidPartOrder" => "The list of parts was not in ascending order. Parts must be ordered by part number.",
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidTag" => "The tag provided was not a valid tag.",
        "InvalidToken" => "The provided token is malformed or otherwise invalid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema",
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "MaxPostPreDataLengthExceededError" => "Your POST request fields preceding the upload file were too large.",
        "MetadataTooLarge" => "Your metadata headers exceed the maximum allowed metadata size",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NoSuchTagSet" => "The TagSet does not exist",
        "NoSuchUpload" => {
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        }
        "NoSuchVersion" => "The specified version does not exist.",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        "RequestTimeTooSkewed" => "The difference between the request time and the current time is too large.",
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        "XAmzContentSHA256Mismatch" => "The provided 'x-amz-content-sha256' header does not match what was computed.",
        _ => return None,
    })
}
