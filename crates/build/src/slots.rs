//! How many processes run at once, over all actions: a byte in a FIFO for each free slot. That is GNU make's
//! jobserver ("POSIX Jobserver Interaction" in its manual), in which cargo and rustc, being told of it in
//! CARGO_MAKEFLAGS, take part by themselves. (make would too, but from 4.4 on, and older ones end at the word
//! `fifo`.) Go's tools do so by a script of its driver. An action has one slot while it runs; one whose program
//! knows no jobserver takes more if they are free at the start, and one whose processes all take their own has none.

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
    at_work: AtomicUsize,
}

/// An action at work, with the slots that it has until it ends.
pub(crate) struct Turn<'a> {
    slots: &'a Slots,
    count: usize,
}

impl Turn<'_> {
    /// How many processes it may run, all of them in its own slots.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.slots.at_work.fetch_sub(1, Ordering::SeqCst);
        self.slots.put(self.count);
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
        let slots = Self { folder, fifo: Mutex::new(fifo), waiting, total, at_work: AtomicUsize::new(0) };
        slots.put(total);
        Ok(slots)
    }

    /// How many there are, free or not.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Waits for a free slot, and takes more, if they are free by then, up to this many in all.
    pub(crate) fn take(&self, most: usize, cancel: &Cancel) -> Result<Turn<'_>, BuildError> {
        loop {
            if cancel.is_cancelled() {
                return Err(BuildError::Interrupted);
            }
            let count = self.take_free(most);
            if count > 0 {
                self.at_work.fetch_add(1, Ordering::SeqCst);
                return Ok(Turn { slots: self, count });
            }
            // Nobody at work and none free: a program ended without giving back what it took.
            if self.at_work.load(Ordering::SeqCst) == 0 {
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

    /// For an action whose processes all take their own slots.
    pub(crate) fn take_none(&self) -> Turn<'_> {
        self.at_work.fetch_add(1, Ordering::SeqCst);
        Turn { slots: self, count: 0 }
    }

    /// So many at most, of those that are free now.
    fn take_free(&self, most: usize) -> usize {
        let mut fifo = self.fifo.lock().expect("no thread panics while holding it");
        fifo.read(&mut vec![0; most]).unwrap_or(0)
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
        let one = slots.take(1, &cancel).unwrap();
        let more = slots.take(9, &cancel).unwrap();
        assert_eq!((one.count(), more.count(), slots.take_free(1)), (1, 2, 0));
        drop((one, more));
        // A program takes all, and dies.
        let none = slots.take_none();
        assert_eq!(slots.take_free(3), 3);
        drop(none);
        assert_eq!(slots.take(9, &cancel).unwrap().count(), 3);
        cancel.cancel();
        assert!(matches!(slots.take(1, &cancel), Err(BuildError::Interrupted)));
    }
}
