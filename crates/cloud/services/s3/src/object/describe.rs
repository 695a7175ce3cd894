//! What GetObject and HeadObject say of an object, in fields of the same names.

/// Fills `$output` from an object and the slice of it that is answered.
macro_rules! describe {
    ($output:ident, $object:expr, $slice:expr, $checksum_mode:expr) => {{
        let object: $crate::store::ObjectRow = $object;
        let slice: $crate::object::range::Slice = $slice;
        let asked = $checksum_mode
            .as_ref()
            .is_some_and(|mode: &s3s::dto::ChecksumMode| mode.as_str().eq_ignore_ascii_case("ENABLED"));
        let checksums = if asked { slice.checksums(&object) } else { $crate::checksum::Checksums::default() };
        let kind = checksums.algorithms().next().is_some().then(|| {
            s3s::dto::ChecksumType::from_static(if object.meta.composite {
                s3s::dto::ChecksumType::COMPOSITE
            } else {
                s3s::dto::ChecksumType::FULL_OBJECT
            })
        });
        let encryption = object.meta.headers.encryption();
        let headers = object.meta.headers;
        $crate::object::with_checksums!(
            checksums,
            $output {
                checksum_type: kind,
                accept_ranges: Some("bytes".to_owned()),
                cache_control: headers.cache_control,
                content_disposition: headers.content_disposition,
                content_encoding: headers.content_encoding,
                content_language: headers.content_language,
                content_length: Some($crate::request::size(slice.length)),
                content_range: slice.content_range(object.size),
                content_type: headers.content_type,
                e_tag: Some($crate::request::wire_etag(&object.etag)),
                expires: headers
                    .expires
                    .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
                    .map($crate::request::wire_time),
                last_modified: Some($crate::request::wire_time(object.modified)),
                metadata: Some(headers.user.into_iter().collect()),
                parts_count: slice.parts.map($crate::request::count),
                server_side_encryption: Some(encryption.into()),
                ssekms_key_id: headers.kms_key,
                // AWS leaves the standard class out of these two answers.
                storage_class: Some(object.storage_class)
                    .filter(|class| class != $crate::object::STANDARD)
                    .map(Into::into),
                website_redirect_location: headers.website_redirect,
                ..$output::default()
            }
        )
    }};
}
pub(crate) use describe;
