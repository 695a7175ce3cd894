//! `/opt/ml` for programs that have its path written in them, names of hosts, and a veil over the cloud's own files.
//!
//! On Linux a process may see its own mounts. The workload's folder is bound to `/opt/ml`, and a table of the job's hosts
//! to `/etc/hosts`, through util-linux' `unshare` and `mount`: as root with a mount namespace, as another user with a user
//! namespace, in which the user looks like root. Over the cloud's data folder lies an empty one in which only what the
//! workload needs is left. An isolated workload goes on in a user namespace below that one: it can take no mount away,
//! and the environment and the memory of processes outside are closed to it.
//!
//! Some distributions forbid user namespaces; then, and on other systems, a program must use `SAGEMAKER_BASE_DIR`, finds
//! no names, and reads what the user may read.

use std::path::PathBuf;

/// What a workload is to see.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) struct View {
    /// The folder behind `/opt/ml`.
    pub base: PathBuf,
    /// Whether it appears there.
    pub opt_ml: bool,
    /// Lines for `/etc/hosts`.
    pub hosts: String,
    /// The cloud's data folder, and what is left of it beside `base`.
    pub hidden: Option<(PathBuf, Vec<PathBuf>)>,
    /// Whether it can never look behind.
    pub sealed: bool,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{Means, means};

/// How programs are given a view of their own: not at all.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {}

#[cfg(not(target_os = "linux"))]
impl Means {
    pub fn seals(self) -> bool {
        match self {}
    }

    pub fn arguments(self, _: &View) -> Vec<std::ffi::OsString> {
        match self {}
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn means() -> Option<Means> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::path::Path;
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::sync::OnceCell;

    use super::View;

    /// `BASE OPT_ML HOSTS HIDDEN SEALED COUNT KEPT… PROGRAM…`: makes the view, and becomes the program. Empty words mean
    /// no. Where there is no `/opt/ml`, the process gets a copy of `/opt` (its entries bound one by one) that has one.
    ///
    /// The working folder is entered anew at the end: as it is, it lies behind the veil.
    const SCRIPT: &str = r#"
set -e
base=$1; opt_ml=$2; hosts=$3; hidden=$4; sealed=$5; count=$6; shift 6
here=$(pwd -P)
mkdir -p "$base/tmp"
if [ -n "$opt_ml" ] && [ ! -d /opt/ml ]; then
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
  { cat /etc/hosts || :; printf '\n%s\n' "$hosts"; } > "$base/tmp/.hosts" 2> /dev/null
  mount --bind "$base/tmp/.hosts" /etc/hosts 2> /dev/null || :
fi
if [ -n "$opt_ml" ]; then mount --bind "$base" /opt/ml; fi
if [ -n "$hidden" ]; then
  veil=$base/tmp/.veil
  mkdir -p "$veil"
  mount -t tmpfs -o mode=755,size=1m tmpfs "$veil"
fi
while [ "$count" -gt 0 ]; do
  place=$veil${1#"$hidden"}
  if [ -L "$1" ]; then ln -s "$(readlink "$1")" "$place"
  elif [ -d "$1" ]; then mkdir -p "$place"; mount --bind "$1" "$place" || [ "$1" != "$base" ]
  elif [ -f "$1" ]; then : > "$place"; mount --bind "$1" "$place" 2> /dev/null || :
  fi
  count=$((count - 1)); shift
done
if [ -n "$hidden" ]; then
  mount -o remount,bind,ro "$veil"
  mount --rbind "$veil" "$hidden"
fi
cd "$here"
if [ -n "$sealed" ]; then exec unshare -rm -- "$@"; fi
exec "$@"
"#;

    /// How this machine gives a program a view of its own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) struct Means {
        flags: &'static str,
        seals: bool,
    }

    impl Means {
        /// Whether a view can be made one that a program cannot leave.
        pub fn seals(self) -> bool {
            self.seals
        }

        /// The arguments of `unshare` that come before a program and its arguments.
        pub fn arguments(self, view: &View) -> Vec<OsString> {
            let yes = |set: bool| OsString::from(if set { "1" } else { "" });
            let mut arguments: Vec<OsString> = [self.flags, "/bin/sh", "-c", SCRIPT, "view"].map(Into::into).into();
            arguments.extend([view.base.clone().into(), yes(view.opt_ml), view.hosts.clone().into()]);
            let (hidden, mut kept) = view.hidden.clone().unwrap_or_default();
            if view.base.starts_with(&hidden) && view.hidden.is_some() {
                kept.push(view.base.clone());
            }
            arguments.extend([hidden.into(), yes(view.sealed && self.seals), kept.len().to_string().into()]);
            arguments.extend(kept.into_iter().map(Into::into));
            arguments
        }
    }

    /// What this machine allows, found out once.
    pub(in super::super) async fn means() -> Option<Means> {
        static FOUND: OnceCell<Option<Means>> = OnceCell::const_new();
        *FOUND
            .get_or_init(|| async {
                for (flags, seals) in [("-m", true), ("-rm", true), ("-m", false), ("-rm", false)] {
                    let means = Means { flags, seals };
                    if works(means).await {
                        if !seals {
                            tracing::warn!("isolated jobs may look behind their view here; see docs/security.md");
                        }
                        return Some(means);
                    }
                }
                tracing::info!(
                    "no mount namespaces here: programs find /opt/ml only through SAGEMAKER_BASE_DIR, and isolated jobs \
                     can read what this user can; see docs/security.md"
                );
                None
            })
            .await
    }

    /// Tries all of it: a program must find its folder and no other, and where the view is sealed, keep it.
    async fn works(means: Means) -> bool {
        let data = std::env::temp_dir().join(format!("view-{}", uuid::Uuid::new_v4()));
        let base = data.join("work");
        let made = std::fs::create_dir_all(&base).and_then(|()| std::fs::write(data.join("secret"), ""));
        let view = View {
            base: base.clone(),
            opt_ml: true,
            hosts: String::new(),
            hidden: Some((data.clone(), Vec::new())),
            sealed: true,
        };
        let seen = made.is_ok() && ends_well(means, &view).await && base.join("seen").is_file();
        let _ = std::fs::remove_dir_all(&data);
        seen
    }

    async fn ends_well(means: Means, view: &View) -> bool {
        let look = if means.seals {
            "umount \"$1\" 2> /dev/null; umount -l \"$1\" 2> /dev/null; [ ! -e \"$1/secret\" ] && : > /opt/ml/seen"
        } else {
            "[ ! -e \"$1/secret\" ] && : > /opt/ml/seen"
        };
        let mut command = tokio::process::Command::new("unshare");
        let hidden = view.hidden.as_ref().map_or(Path::new(""), |(folder, _)| folder);
        command.args(means.arguments(view)).args(["/bin/sh", "-c", look, "look"]).arg(hidden).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let ran = tokio::time::timeout(Duration::from_secs(5), command.status()).await;
        matches!(ran, Ok(Ok(status)) if status.success())
    }
}
