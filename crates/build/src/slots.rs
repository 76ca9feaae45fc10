//! How many processes run at once, over all actions: a byte in a FIFO for each free slot. That is GNU make's
//! jobserver ("POSIX Jobserver Interaction" in its manual), in which cargo and rustc, being told of it in
//! CARGO_MAKEFLAGS, take part by themselves. (make would too, but from 4.4 on, and older ones end at the word
//! `fifo`.) Go's tools do so by a script of its driver. Each action holds one slot while it runs; one whose program
//! knows no jobserver takes more if they are free at the start.

use std::{
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fs_err::{self as fs, os::unix::fs::OpenOptionsExt as _};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::Mode,
    unistd::mkfifo,
};
use rst_sandbox::Cancel;
use rst_store::{Scratch, Store};

use crate::error::BuildError;

/// The name of the FIFO in a work folder.
pub(crate) const FIFO: &str = "jobserver";

/// The slots of one build.
pub(crate) struct Slots {
    folder: Scratch,
    fifo: Mutex<fs::File>,
    /// The same file, to wait for a byte without the lock.
    waiting: OwnedFd,
    total: usize,
    held: AtomicUsize,
}

/// A slot that is held; given back when dropped.
pub(crate) struct Slot<'a>(&'a Slots);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
        self.0.put(1);
    }
}

impl Slots {
    /// So many slots, all free.
    pub(crate) fn new(store: &Store, total: usize) -> Result<Self, BuildError> {
        let folder = store.scratch()?;
        let path = folder.path().join(FIFO);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(io::Error::from)?;
        // Both ends are open here, so that nobody finds it closed.
        let mut options = fs::OpenOptions::new();
        let fifo = options.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
        let waiting = fifo.file().try_clone()?.into();
        let slots = Self { folder, fifo: Mutex::new(fifo), waiting, total, held: AtomicUsize::new(0) };
        slots.put(total);
        Ok(slots)
    }

    /// How many there are, free or not.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Waits for a free slot.
    pub(crate) fn take(&self, cancel: &Cancel) -> Result<Slot<'_>, BuildError> {
        loop {
            if cancel.is_cancelled() {
                return Err(BuildError::Interrupted);
            }
            if let Some(slot) = self.take_free(1).pop() {
                return Ok(slot);
            }
            // Nobody at work and none free: a program ended without giving back what it took.
            if self.held.load(Ordering::SeqCst) == 0 {
                self.put(self.total);
            }
            // Woken when a byte comes, though another may be faster.
            let mut wanted = [PollFd::new(self.waiting.as_fd(), PollFlags::POLLIN)];
            match poll(&mut wanted, PollTimeout::from(100_u8)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    /// So many slots at most, of those that are free now.
    pub(crate) fn take_free(&self, most: usize) -> Vec<Slot<'_>> {
        let mut bytes = vec![0; most];
        let mut fifo = self.fifo.lock().expect("no thread panics while holding it");
        let taken = fifo.read(&mut bytes).unwrap_or(0);
        self.held.fetch_add(taken, Ordering::SeqCst);
        (0..taken).map(|_| Slot(self)).collect()
    }

    /// Lets a work folder have the FIFO.
    pub(crate) fn link_into(&self, work: &Path) -> Result<(), BuildError> {
        Ok(fs::hard_link(self.folder.path().join(FIFO), work.join(FIFO))?)
    }

    /// What cargo reads; `fifo` is where they see it.
    pub(crate) fn makeflags(&self, fifo: &str) -> String {
        format!(" -j{} --jobserver-auth=fifo:{fifo}", self.total)
    }

    fn put(&self, count: usize) {
        let mut fifo = self.fifo.lock().expect("no thread panics while holding it");
        // A FIFO holds 64 KiB: it is never full of slots.
        if let Err(error) = fifo.write_all(&vec![b'+'; count]) {
            tracing::warn!("a slot is lost: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_back_and_lost_ones_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let slots = Slots::new(&store, 3).unwrap();
        let cancel = Cancel::default();
        let one = slots.take(&cancel).unwrap();
        assert_eq!(slots.take_free(9).len(), 2);
        let more = slots.take_free(9);
        assert!(more.len() == 2 && slots.take_free(1).is_empty());
        drop((one, more));
        // A program takes all, and dies.
        let mut stolen = [0; 3];
        assert_eq!(slots.fifo.lock().unwrap().read(&mut stolen).unwrap(), 3);
        drop(slots.take(&cancel).unwrap());
        assert_eq!(slots.take_free(9).len(), 3);
        cancel.cancel();
        assert!(matches!(slots.take(&cancel), Err(BuildError::Interrupted)));
    }
}
