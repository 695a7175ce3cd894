//! nginx with `PUT`: a file server, where it is installed.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::peers::{free_address, on_path};
use crate::process::Group;

/// How long it may take to answer first.
const PATIENCE: Duration = Duration::from_secs(10);

/// A started nginx; it ends when this is dropped.
pub struct Nginx {
    _group: Group,
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts nginx over a folder; `None` where it is not installed. It is run, never linked.
    pub fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(program) = on_path("nginx") else { return Ok(None) };
        let address = free_address()?;
        let at = folder.display();
        // One process, as ours is one, with nginx's own defaults for what moves bytes.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log stderr crit;\nevents {{}}\n\
             http {{\n  access_log off;\n  sendfile on;\n  client_max_body_size 0;\n  client_body_temp_path {at}/body;\n  \
             proxy_temp_path {at}/proxy;\n  fastcgi_temp_path {at}/fastcgi;\n  uwsgi_temp_path {at}/uwsgi;\n  \
             scgi_temp_path {at}/scgi;\n  server {{\n    listen {address};\n    root {at}/files;\n    \
             location / {{ dav_methods PUT; }}\n  }}\n}}\n"
        );
        fs::create_dir_all(folder.join("files"))?;
        let config = folder.join("nginx.conf");
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).arg("-p").arg(folder).args(["-e", "stderr"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut group = Group::start(&mut command)?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = group.child().try_wait()? {
                bail!("nginx ended with {status} before it answered; it needs ngx_http_dav_module");
            }
            ensure!(start.elapsed() < PATIENCE, "nginx has not answered in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Some(Self { _group: group, address }))
    }
}
