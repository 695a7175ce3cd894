//! `ListModelPackages`, and what else is asked about the versions of a group.

use rusqlite::OptionalExtension as _;
use rusqlite::types::Value as Sql;
use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::{Key, StoreError};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::{Kind, locate};

pub(crate) fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut filters = Vec::new();
    if let Some(group) = call.text("ModelPackageGroupName") {
        let (key, arn) = locate(call, Kind::MODEL_PACKAGE_GROUP, group)?;
        if sm.env().store.get(&key)?.is_none() {
            return Err(Kind::MODEL_PACKAGE_GROUP.missing(&arn));
        }
        filters.push(("substr(name, 1, instr(name, '/')) = ?", Sql::Text(format!("{}/", key.name))));
    } else {
        // "UNVERSIONED … is the default value if no ModelPackageType is specified" (API reference).
        match call.text("ModelPackageType") {
            Some("Both") => {}
            Some("Versioned") => filters.push(("instr(name, '/') > 0", Sql::Null)),
            _ => filters.push(("instr(name, '/') = 0", Sql::Null)),
        }
    }
    if let Some(status) = call.text("ModelApprovalStatus") {
        filters.push(("json_extract(body, '$.ModelApprovalStatus') = ?", Sql::Text(status.to_owned())));
    }
    let listing = Listing {
        kind: Kind::MODEL_PACKAGE,
        result: "ModelPackageSummaryList",
        summary: &[
            "ModelPackageGroupName",
            "ModelPackageVersion",
            "ModelPackageArn",
            "ModelPackageDescription",
            "CreationTime",
            "ModelPackageStatus",
            "ModelApprovalStatus",
            "ModelLifeCycle",
            "ModelPackageRegistrationType",
        ],
        descending: false,
        filters,
    };
    let mut out = listing::list(sm, call, &listing)?;
    // A summary names a package by its group and version, or by its own name.
    for item in out["ModelPackageSummaryList"].as_array_mut().into_iter().flatten() {
        if item["ModelPackageGroupName"].is_null() {
            let name = item["ModelPackageArn"].as_str().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
            if let (Some(name), Value::Object(item)) = (name, item) {
                item.swap_remove("ModelPackageGroupName");
                item.insert("ModelPackageName".to_owned(), Value::String(name));
            }
        }
    }
    Ok(out)
}

/// Whether a group has versions.
pub(crate) fn versions_exist(sm: &SageMaker, group: &Key) -> Result<bool, ApiError> {
    Ok(one(sm, group, None)?.is_some())
}

/// The ARN of the version that was created with a client token.
pub(super) fn by_token(sm: &SageMaker, group: &Key, token: &str) -> Result<Option<String>, ApiError> {
    one(sm, group, Some(token))
}

/// The ARN of one version of a group. `0` follows `/`, so that what lies between are the names that start with `group/`.
fn one(sm: &SageMaker, group: &Key, token: Option<&str>) -> Result<Option<String>, ApiError> {
    const SQL: &str = "SELECT arn FROM record WHERE account = ?1 AND region = ?2 AND kind = ?3 \
        AND name > ?4 || '/' AND name < ?4 || '0' AND (?5 IS NULL OR json_extract(body, '$._.token') = ?5) LIMIT 1";
    let values = rusqlite::params![group.account, group.region, Kind::MODEL_PACKAGE.as_str(), group.name, token];
    let found = sm.env().store.connection().query_row(SQL, values, |row| row.get(0)).optional();
    Ok(found.map_err(|source| StoreError::Database { verb: "read", source })?)
}
