//! SageMaker's control plane: models, endpoint configurations, the model registry, tags and search.
//!
//! Calls arrive authenticated and valid by the service model. Each kind is a module, each operation a file.

mod endpoint_config;
mod model;
mod model_package;
mod model_package_group;
mod search;
mod tags;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateModel" => model::create::create,
    "CreateEndpointConfig" => endpoint_config::create::create,
    "CreateModelPackageGroup" => model_package_group::create::create,
    "ListModelPackageGroups" => model_package_group::list::list,
    "DeleteModelPackageGroup" => model_package_group::delete::delete,
    "PutModelPackageGroupPolicy" => model_package_group::policy::put,
    "GetModelPackageGroupPolicy" => model_package_group::policy::get,
    "DeleteModelPackageGroupPolicy" => model_package_group::policy::delete,
    "CreateModelPackage" => model_package::create::create,
    "BatchDescribeModelPackage" => model_package::batch_describe::describe,
    "ListModelPackages" => model_package::list::list,
    "UpdateModelPackage" => model_package::update::update,
    "AddTags" => tags::add::add,
    "ListTags" => tags::list::list,
    "DeleteTags" => tags::delete::delete,
    "Search" => search::search,
};
