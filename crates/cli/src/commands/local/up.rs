//! `sagewright local up`

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use sagewright_cloud::clock::Speed;
use sagewright_cloud::server::{reachable, record};

use crate::args::{Durability, Global, LISTEN, Up};
use crate::exit::{Exit, Failure};
use crate::local::{self, DEFAULT_ACCOUNT, ServerFile, Settings};
use crate::output::{Printer, amount};
use crate::paths::{self, data_option};
use crate::signals::Signals;

/// Starts the embedded cloud: in the foreground until a signal comes, or in the background.
pub(crate) async fn run(args: &Up, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    // The state folder's own map may be missing; one that was named may not.
    if let Some(images) = &args.images {
        File::open(images).with_context(|| format!("cannot read the image map {}", images.display()))?;
    }
    let listen = args.listen.unwrap_or(LISTEN);
    only_here_or_allowed(listen, args.allow_remote)?;
    if args.detach || args.wait {
        return detach(args, global, &data, printer).await;
    }
    if args.detached {
        local::log::remember();
    }
    let settings = Settings {
        listen,
        hosts: args.hosts.clone(),
        data: data.clone(),
        images: args.images.clone(),
        durability: args.durability.map(Into::into).unwrap_or_default(),
        speed: args.speed.unwrap_or(Speed::REAL),
        hold: !args.no_hold,
        record: args.record.as_ref().map(|path| record::Settings::new(path.clone(), args.record_bodies)),
    };
    let mut signals = Signals::new();
    let cloud = local::start(&settings).await?;
    if args.detached
        && let Err(error) = local::log::open(&data)
    {
        printer.note(&format!("no log can be written to {}: {error}", data.display()));
    }
    announce(&data, &data_option(global), printer).await?;
    announce_beyond(listen, &cloud.endpoint, printer);
    signals.next().await;
    printer.note("stopping; jobs in progress are taken up again at the next start");
    cloud.stop(&mut signals, printer).await;
    Ok(Exit::Done)
}

/// What listens beyond this machine runs the programs of whoever gets hold of a key: that has to be meant.
pub(crate) fn only_here_or_allowed(listen: SocketAddr, allowed: bool) -> Result<(), Failure> {
    if allowed || listen.ip().is_loopback() {
        return Ok(());
    }
    let message = format!("--listen {listen} would let other machines reach the embedded cloud");
    let help = "add --allow-remote if that is meant: whoever has a key of it can run programs on this machine, and nothing is \
                encrypted on the way; or listen on 127.0.0.1";
    Err(Failure::new(Exit::Usage, message).help(help))
}

/// How other machines call a cloud that listens on `listen`: the address of this machine that its way to others goes by.
fn remote_url(listen: SocketAddr, port: u16) -> Option<String> {
    let ip = if listen.ip().is_unspecified() {
        // Connecting a UDP socket sends nothing; it only chooses the local address. These are documentation's networks.
        let (any, there) = if listen.is_ipv4() { ("0.0.0.0:0", "192.0.2.1:9") } else { ("[::]:0", "[2001:db8::1]:9") };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(there).ok()?;
        socket.local_addr().ok()?.ip()
    } else {
        listen.ip()
    };
    (!ip.is_loopback()).then(|| format!("http://{}", SocketAddr::new(ip, port)))
}

async fn announce(data: &Path, option: &str, printer: &Printer) -> anyhow::Result<()> {
    let access = local::access(data, DEFAULT_ACCOUNT).await?;
    if printer.for_programs() {
        printer.result(&(serde_json::to_string(&access)? + "\n"))?;
    } else {
        printer.result(&format!("the embedded cloud is up at {}\n", access.endpoint))?;
        printer.note(&format!("  state: {}", data.display()));
        let command = format!("eval \"$(sagewright local env{option})\"");
        printer.note(&format!("  in a shell: {command}; then any AWS client works against it"));
    }
    Ok(())
}

/// Where other machines find a cloud that they may reach.
fn announce_beyond(listen: SocketAddr, endpoint: &str, printer: &Printer) {
    let port = endpoint.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(listen.port());
    if !listen.ip().is_loopback()
        && let Some(url) = remote_url(listen, port)
    {
        printer.note(&format!("  from other machines: {url}"));
    }
}

/// One that is up cannot be given another address, image map or durability.
fn as_asked(server: &ServerFile, args: &Up, option: &str) -> Result<(), Failure> {
    let elsewhere =
        args.listen.is_some_and(|a| a.port() != 0 && !server.endpoint.ends_with(&format!("//{}", reachable(a))));
    let images = args.images.as_deref().map(std::path::absolute).transpose().ok().flatten();
    let other_map = images.is_some() && images != server.images;
    let other_durability =
        args.durability.is_some_and(|durability| (durability == Durability::PowerLoss) != server.power_loss);
    let changes = [
        ("--listen", elsewhere),
        ("--images", other_map),
        ("--durability", other_durability),
        ("--record", args.record.is_some()),
    ];
    let Some((what, _)) = changes.into_iter().find(|(_, changed)| *changed) else { return Ok(()) };
    let up = format!("the embedded cloud is up already at {} (process {})", server.endpoint, server.pid);
    Err(Failure::new(Exit::Failed, format!("{up}, and {what} would change nothing"))
        .help(format!("run `sagewright local down{option}` first, or leave {what} out")))
}

/// The speed of one that is up is changed by another command.
async fn at_speed(server: &ServerFile, asked: Option<Speed>, option: &str) -> Result<(), Failure> {
    let Some(asked) = asked else { return Ok(()) };
    let is = local::clock::ask(server, None).await?;
    if is.speed.to_bits() == asked.factor().to_bits() {
        return Ok(());
    }
    let message = format!("the embedded cloud is up already at {}, and its speed is {}", server.endpoint, is.speed);
    Err(Failure::new(Exit::Failed, message)
        .help(format!("change it: sagewright local clock --speed {asked}{option}; or leave --speed out")))
}

/// Starts this program again in a session of its own, and returns when that one answers.
async fn detach(args: &Up, global: &Global, data: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let option = &*data_option(global);
    if let Some(server) = local::running(data) {
        as_asked(&server, args, option)?;
        at_speed(&server, args.speed, option).await?;
        printer.note(&format!("it was up already (process {})", server.pid));
        announce(data, option, printer).await?;
        return Ok(Exit::Done);
    }
    let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
    let listen = args.listen.unwrap_or(LISTEN);
    command.args(["local", "up", "--detached", "--color", "never", "--listen", &listen.to_string()]);
    command.args(args.allow_remote.then_some("--allow-remote"));
    command.args(args.hosts.iter().map(|name| format!("--host={name}")));
    command.args((0..global.verbose).map(|_| "--verbose"));
    command.arg("--data").arg(data);
    if let Some(images) = &args.images {
        command.arg("--images").arg(std::path::absolute(images)?);
    }
    command.args(args.no_hold.then_some("--no-hold"));
    command.args(args.speed.map(|speed| format!("--speed={speed}")));
    if let Some(durability) = args.durability {
        command.args(["--durability", durability.as_str()]);
    }
    if let Some(file) = &args.record {
        command.arg("--record").arg(std::path::absolute(file)?);
        command.args(args.record_bodies.then_some("--record-bodies"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().context("cannot start the embedded cloud")?;
    let said = listen_to(child.stderr.take());
    let started = Instant::now();
    loop {
        if local::running(data).is_some_and(|server| server.pid == child.id() && local::answers(&server)) {
            // From here on it writes to its log.
            said.await.trim().lines().for_each(|line| printer.note(line));
            announce(data, option, printer).await?;
            if let Some(server) = local::running(data) {
                announce_beyond(listen, &server.endpoint, printer);
            }
            return Ok(Exit::Done);
        }
        if let Some(status) = child.try_wait()? {
            let message = format!("the embedded cloud did not start ({status}):\n{}", said.await.trim());
            return Err(local::start_failure(message, data).into());
        }
        if started.elapsed() >= args.timeout {
            child.kill()?;
            child.wait()?;
            let message = format!(
                "the embedded cloud did not answer within {} and was stopped\n{}",
                amount::time(args.timeout),
                said.await.trim()
            );
            let help =
                "give it longer with --timeout, or look at what it does: sagewright local up -v without --detach";
            return Err(Failure::new(Exit::TimedOut, message.trim_end()).help(help).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a starting cloud says until it closes its standard error. Read all the time, so that it never waits.
fn listen_to(pipe: Option<ChildStderr>) -> impl Future<Output = String> {
    /// It closes the pipe when it answers; a program that it has started may have a copy.
    const PATIENCE: Duration = Duration::from_secs(2);
    let said = Arc::new(Mutex::new(Vec::new()));
    let text = Arc::clone(&said);
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ended = ended;
        let mut lines = pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n').map_while(Result::ok));
        lines.by_ref().for_each(|line| {
            let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
            text.extend(line);
            text.push(b'\n');
        });
    });
    async move {
        let _ = tokio::time::timeout(PATIENCE, end).await;
        String::from_utf8_lossy(&said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
