//! The files of a recording: opened such that nobody else reads or writes them, gone on with where they end,
//! replaced in turn, and compressed.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use midwire_capture::{Damage, Item, Reader, Tail, tail};

use super::APPLICATION;
use super::options::Rotation;
use crate::print::time::Compact;

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The system says so.
    #[error("cannot record to {}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Somebody else writes it.
    #[error("cannot record to {}: another midwire writes it; take another file", .0.display())]
    Locked(PathBuf),
    /// What is there is left alone.
    #[error(
        "cannot record to {}: {what}, and is left as it is; take another file", path.display()
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
}

/// An open file, and where its new section starts.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) start: u64,
    /// What was cut off at its end.
    pub(crate) cut: Option<Damage>,
    /// Places in it that are damaged.
    pub(crate) damaged: u64,
    /// It can be cut off, and synchronised: no pipe or device.
    pub(super) is_regular: bool,
    /// It was not there before.
    pub(super) is_new: bool,
}

/// Opens a file to be recorded to, at its end if there is something in it.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    let found = fs::metadata(path);
    let is_new = found.is_err();
    let is_regular = found.map_or(true, |found| found.is_file());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).read(is_regular);
    private(&mut options);
    let mut file = options.open(path).map_err(failed)?;
    let path = path.to_owned();
    if !is_regular {
        return Ok(Opened { file, path, start: 0, cut: None, damaged: 0, is_regular, is_new });
    }
    if !lock(&file).map_err(failed)? {
        return Err(OpenError::Locked(path));
    }
    restrict(&file).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(Opened { file, path, start: 0, cut: None, damaged: 0, is_regular, is_new });
    }
    let Tail { whole, cut, damaged, .. } = own_tail(&mut file).map_err(|wrong| match wrong {
        NotOurs::Io(error) => failed(error),
        NotOurs::What(what) => OpenError::Foreign { path: path.clone(), what },
    })?;
    if cut.is_some() {
        file.set_len(whole).map_err(failed)?;
    }
    file.seek(SeekFrom::Start(whole)).map_err(failed)?;
    Ok(Opened { file, path, start: whole, cut, damaged, is_regular, is_new })
}

/// Opens a file that is not there yet.
pub(super) fn create(path: &Path) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let file = options.open(path).map_err(failed)?;
    lock(&file).map_err(failed)?;
    let path = path.to_owned();
    Ok(Opened { file, path, start: 0, cut: None, damaged: 0, is_regular: true, is_new: true })
}

enum NotOurs {
    Io(io::Error),
    What(String),
}

/// How a file of midwire's ends; what it is instead, if it is none.
fn own_tail(file: &mut File) -> Result<Tail, NotOurs> {
    let what = |what: &str| Err(NotOurs::What(what.to_owned()));
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, &*file));
    let mut is_ours = false;
    while let Some(item) = reader.next().transpose() {
        match item {
            Ok(Item::Section(section)) => {
                let by = section.application().unwrap_or_default().into_owned();
                is_ours = by.starts_with(APPLICATION);
                if !is_ours && by.is_empty() {
                    return what("it is a capture of another program");
                }
                if !is_ours {
                    return Err(NotOurs::What(format!("it is a capture of {by}")));
                }
                break;
            }
            Ok(Item::Damage(_)) => {}
            Ok(_) => return what("it is a capture of another program"),
            Err(midwire_capture::ReadError::Io(error)) => return Err(NotOurs::Io(error)),
            Err(midwire_capture::ReadError::TooShort(_)) => break,
            Err(_) => return what("it is no capture"),
        }
    }
    drop(reader);
    if !is_ours && !begins_a_section(file).map_err(NotOurs::Io)? {
        return what("it is no capture");
    }
    file.seek(SeekFrom::Start(0)).map_err(NotOurs::Io)?;
    let tail = tail(BufReader::with_capacity(1 << 20, &*file));
    let tail = tail.map_err(|error| NotOurs::What(error.to_string()))?;
    if tail.takes_sections { Ok(tail) } else { what("it is a capture in another format") }
}

/// Whether what there is of a file could be the start of a section that was cut off.
fn begins_a_section(file: &mut File) -> io::Result<bool> {
    const START: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.take(4).read_to_end(&mut start)?;
    Ok(START.starts_with(&start))
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

/// Others may read it, and not write.
#[cfg(windows)]
fn private(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_READ: u32 = 1;
    options.share_mode(FILE_SHARE_READ);
}

#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(false),
        // A file system without locks is no reason not to record.
        Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(windows)]
fn lock(_: &File) -> io::Result<bool> {
    // Nobody else can have opened it for writing.
    Ok(true)
}

#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(windows)]
fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a folder for recordings, and those around it.
pub(super) fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let failed = |error| OpenError::Io { path: folder.to_owned(), error };
    builder.create(folder).map_err(failed)
}

const SECOND: Duration = Duration::from_secs(1);
/// So much later may a file's name say that it began than it did.
const SECONDS_LATER_MAX: u32 = 60;

/// The files of a recording that goes on in new ones.
#[derive(Debug)]
pub(super) struct Files {
    /// As it was asked for.
    pub(super) path: PathBuf,
    pub(super) rotation: Option<Rotation>,
    compresses: bool,
    /// How many there were.
    pub(super) count: u32,
    /// Those that are there, oldest first.
    there: VecDeque<PathBuf>,
    compressing: Option<JoinHandle<io::Result<()>>>,
}

impl Files {
    pub(super) fn new(path: PathBuf, rotation: Option<Rotation>, compresses: bool) -> Self {
        Self { path, rotation, compresses, count: 0, there: VecDeque::new(), compressing: None }
    }

    /// Opens the first file, or the next.
    pub(super) fn next(&mut self, now: SystemTime) -> Result<Opened, OpenError> {
        self.count += 1;
        if self.rotation.is_none() {
            return open(&self.path);
        }
        // A recording of the same name may have begun in the same second: then the name says a later one.
        let mut names = (0..SECONDS_LATER_MAX).map(|later| self.numbered(now + later * SECOND));
        let free = names.find(|name| !name.exists());
        let opened = create(&free.unwrap_or_else(|| self.numbered(now)))?;
        self.there.push_back(opened.path.clone());
        Ok(opened)
    }

    /// `name_00001_20261126171526.pcapng`, as tshark calls such files.
    fn numbered(&self, now: SystemTime) -> PathBuf {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.path.extension().map(|ext| format!(".{}", ext.to_string_lossy()));
        let name = format!(
            "{stem}_{:05}_{}{}",
            self.count,
            Compact(now),
            extension.as_deref().unwrap_or_default()
        );
        self.path.with_file_name(name)
    }

    /// A file is over: it is compressed, and the oldest make room.
    pub(super) fn over(&mut self, path: &Path) -> io::Result<()> {
        self.finish()?;
        if self.compresses {
            let path = path.to_owned();
            if let Some(there) = self.there.iter_mut().find(|there| **there == path) {
                *there = compressed_name(&path);
            }
            let compress = move || compress(&path);
            let thread = std::thread::Builder::new().name("compress".into()).spawn(compress)?;
            self.compressing = Some(thread);
        }
        let max = self.rotation.and_then(|rotation| rotation.files).unwrap_or(u32::MAX) as usize;
        while self.there.len() > max.max(1) {
            if let Some(oldest) = self.there.pop_front() {
                self.finish()?;
                fs::remove_file(oldest)?;
            }
        }
        Ok(())
    }

    /// Waits for what is being compressed.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.compressing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(io::Error::other("compressing a file failed")),
        }
    }

    /// Compresses the last file as well.
    pub(super) fn compress_last(&mut self, path: &Path) -> io::Result<PathBuf> {
        self.finish()?;
        if self.rotation.is_none() || !self.compresses {
            return Ok(path.to_owned());
        }
        compress(path)?;
        Ok(compressed_name(path))
    }
}

fn compressed_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

/// Puts a compressed file in the place of one that is over. Until it is whole the other stays.
fn compress(path: &Path) -> io::Result<()> {
    let to = compressed_name(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    private(&mut options);
    let mut part = to.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut encoder = GzEncoder::new(options.open(&part)?, Compression::fast());
    let copied = io::copy(&mut File::open(path)?, &mut encoder)
        .and_then(|_| encoder.finish())
        .and_then(|mut file| file.flush());
    if let Err(error) = copied.and_then(|()| fs::rename(&part, &to)) {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::remove_file(path)
}
