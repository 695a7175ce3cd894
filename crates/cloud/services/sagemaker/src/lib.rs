//! SageMaker's control plane: models, endpoint configurations, the model registry, tags and search.
//!
//! Calls arrive authenticated and valid by the service model. Each kind is a module, each operation a file.

mod endpoint_config;
mod image_version;
mod model;
mod model_card;
mod model_package;
mod model_package_group;
mod search;
mod tags;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

pub use model_card::OWNER as MODEL_CARDS;
pub use model_card::due::due as model_cards_due;

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateModel" => model::create::create,
    "CreateEndpointConfig" => endpoint_config::create::create,
    "CreateImageVersion" => image_version::create::create,
    "DescribeImageVersion" => image_version::describe,
    "UpdateImageVersion" => image_version::update::update,
    "DeleteImageVersion" => image_version::delete::delete,
    "DeleteImage" => image_version::delete::delete_image,
    "ListImageVersions" => image_version::list::list,
    "ListAliases" => image_version::list::aliases,
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
    "CreateModelCard" => model_card::create::create,
    "DescribeModelCard" => model_card::describe::describe,
    "UpdateModelCard" => model_card::update::update,
    "DeleteModelCard" => model_card::delete::delete,
    "ListModelCardVersions" => model_card::versions::list,
    "CreateModelCardExportJob" => model_card::export::create::create,
    "DescribeModelCardExportJob" => model_card::export::describe::describe,
    "ListModelCardExportJobs" => model_card::export::list::list,
    "AddTags" => tags::add::add,
    "ListTags" => tags::list::list,
    "DeleteTags" => tags::delete::delete,
    "Search" => search::search,
    "GetSearchSuggestions" => search::suggestions::suggest,
};
