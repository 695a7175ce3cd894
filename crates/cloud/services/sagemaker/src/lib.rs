//! SageMaker's control plane: models, endpoint configurations, the model registry, tags and search.
//!
//! Calls arrive authenticated and valid by the service model. Each kind is a module, each operation a file.

mod endpoint_config;
mod model;
mod model_package;
mod model_package_group;
mod search;
mod tags;

use sagewright_cloud_sagemaker_base::{Operation, operations};

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! {
    "CreateModel" => model::create::create,
    "DescribeModel" => model::describe::describe,
    "ListModels" => model::list::list,
    "DeleteModel" => model::delete::delete,
    "CreateEndpointConfig" => endpoint_config::create::create,
    "DescribeEndpointConfig" => endpoint_config::describe::describe,
    "ListEndpointConfigs" => endpoint_config::list::list,
    "DeleteEndpointConfig" => endpoint_config::delete::delete,
    "CreateModelPackageGroup" => model_package_group::create::create,
    "DescribeModelPackageGroup" => model_package_group::describe::describe,
    "ListModelPackageGroups" => model_package_group::list::list,
    "DeleteModelPackageGroup" => model_package_group::delete::delete,
    "PutModelPackageGroupPolicy" => model_package_group::policy::put,
    "GetModelPackageGroupPolicy" => model_package_group::policy::get,
    "DeleteModelPackageGroupPolicy" => model_package_group::policy::delete,
    "CreateModelPackage" => model_package::create::create,
    "DescribeModelPackage" => model_package::describe::describe,
    "BatchDescribeModelPackage" => model_package::batch_describe::describe,
    "ListModelPackages" => model_package::list::list,
    "UpdateModelPackage" => model_package::update::update,
    "DeleteModelPackage" => model_package::delete::delete,
    "AddTags" => tags::add::add,
    "ListTags" => tags::list::list,
    "DeleteTags" => tags::delete::delete,
    "Search" => search::search,
};
