//! `/opt/ml` for programs that have its path written in them, and names of hosts.
//!
//! On Linux a process may see its own mounts. The job's folder is bound to `/opt/ml`, and a table of the job's hosts to
//! `/etc/hosts`, through util-linux' `unshare` and `mount`: as root with a mount namespace, as another user with a user
//! namespace, in which the user looks like root. Some distributions forbid the latter; then, and on other systems, a
//! program must use `SAGEMAKER_BASE_DIR`, and finds no names.

use super::command::Launch;
use sagewright_cloud_core::runner::ContainerSpec;

#[cfg(target_os = "linux")]
pub(super) async fn wrap(mut launch: Launch, spec: &ContainerSpec) -> Launch {
    let Some(prefix) = linux::prefix().await else { return launch };
    let hosts: Vec<String> = spec.hosts.iter().map(|(name, address)| format!("{address} {name}")).collect();
    let mut arguments: Vec<std::ffi::OsString> = prefix.arguments(&spec.base, &hosts.join("\n"));
    arguments.push(std::mem::take(&mut launch.program));
    arguments.append(&mut launch.arguments);
    launch.program = "unshare".into();
    launch.arguments = arguments;
    launch.root = "/opt/ml".into();
    launch
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn wrap(launch: Launch, _: &ContainerSpec) -> Launch {
    launch
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::path::Path;
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::sync::OnceCell;

    /// Binds `$1` to `/opt/ml`, adds `$2` to `/etc/hosts`, where that can be, and becomes the rest. Where there is no
    /// `/opt/ml`, the process gets a copy of `/opt` (its entries bound one by one) that has one.
    const SCRIPT: &str = r#"
set -e
base=$1; hosts=$2; shift 2
if [ ! -d /opt/ml ]; then
  stage=$base/tmp/.opt
  mkdir -p "$stage"
  mount -t tmpfs -o mode=755 tmpfs "$stage"
  for entry in /opt/* /opt/.[!.]*; do
    copy=$stage/${entry##*/}
    if [ -L "$entry" ]; then ln -s "$(readlink "$entry")" "$copy"
    elif [ -d "$entry" ]; then mkdir "$copy"; mount --rbind "$entry" "$copy"
    elif [ -f "$entry" ]; then : > "$copy"; mount --bind "$entry" "$copy"
    fi
  done
  mkdir "$stage/ml"
  mount --rbind "$stage" /opt
fi
if [ -n "$hosts" ]; then
  mkdir -p "$base/tmp"
  { cat /etc/hosts || :; printf '\n%s\n' "$hosts"; } > "$base/tmp/.hosts" 2> /dev/null
  mount --bind "$base/tmp/.hosts" /etc/hosts 2> /dev/null || :
fi
mount --bind "$base" /opt/ml
exec "$@"
"#;

    #[derive(Debug, Clone, Copy)]
    pub(super) struct Prefix {
        flags: &'static str,
    }

    impl Prefix {
        pub fn arguments(self, base: &Path, hosts: &str) -> Vec<OsString> {
            let mut arguments: Vec<OsString> = [self.flags, "/bin/sh", "-c", SCRIPT, "opt-ml"].map(Into::into).into();
            arguments.extend([base.into(), hosts.into()]);
            arguments
        }
    }

    /// How this machine can do it, found out once.
    pub(super) async fn prefix() -> Option<Prefix> {
        static FOUND: OnceCell<Option<Prefix>> = OnceCell::const_new();
        *FOUND
            .get_or_init(|| async {
                for flags in ["-m", "-rm"] {
                    let prefix = Prefix { flags };
                    if works(prefix).await {
                        return Some(prefix);
                    }
                }
                tracing::info!("no mount namespaces here: programs find /opt/ml only through SAGEMAKER_BASE_DIR");
                None
            })
            .await
    }

    async fn works(prefix: Prefix) -> bool {
        let base = std::env::temp_dir().join(format!("opt-ml-{}", uuid::Uuid::new_v4()));
        if std::fs::create_dir(&base).is_err() {
            return false;
        }
        let mut command = tokio::process::Command::new("unshare");
        command.args(prefix.arguments(&base, "")).args(["/bin/sh", "-c", ": > /opt/ml/seen"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let ran = tokio::time::timeout(Duration::from_secs(5), command.status()).await;
        let works = matches!(ran, Ok(Ok(status)) if status.success()) && base.join("seen").is_file();
        let _ = std::fs::remove_dir_all(&base);
        works
    }
}
