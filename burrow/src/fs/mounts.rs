//! The volumes by their places among the paths: [`mount`], [`unmount`], [`find`].
//!
//! A volume is behind a lock that parks: whoever waits for the disk has it. The table's own lock is
//! never held meanwhile.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use burrow_fs::{Blank, Kind, Volume};

use super::fault::{Naming, refused};
use super::media::Media;
use crate::block::{self, BlockDevice};
use crate::io::{Error, Result};
use crate::runtime;
use crate::sync::Mutex;

/// One volume of the table.
struct Mount {
    /// `/`, or a path without a slash at its end.
    place: String,
    volume: Arc<Mounted>,
}

/// A volume until it is unmounted.
pub(super) struct Mounted(Mutex<Option<Volume<Media>>>);

static MOUNTS: Mutex<Vec<Mount>> = Mutex::new(Vec::new());

/// Whether `/` has been decided upon: only a program that does not care gets the first disk there.
static ROOT_IS_SET: Mutex<bool> = Mutex::new(false);

/// Mounts the file system on a device at `path`: that of the whole device, or of its first
/// partition that has one. A device with nothing but zeros gets an empty FAT file system.
///
/// The first disk's is mounted at `/` by the first call that needs it, unless the program has
/// mounted something there before.
pub fn mount(device: impl BlockDevice + 'static, path: &str) -> Result<()> {
    let place = clean(path).named("mount", path)?;
    if place != "/" {
        return mount_at(device, place, path, Blank::Format);
    }
    let mut root_is_set = ROOT_IS_SET.lock();
    mount_at(device, place, path, Blank::Format)?;
    *root_is_set = true;
    Ok(())
}

/// The first disk at `/`, if nothing has been there yet. One with nothing on it stays as it is:
/// nobody has said that it may be written.
fn mount_first(op: &str, path: &str) -> Result<()> {
    let mut root_is_set = ROOT_IS_SET.lock();
    if *root_is_set {
        return Ok(());
    }
    let Some(disk) = block::devices().into_iter().next() else { return Ok(()) };
    let volume = Volume::mount(Media::new(disk), Blank::Refuse).named(op, path)?;
    insert(volume, "/".to_owned(), path)?;
    *root_is_set = true;
    Ok(())
}

fn mount_at(
    device: impl BlockDevice + 'static,
    place: String,
    path: &str,
    blank: Blank,
) -> Result<()> {
    if mounted_at(&place).is_some() {
        return Err(refused("mount", path, Kind::AlreadyExists));
    }
    let volume = Volume::mount(Media::new(device), blank).named("mount", path)?;
    insert(volume, place, path)
}

fn insert(volume: Volume<Media>, place: String, path: &str) -> Result<()> {
    let volume = Arc::new(Mounted(Mutex::new(Some(volume))));
    let mut mounts = MOUNTS.lock();
    // Another goroutine may have been faster.
    if mounts.iter().any(|mount| mount.place == place) {
        return Err(refused("mount", path, Kind::AlreadyExists));
    }
    mounts.push(Mount { place, volume });
    drop(mounts);
    runtime::after_all(sync_all);
    Ok(())
}

/// Writes everything back and forgets the device, also if that fails: the error then says what may
/// be missing. Files that are still open fail from then on: `file already closed`.
pub fn unmount(path: &str) -> Result<()> {
    let place = clean(path).named("unmount", path)?;
    let absent = || refused("unmount", path, Kind::NotFound);
    let mounted = mounted_at(&place).ok_or_else(absent)?;
    let mut volume = mounted.0.lock().take().ok_or_else(absent)?;
    let synced = volume.sync().named("unmount", path);
    let mut mounts = MOUNTS.lock();
    mounts.retain(|mount| !Arc::ptr_eq(&mount.volume, &mounted));
    if mounts.is_empty() {
        *mounts = Vec::new();
    }
    synced
}

/// Writes everything back as the program ends; there is nobody left to tell of a failure but the
/// console.
fn sync_all() {
    let volumes: Vec<_> =
        MOUNTS.lock().iter().map(|mount| (mount.place.clone(), mount.volume.clone())).collect();
    for (place, mounted) in volumes {
        if let Some(volume) = &mut *mounted.0.lock()
            && let Err(error) = volume.sync().named("sync", &place)
        {
            crate::eprintln!("{error}");
        }
    }
}

fn mounted_at(place: &str) -> Option<Arc<Mounted>> {
    let mounts = MOUNTS.lock();
    mounts.iter().find(|mount| mount.place == place).map(|mount| mount.volume.clone())
}

/// A path's volume, and the path inside of it.
pub(super) struct Found {
    volume: Arc<Mounted>,
    path: String,
    /// Where the path inside begins: it has the place of the volume before it.
    start: usize,
}

/// The volume that `path` is on: of all whose place it begins with, the one with the longest.
pub(super) fn find(path: &str, op: &str) -> Result<Found> {
    let path_in_full = clean(path).named(op, path)?;
    if let Some(found) = lookup(&path_in_full) {
        return Ok(found);
    }
    mount_first(op, path)?;
    lookup(&path_in_full).ok_or_else(|| refused(op, path, Kind::NotFound))
}

fn lookup(path: &str) -> Option<Found> {
    let mounts = MOUNTS.lock();
    let mount = mounts
        .iter()
        .filter(|mount| begins_with(path, &mount.place))
        .max_by_key(|mount| mount.place.len())?;
    let start = if mount.place == "/" { 0 } else { mount.place.len() };
    Some(Found { volume: mount.volume.clone(), path: path.to_owned(), start })
}

/// [`find`] and [`Found::with`].
pub(super) fn with<T>(
    path: &str,
    op: &str,
    act: impl FnOnce(&mut Volume<Media>, &str) -> burrow_fs::Result<T, Error>,
) -> Result<T> {
    find(path, op)?.with(act).named(op, path)
}

impl Found {
    /// From the root of the volume.
    pub fn inside(&self) -> &str {
        match &self.path[self.start..] {
            "" => "/",
            path => path,
        }
    }

    /// Calls `act` with the volume and the path inside.
    pub fn with<T>(
        &self,
        act: impl FnOnce(&mut Volume<Media>, &str) -> burrow_fs::Result<T, Error>,
    ) -> burrow_fs::Result<T, Error> {
        self.volume.with(|volume| act(volume, self.inside()))
    }

    pub fn is_with(&self, other: &Found) -> bool {
        Arc::ptr_eq(&self.volume, &other.volume)
    }

    pub fn volume(self) -> Arc<Mounted> {
        self.volume
    }
}

impl Mounted {
    /// Calls `act` with the volume, unless it is gone.
    pub fn with<T>(
        &self,
        act: impl FnOnce(&mut Volume<Media>) -> burrow_fs::Result<T, Error>,
    ) -> burrow_fs::Result<T, Error> {
        match &mut *self.0.lock() {
            Some(volume) => act(volume),
            None => Err(Kind::Closed.into()),
        }
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mounted")
    }
}

fn begins_with(path: &str, place: &str) -> bool {
    let rest = path.strip_prefix(place);
    place == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path without `.`, `..`, doubled slashes and one at the end. Go: `path.Clean`.
fn clean(path: &str) -> burrow_fs::Result<String, Error> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Kind::InvalidInput.into());
    }
    let mut cleaned = String::with_capacity(path.len());
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => cleaned.truncate(cleaned.rfind('/').unwrap_or(0)),
            name => {
                cleaned.push('/');
                cleaned.push_str(name);
            }
        }
    }
    Ok(if cleaned.is_empty() { "/".to_owned() } else { cleaned })
}
