//! Application Auto Scaling, as other services know it: they tell it of alarms, and ask it what is registered.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use sagewright_cloud_core::alarms::{AlarmActions, AlarmNews};
use sagewright_cloud_core::records::{Filter, Query, StoreError};
use sagewright_cloud_core::scaling::{Scalable, ScalableTargets};

use crate::kept::{TARGET, Target, read, scalable};
use crate::scalable_target::deregister::remove;
use crate::{AutoScaling, Inner, alarmed, scaling_policy};

/// What other services have of Application Auto Scaling. It does not keep that alive, which has them.
#[derive(Clone)]
pub struct Known(Weak<Inner>);

impl AutoScaling {
    /// For other services.
    #[must_use]
    pub fn known(&self) -> Known {
        Known(Arc::downgrade(&self.0))
    }

    /// The targets whose keys begin with a text.
    async fn targets(&self, account: &str, region: &str, start: String) -> Result<Vec<Scalable>, StoreError> {
        let query = Query { filters: vec![Filter::NameStarts(start)], ..Query::all(account, region, TARGET) };
        let found = self.store().find(query).await?;
        found.iter().map(|found| Ok(scalable(&found.record.key, &read::<Target>(&found.record)?))).collect()
    }
}

impl Known {
    fn get(&self) -> Result<AutoScaling, StoreError> {
        self.0.upgrade().map(AutoScaling).ok_or(StoreError::Closed)
    }
}

#[async_trait]
impl AlarmActions for Known {
    fn takes(&self, action: &str) -> bool {
        scaling_policy::arn::is_policy(action)
    }

    async fn act(&self, action: &str, news: &AlarmNews) -> Result<(), String> {
        alarmed::act(&self.get().map_err(|error| error.to_string())?, action, news).await
    }
}

#[async_trait]
impl ScalableTargets for Known {
    async fn registered(&self, account: &str, region: &str, resources: &[String]) -> Result<Vec<String>, StoreError> {
        let autoscaling = self.get()?;
        let mut out = Vec::new();
        for resource in resources {
            if !autoscaling.targets(account, region, format!("{resource}|")).await?.is_empty() {
                out.push(resource.clone());
            }
        }
        Ok(out)
    }

    async fn deregister(&self, account: &str, region: &str, start: &str) -> Result<(), StoreError> {
        let autoscaling = self.get()?;
        for of in autoscaling.targets(account, region, start.to_owned()).await? {
            remove(&autoscaling, &of).await.map_err(|error| StoreError::Refused(error.to_string()))?;
        }
        Ok(())
    }
}
