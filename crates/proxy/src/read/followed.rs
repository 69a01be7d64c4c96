//! A file that grows while it is read, and what may come in its place or behind it.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked whether a recording goes on in another file.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A file to which nothing was written for so long is over, where another one follows.
const OLD: Duration = Duration::from_secs(2);

/// A file that is followed.
pub(super) struct Followed {
    path: PathBuf,
    identity: Identity,
    /// When it was looked last whether there is another behind it.
    looked: Option<Instant>,
}

impl Followed {
    pub(super) fn new(file: &File, path: &Path) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        // Nobody writes to one that is old: it need not be waited for.
        let age = metadata.modified().ok().and_then(|changed| changed.elapsed().ok());
        let is_old = age.is_some_and(|age| age > OLD);
        let looked = (!is_old).then(Instant::now);
        Some(Self { path: path.to_path_buf(), identity: identity(&metadata), looked })
    }

    /// Whether another file has its name, or it was made anew, when so much of it was read.
    pub(super) fn is_replaced(&self, taken: u64) -> bool {
        // While there is none, one will come.
        std::fs::metadata(&self.path)
            .is_ok_and(|found| identity(&found) != self.identity || found.len() < taken)
    }

    /// The file in which a recording that rotates has gone on, once there is one.
    pub(super) fn next(&mut self) -> Option<PathBuf> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return None;
        }
        self.looked = Some(Instant::now());
        let own = Numbered::of(&self.path)?;
        let folder = match self.path.parent()? {
            none if none.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        };
        let files = std::fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.file_name()));
        let is_later = |name: &std::ffi::OsString| {
            Numbered::of(Path::new(name)).is_some_and(|other| other.is_behind(&own))
        };
        // The first of them that is there: the oldest make room.
        let next = files.filter(is_later).min()?;
        Some(self.path.with_file_name(next))
    }
}

/// The name of a file of a rotation: `STEM_00001_20261126171526.pcapng`.
#[derive(Debug, PartialEq, Eq)]
struct Numbered {
    stem: String,
    number: u32,
    time: String,
    extension: String,
}

impl Numbered {
    fn of(path: &Path) -> Option<Self> {
        let is_number = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let name = path.file_stem()?.to_str()?;
        let (rest, time) = name.rsplit_once('_')?;
        let (stem, number) = rest.rsplit_once('_')?;
        let is_one = is_number(time, 14) && is_number(number, 5);
        Some(Self {
            stem: stem.to_owned(),
            number: number.parse().ok().filter(|_| is_one)?,
            time: time.to_owned(),
            extension: path.extension()?.to_str()?.to_owned(),
        })
    }

    /// Whether it is one behind another, which may have made room.
    fn is_behind(&self, other: &Self) -> bool {
        (&self.stem, &self.extension) == (&other.stem, &other.extension)
            && self.number > other.number
            && self.time >= other.time
    }
}

/// What tells a file from others.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = Option<std::time::SystemTime>;

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    metadata.created().ok()
}
