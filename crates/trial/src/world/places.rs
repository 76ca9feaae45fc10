//! What users find: a /tmp, file systems that a home may lie on, device nodes, and a network that leads nowhere.

use std::{
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use nix::{
    mount::{MsFlags, mount},
    sys::stat::{Mode, SFlag, makedev, mknod},
};

use super::{bind, program};

/// A /tmp that goes with the mount namespace, with the trial's folder in it where it was.
pub(super) fn own_tmp(scratch: &Path) -> std::io::Result<()> {
    let tmp = Path::new("/tmp");
    let folder = fs::File::open(scratch)?;
    mount(Some("tmpfs"), tmp, Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?;
    if scratch.starts_with(tmp) {
        fs::create_dir_all(scratch)?;
        let opened = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        bind(&opened, scratch)?;
    }
    Ok(())
}

pub(super) fn permit(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Where no program may be started, of a file system that anyone may write to.
pub(crate) const NOEXEC: &str = "noexec";
/// Where nobody can write.
pub(crate) const READ_ONLY: &str = "read-only";
/// Where no file can have an extended attribute, as on NFS.
pub(crate) const BARE: &str = "bare";

/// File systems in memory that a home may lie on.
pub(super) fn in_memory(scratch: &Path) -> std::io::Result<()> {
    let noexec = scratch.join(NOEXEC);
    fs::create_dir(&noexec)?;
    mount(Some("tmpfs"), &noexec, Some("tmpfs"), MsFlags::MS_NOEXEC, Some("mode=1777"))?;
    let read_only = scratch.join(READ_ONLY);
    fs::create_dir(&read_only)?;
    mount(Some("tmpfs"), &read_only, Some("tmpfs"), MsFlags::MS_RDONLY, Some("mode=1777"))?;
    let bare = scratch.join(BARE);
    fs::create_dir(&bare)?;
    Ok(mount(Some("ramfs"), &bare, Some("ramfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// Of these there is one each in a folder of its name, if a check asks for it.
pub(super) const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// In a file of half a GB, most of it a hole. The kernel frees the loop device with the mount. Where that cannot be
/// made there is no folder.
pub(super) fn file_system(scratch: &Path, kind: &str) -> std::io::Result<()> {
    let (file, folder) = (scratch.join(format!("{kind}.image")), scratch.join(kind));
    let Some(make) = program(&format!("mkfs.{kind}")) else { return Ok(()) };
    fs::File::create(&file)?.set_len(512 << 20)?;
    fs::create_dir(&folder)?;
    let made = Command::new(make).arg("-q").arg(&file).status()?.success();
    let mounted = || Command::new("mount").args(["-o", "loop,nodev,nosuid"]).args([&file, &folder]).status();
    match made && mounted()?.success() {
        true => permit(&folder, 0o1777),
        false => fs::remove_dir(&folder),
    }
}

/// Minor numbers of the kernel's miscellaneous devices (its admin-guide/devices.txt).
pub(super) const TUN: u64 = 200;
const FUSE: u64 = 229;

pub(super) fn device(path: &Path, minor: u64) -> std::io::Result<()> {
    const MISCELLANEOUS: u64 = 10;
    mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(MISCELLANEOUS, minor))?;
    permit(path, 0o666)
}

/// /dev/fuse and /dev/net/tun as most distributions have them: open to all.
pub(super) fn devices(scratch: &Path) -> std::io::Result<()> {
    let dev = scratch.join("dev");
    fs::create_dir(&dev)?;
    mount(Some("tmpfs"), &dev, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    for (name, minor) in [("fuse", FUSE), ("net/tun", TUN)] {
        let own = dev.join(name.replace('/', "-"));
        device(&own, minor)?;
        let place = Path::new("/dev").join(name);
        if place.exists() {
            bind(&own, &place)?;
        }
    }
    Ok(mount(Some("tmpfs"), "/dev/shm", Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// An interface with an address and a route, as pasta looks for, and nobody behind it.
pub(crate) fn network() -> std::io::Result<()> {
    let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
    let with_ipv6 = ["address add 2001:db8::2/64 dev outside nodad", "route add default via 2001:db8::1 dev outside"];
    let with_ipv4 = [
        "link set lo up",
        "link add name outside type veth peer name nobody",
        "address add 192.0.2.2/24 dev outside",
        "link set outside up",
        "link set nobody up",
        "route add default via 192.0.2.1",
    ];
    for arguments in with_ipv4.into_iter().chain(with_ipv6.into_iter().filter(|_| ipv6)) {
        let ip = program("ip").ok_or_else(|| std::io::Error::other("`ip` is not installed: make install-deps"))?;
        let status = Command::new(ip).args(arguments.split(' ')).status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("`ip {arguments}` {status}")));
        }
    }
    Ok(())
}
