//! Where a run of a job works: its folder on this machine, what its containers are given, and its blocking work.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::{Identity, JobEnvironment, Journal, Labels, Mount, Port, Resources, Workload};
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::JobTask;
use sagewright_cloud_sagemaker_base::resource::MAX_REASON;
use sagewright_cloud_transfer::fetch::Source;

use super::containers::Containers;
use super::ends::Cancel;
use super::gauges::Gauges;
use super::halt::Halt;
use super::hosts::HostFolder;
use super::log;
use super::uploader::Uploader;

/// Where the runs of one kind of job work.
pub struct Workshop {
    env: Env,
    environment: Arc<dyn JobEnvironment>,
    work: PathBuf,
}

/// Where one run works.
pub struct Site {
    pub env: Env,
    pub task: JobTask,
    environment: Arc<dyn JobEnvironment>,
    folder: PathBuf,
    /// Held by threads that work in the folder.
    busy: Arc<tokio::sync::RwLock<()>>,
}

/// What a container runs.
pub struct Program {
    pub image: String,
    pub entrypoint: Option<Vec<String>>,
    pub arguments: Vec<String>,
    /// Those of the request, and those that the kind of job sets.
    pub environment: BTreeMap<String, String>,
    pub instance_type: String,
    pub role_arn: Option<String>,
    /// It gets neither credentials nor the embedded cloud's address.
    pub isolated: bool,
}

/// What blocking work is done with.
pub struct Tools<'a> {
    pub source: Source<'a>,
    pub uploader: Uploader<'a>,
}

impl Workshop {
    /// A workshop in the folder `name` of the work folder. What an earlier process left there is removed: its jobs died
    /// with it.
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>, name: &str) -> Self {
        let work = std::path::absolute(&env.work).unwrap_or_else(|_| env.work.clone()).join(name);
        work::clear(&work);
        Self { env, environment, work }
    }

    /// A place for a run.
    pub fn site(&self, task: JobTask) -> Site {
        let (env, environment) = (self.env.clone(), Arc::clone(&self.environment));
        Site { env, task, environment, folder: work::new(&self.work), busy: Arc::default() }
    }
}

impl Site {
    /// What measures how much of this machine hosts take.
    pub fn gauges<'h>(&self, namespace: &str, hosts: impl Iterator<Item = &'h str>, containers: &Containers) -> Gauges {
        let hosts = hosts.zip(containers.meters());
        Gauges::new(&self.env, &self.task, namespace, self.folder.clone(), hosts)
    }

    /// Makes what is to be in the run's folder.
    pub async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Halt> {
        let root = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || {
            fs::create_dir_all(root.join("scratch"))?;
            make(&root)
        });
        let folder = self.folder.display();
        let wrong = |e| format!("InternalServerError: cannot make the job's folder {folder}: {e}");
        Ok(made.await?.map_err(wrong)?)
    }

    /// A folder for files on their way, on the disk of the hosts' folders.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// A log stream for each host.
    pub fn journals<'h>(&self, group: &str, hosts: impl Iterator<Item = &'h str>) -> Vec<Journal> {
        let JobTask { account, region, name, .. } = &self.task;
        let epoch = self.env.sim.now().as_second();
        let journal = |host: &str| {
            let stream = format!("{name}/{host}-{epoch}");
            Journal::new(self.env.logs.clone(), self.env.sim.clone(), account, region, group, stream)
        };
        hosts.map(journal).collect()
    }

    /// Fetches the image and what else the containers need at the same time. `waits` is told when only the image is left.
    pub async fn ready<T>(
        &self,
        image: &str,
        journals: &[Journal],
        data: impl Future<Output = Result<T, Halt>>,
        waits: impl FnOnce(),
    ) -> Result<T, Halt> {
        let image = self.env.runner.prepare(image, log::sink(journals.first()));
        tokio::pin!(image, data);
        tokio::select! {
            biased;
            prepared = &mut image => {
                prepared?;
                data.await
            }
            loaded = &mut data => {
                let loaded = loaded?;
                waits();
                image.await?;
                Ok(loaded)
            }
        }
    }

    /// Where a host's programs find its `/opt/ml` in any case.
    pub fn visible(&self, host: &HostFolder) -> HostFolder {
        let base = self.env.runner.visible_at(&Mount::opt_ml(&host.base)).to_path_buf();
        HostFolder { name: host.name.clone(), base }
    }

    /// A program on a host, with what it needs to call the embedded cloud.
    pub async fn workload(&self, host: &HostFolder, program: Program, names: &[(String, Ipv4Addr)]) -> Workload {
        let JobTask { account, region, arn, epoch, .. } = &self.task;
        let mut environment = program.environment;
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            environment.insert(name.to_owned(), region.clone());
        }
        if !program.isolated {
            let identity = Identity {
                account: account.clone(),
                region: region.clone(),
                arn: arn.clone(),
                role_arn: program.role_arn,
            };
            environment.extend(self.environment.variables(&identity).await);
        }
        Workload {
            labels: Labels { account: account.clone(), arn: arn.clone(), host: host.name.clone(), epoch: *epoch },
            image: program.image,
            entrypoint: program.entrypoint,
            arguments: program.arguments,
            environment,
            mounts: vec![Mount::opt_ml(&host.base)],
            port: Port::None,
            hosts: names.to_vec(),
            resources: Resources::of_instance(&program.instance_type),
            isolated: program.isolated,
        }
    }

    /// Does blocking work on its own thread, which ends soon when this is dropped; one at a time.
    pub async fn work<T: Send + 'static>(&self, act: impl FnOnce(Tools<'_>) -> T + Send + 'static) -> Result<T, Halt> {
        let busy = self.busy.clone().write_owned().await;
        self.thread(busy, act).await
    }

    /// As [`Site::work`], but any number at the same time: their files must have different names.
    pub async fn beside<T: Send + 'static>(
        &self,
        act: impl FnOnce(Tools<'_>) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let busy = self.busy.clone().read_owned().await;
        self.thread(busy, act).await
    }

    async fn thread<T: Send + 'static>(
        &self,
        busy: impl Send + 'static,
        act: impl FnOnce(Tools<'_>) -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let cancel = Cancel::default();
        let cancelled = cancel.flag();
        let (objects, account, scratch) = (self.env.objects.clone(), self.task.account.clone(), self.scratch());
        let work = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            let (objects, account, cancelled) = (&*objects, &*account, &*cancelled);
            let source = Source { objects, account, cancelled };
            act(Tools { source, uploader: Uploader { objects, account, scratch: &scratch, cancelled } })
        });
        Ok(work.await?)
    }

    /// Takes the place away; answers the run's end.
    pub async fn close<T>(self, mut end: Result<T, Halt>) -> Result<T, Halt> {
        let Self { env, folder, busy, task, .. } = self;
        if let Err(Halt::Failed(reason)) = &mut end {
            explain_full_disk(reason, &folder);
        }
        // A download that was stopped may still write its current file.
        let _done = busy.write().await;
        let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(folder)).await;
        if let Ok(Err(error)) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(job = task.name, %error, "cannot remove the job's folder");
        }
        // What was measured is there once the job has ended.
        if let Err(error) = env.metrics.flush().await {
            tracing::warn!(job = task.name, %error, "the job's metrics cannot be written now");
        }
        end
    }
}

/// A container on a full disk cannot even write why it failed.
fn explain_full_disk(reason: &mut String, folder: &Path) {
    const LITTLE: u64 = 64 * 1024;
    let told = reason.contains("No space left");
    let full = rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LITTLE);
    if full && !told {
        let space = format!(" (No space left on the disk of {})", folder.display());
        *reason = reason.chars().take(MAX_REASON.saturating_sub(space.chars().count())).collect();
        reason.push_str(&space);
    }
}
