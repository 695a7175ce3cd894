//! The named pipes of a channel on one host, one for each epoch.

use std::fs;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::content::{Interrupt, Sink};
use sagewright_cloud_transfer::fetch::FetchError;

/// The pipes of a channel.
///
/// Each has a second name where the program does not look: it may remove or move the first, and who waits to open the
/// pipe must be reached all the same.
pub(super) struct Fifos {
    shown: PathBuf,
    kept: PathBuf,
    channel: String,
    gate: Mutex<Gate>,
}

#[derive(Default)]
struct Gate {
    ended: bool,
    /// The epoch whose pipe is waited for, or was last.
    epoch: Option<u64>,
}

impl Fifos {
    /// The pipes that the program finds in `shown`; `kept` is another folder of the same disk.
    pub fn new(shown: &Path, kept: &Path, channel: &str) -> Self {
        let (shown, kept, channel) = (shown.to_path_buf(), kept.to_path_buf(), channel.to_owned());
        Self { shown, kept, channel, gate: Mutex::default() }
    }

    fn names(&self, epoch: u64) -> [PathBuf; 2] {
        let name = format!("{}_{epoch}", self.channel);
        [self.kept.join(&name), self.shown.join(&name)]
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the pipe of an epoch.
    pub fn make(&self, epoch: u64) -> Result<(), FetchError> {
        let [kept, shown] = self.names(epoch);
        let made = make_fifo(&kept).and_then(|()| fs::hard_link(&kept, &shown));
        made.map_err(|why| FetchError::Disk { what: pipe(&shown), why })
    }

    /// Waits until the program opens the pipe of an epoch; `None` if the job ends before.
    pub fn open(&self, epoch: u64) -> Result<Option<OwnedFd>, FetchError> {
        let [kept, shown] = self.names(epoch);
        {
            let mut gate = self.gate();
            if gate.ended {
                return Ok(None);
            }
            gate.epoch = Some(epoch);
        }
        let opened = retry_on_intr(|| rustix::fs::open(&kept, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()));
        // From here on it waits for the program or for the job's end, whichever is first.
        let opened = opened.and_then(|fifo| {
            let flags = rustix::fs::fcntl_getfl(&fifo)?;
            rustix::fs::fcntl_setfl(&fifo, flags | OFlags::NONBLOCK).map(|()| fifo)
        });
        let fifo = opened.map_err(|e| FetchError::Disk { what: pipe(&shown), why: e.into() })?;
        Ok(if self.gate().ended { None } else { Some(fifo) })
    }

    /// Takes away the pipe of an epoch that was written. Who has it open reads it to its end.
    pub fn remove(&self, epoch: u64) {
        for name in self.names(epoch) {
            // What the program has removed itself is gone as well.
            let _ = fs::remove_file(name);
        }
    }

    /// Lets nobody wait for the program any more. A reader is what the open pipe waits for: whoever is about to open
    /// it finds this one, which is to be kept until then.
    ///
    /// # Errors
    /// There is no descriptor left for a reader: who waits is not reached.
    pub fn end(&self) -> io::Result<Option<OwnedFd>> {
        let mut gate = self.gate();
        gate.ended = true;
        let Some(epoch) = gate.epoch else { return Ok(None) };
        let [kept, _] = self.names(epoch);
        match rustix::fs::open(kept, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(reader) => Ok(Some(reader)),
            // Written and removed: nobody waits for it.
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A pipe, for messages.
fn pipe(path: &Path) -> String {
    format!("the pipe {}", path.file_name().unwrap_or_default().display())
}

/// An open pipe, and the pipe whose content ends all waiting.
pub(super) struct Opened<'a> {
    pub fifo: OwnedFd,
    pub wake: &'a PipeReader,
    pub path: &'a Path,
}

impl Opened<'_> {
    fn disk(&self, error: Errno) -> Interrupt {
        FetchError::Disk { what: pipe(self.path), why: error.into() }.into()
    }

    /// Keeps the pipe open until the job has ended: a program that saw its end would take what it read for all.
    pub fn hold(self) {
        let mut polled = [PollFd::new(self.wake, PollFlags::IN)];
        let _ = retry_on_intr(|| poll(&mut polled, None));
    }
}

impl Sink for Opened<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Interrupt> {
        while !bytes.is_empty() {
            let mut polled = [PollFd::new(&self.fifo, PollFlags::OUT), PollFd::new(self.wake, PollFlags::IN)];
            retry_on_intr(|| poll(&mut polled, None)).map_err(|e| self.disk(e))?;
            if polled.get(1).is_some_and(|wake| !wake.revents().is_empty()) {
                return Err(Interrupt::Ended);
            }
            match rustix::io::write(&self.fifo, bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE) => return Err(Interrupt::Closed),
                Err(e) => return Err(self.disk(e)),
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Interrupt> {
        let mut polled = [PollFd::new(self.wake, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let woken = retry_on_intr(|| poll(&mut polled, Some(&at_once))).map_err(|e| self.disk(e))?;
        if woken == 0 { Ok(()) } else { Err(Interrupt::Ended) }
    }
}

#[cfg(not(target_vendor = "apple"))]
fn make_fifo(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR)?)
}

/// Here rustix has no call for it.
#[cfg(target_vendor = "apple")]
#[allow(unsafe_code)]
fn make_fifo(path: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the pointer is to a text that ends with a zero and outlives the call, which only reads it.
    match unsafe { libc::mkfifo(path.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
