//! What a start takes up: removals that were cut short.

use super::Streams;
use super::service::{LogsService, arn_of_group};
use sagewright_cloud_core::records::{CommitError, Filter, Key, Query, StoreError, Write};

/// Records that are looked at together.
const PAGE: usize = 1000;

impl LogsService {
    /// Forgets groups that were removed or never made: a later one of the name inherits nothing. To be called before
    /// anything writes to a log stream. It takes a look at folders, and a query for each region with log groups.
    ///
    /// # Errors
    /// The store failed.
    pub async fn recover(&self) -> Result<(), StoreError> {
        let (removed, regions) = self.files(|streams| (streams.leftovers(), streams.regions())).await?;
        for left in removed {
            self.forget(&left.account, &left.region, &left.group).await?;
        }
        self.files(Streams::leftovers_forgotten).await?;
        for (account, region) in regions {
            let mut groups = self.store.list(&account, &region, "log-group").await?;
            let lacks = move |streams: &Streams| {
                groups.retain(|group| streams.lacks_group(&group.key.account, &group.key.region, &group.key.name));
                groups
            };
            for group in self.files(lacks).await? {
                self.forget(&account, &region, &group.key.name).await?;
            }
        }
        Ok(())
    }

    /// Removes what is left of the files of removed groups, and forgets streams without a file. May take a while, beside
    /// all else.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let regions = self
            .files(|streams| {
                streams.clear_forgotten();
                streams.regions()
            })
            .await?;
        for (account, region) in regions {
            let mut query = Query { numbered: false, limit: PAGE, ..Query::all(&account, &region, "log-stream") };
            loop {
                let page = self.store.find(query.clone()).await?;
                let Some(last) = page.last() else { break };
                query.after = Some((last.position.clone(), last.tie.clone()));
                self.forget_streams(page.into_iter().map(|found| found.record.key).collect()).await?;
            }
        }
        Ok(())
    }

    /// Forgets those of some streams that have no file.
    async fn forget_streams(&self, keys: Vec<Key>) -> Result<(), StoreError> {
        for key in self.files(move |streams| without_file(streams, keys)).await? {
            // A stream has its file before its record: what is made meanwhile has another version, or a file.
            let Some(found) = self.store.get(&key).await? else { continue };
            let delete = Write::Delete { key: key.clone(), version: Some(found.version) };
            if self.files(move |streams| without_file(streams, vec![key])).await?.is_empty() {
                continue;
            }
            match self.store.commit(vec![delete]).await {
                Ok(()) | Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes all that the store knows of a group without a folder: a later one of that name inherits nothing.
    pub(super) async fn forget(&self, account: &str, region: &str, group: &str) -> Result<(), StoreError> {
        // A group that jobs have made has tags, and no record.
        let arn = arn_of_group(account, region, group);
        let keys: Vec<String> = self.store.tags_of(&arn).await?.into_iter().map(|(key, _)| key).collect();
        if !keys.is_empty() {
            self.store.write(Write::DeleteTags { arn, keys }).await?;
        }
        self.store.delete(&Key::new(account, region, "log-group", group)).await?;
        let streams = Query {
            filters: vec![Filter::NameStarts(format!("{group}:"))],
            ..Query::all(account, region, "log-stream")
        };
        for stream in self.store.find(streams).await? {
            self.store.delete(&stream.record.key).await?;
        }
        Ok(())
    }

    /// Looks at files, on a thread for it.
    async fn files<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Streams) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let streams = self.streams.clone();
        tokio::task::spawn_blocking(move || look(&streams)).await.map_err(|_| StoreError::Closed)
    }
}

fn without_file(streams: &Streams, mut keys: Vec<Key>) -> Vec<Key> {
    keys.retain(|key| {
        let parts = key.name.split_once(':');
        parts.is_some_and(|(group, stream)| streams.lacks_stream(&key.account, &key.region, group, stream))
    });
    keys
}
