//! The file of accounts: whole or not at all, for its owner's eyes, and one midwire at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy as _;
use serde_json::{Value, json};

use super::error::{AccountError, StoreError};
use super::minecraft::Access;
use super::stop::Stop;
use super::token::Token;
use crate::account::profile::{Profile, ProfileId};
use crate::secret::others_can_read;

/// Bytes of a file that are read; an account has some three thousand.
const FILE_MAX: u64 = 4 << 20;
/// The form of the file.
const VERSION: u64 = 1;
/// How long another midwire may hold the file: it does while it asks for new tokens.
const LOCK_WAIT: Duration = Duration::from_secs(90);
/// How often is looked whether it is free.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What its owner calls it.
    pub(super) name: String,
    /// The application that it was logged in for.
    pub(super) client_id: String,
    pub(super) profile: Profile,
    pub(super) refresh: Token,
    pub(super) access: Option<Access>,
}

/// Where accounts are kept.
#[derive(Clone, Debug)]
pub(super) struct Store {
    file: PathBuf,
}

/// The store while no other midwire may write to it.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    store: &'a Store,
    _lock: File,
}

impl Store {
    /// That of whoever runs midwire.
    pub(super) fn of_user() -> Result<Self, StoreError> {
        let base = etcetera::choose_base_strategy().map_err(|_| StoreError::NoFolder)?;
        Ok(Self::in_folder(&base.data_dir().join("midwire")))
    }

    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { file: folder.join("accounts.json") }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The accounts, and a warning if others can read them. None is none, whether there is a file or not.
    pub(super) fn read(&self) -> Result<(Vec<Entry>, Option<String>), StoreError> {
        let failed = |error| StoreError::Io("read", self.file.clone(), error);
        let damaged = |what: &str| StoreError::Damaged(self.file.clone(), what.to_owned());
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), None)),
            Err(error) => return Err(failed(error)),
        };
        let shown = self.file.display();
        let warning = others_can_read(&file)
            .map_err(failed)?
            .then(|| format!("{shown}: others can read your logins; chmod 600 {shown}"));
        let mut bytes = Vec::new();
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(damaged("it is too long"));
        }
        // What serde_json says names places, not contents.
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(_) => return Err(damaged("it is of a newer midwire")),
            None => return Err(damaged("it has no version")),
        }
        let list = value.get("accounts").and_then(Value::as_array);
        let entries = list.and_then(|list| list.iter().map(read_entry).collect::<Option<Vec<_>>>());
        Ok((entries.ok_or_else(|| damaged("an account in it is not whole"))?, warning))
    }

    /// Waits until no other midwire writes.
    pub(super) fn lock(&self, stop: &Stop) -> Result<Locked<'_>, AccountError> {
        let path = self.file.with_extension("lock");
        let failed = |error| StoreError::Io("lock", path.clone(), error);
        if let Some(folder) = self.file.parent() {
            folder_of_ones_own(folder)
                .map_err(|error| StoreError::Io("make the folder", folder.to_owned(), error))?;
        }
        let since = Instant::now();
        loop {
            if let Some(lock) = try_lock(&path).map_err(failed)? {
                return Ok(Locked { store: self, _lock: lock });
            }
            if stop.sleep(LOCK_PAUSE) {
                return Err(AccountError::Cancelled);
            }
            if since.elapsed() > LOCK_WAIT {
                return Err(StoreError::Busy(path).into());
            }
        }
    }
}

impl Locked<'_> {
    /// What [`Store::read`] gives, and nobody changes before this is dropped.
    pub(super) fn read(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.store.read()?.0)
    }

    /// Writes all accounts: whoever reads sees those before or these.
    pub(super) fn write(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let file = &self.store.file;
        let new = file.with_extension("new");
        let accounts: Vec<_> = entries.iter().map(write_entry).collect();
        let text = format!("{:#}\n", json!({ "version": VERSION, "accounts": accounts }));
        let written = write_new(&new, text.as_bytes()).and_then(|()| fs::rename(&new, file));
        written.map_err(|error| {
            // Half of it is of no use to anybody.
            let _ = fs::remove_file(&new);
            StoreError::Io("write", file.clone(), error)
        })
    }
}

/// Writes a file that only its owner can read, and has it on the disk.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        // One that a midwire left which was killed.
        _ => {}
    }
    let mut file = for_owner(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_entry(value: &Value) -> Option<Entry> {
    let text = |key| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("access_token")
        .zip(value.get("expires").and_then(Value::as_u64))
        .map(|(token, expires)| Access { token: Token::new(token), expires });
    Some(Entry {
        name: text("name")?.to_owned(),
        client_id: text("client_id")?.to_owned(),
        profile: Profile {
            id: ProfileId::parse(text("profile_id")?)?,
            name: text("profile_name")?.to_owned(),
        },
        refresh: Token::new(text("refresh_token")?),
        access,
    })
}

fn write_entry(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "client_id": entry.client_id,
        "profile_id": entry.profile.id.to_string(),
        "profile_name": entry.profile.name,
        "refresh_token": entry.refresh.reveal(),
        "access_token": entry.access.as_ref().map(|access| access.token.reveal()),
        "expires": entry.access.as_ref().map(|access| access.expires),
    })
}

#[cfg(unix)]
fn for_owner(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

/// A user's folder of data is the user's own there.
#[cfg(not(unix))]
fn for_owner(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

fn folder_of_ones_own(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.recursive(true).create(folder)
}

/// A lock that the system takes back when its owner ends, however that is. `None`: another has it.
#[cfg(unix)]
fn try_lock(path: &Path) -> std::io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    let file = for_owner(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same: a file that is shared with nobody.
#[cfg(windows)]
fn try_lock(path: &Path) -> std::io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const SHARING_VIOLATION: i32 = 32;
    match OpenOptions::new().write(true).create(true).truncate(false).share_mode(0).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A store in a folder that goes with it.
    struct Fresh(Store);

    impl Fresh {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("midwire-store-{}-{number}", std::process::id());
            Self(Store::in_folder(&std::env::temp_dir().join(name)))
        }
    }

    impl Drop for Fresh {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.file.parent().unwrap());
        }
    }

    fn entry(name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            client_id: "00000000-1111".to_owned(),
            profile: Profile {
                id: ProfileId::parse("069a79f444e94726a5befca90e38aaf5").unwrap(),
                name: "Ünsafe\u{1b}[31m\"".to_owned(),
            },
            refresh: Token::new("planted-refresh"),
            access: Some(Access { token: Token::new("planted-access"), expires: 12 }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let Fresh(store) = &Fresh::new();
        assert!(store.read().unwrap().0.is_empty());
        let stop = Stop::default();
        let locked = store.lock(&stop).unwrap();
        let without = Entry { access: None, ..entry("two") };
        locked.write(&[entry("one"), without.clone()]).unwrap();
        let shown = |entries: &[Entry]| {
            let access =
                |e: &Entry| e.access.as_ref().map(|a| (a.token.reveal().to_owned(), a.expires));
            let all = entries.iter().map(|e| {
                (e.name.clone(), e.profile.clone(), e.refresh.reveal().to_owned(), access(e))
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(shown(&locked.read().unwrap()), shown(&[entry("one"), without]));
        assert!(!format!("{:?}", locked.read().unwrap()).contains("planted"));
        assert!(!store.file.with_extension("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it_and_who_opened_it_is_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let Fresh(store) = &Fresh::new();
        store.lock(&Stop::default()).unwrap().write(&[entry("one")]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.file), 0o600);
        assert_eq!(mode(&store.file.with_extension("lock")), 0o600);
        assert_eq!(mode(store.file.parent().unwrap()), 0o700);
        assert_eq!(store.read().unwrap().1, None);
        fs::set_permissions(&store.file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(store.read().unwrap().1.unwrap().contains("chmod 600"));
        // The next one to write it makes it right.
        store.lock(&Stop::default()).unwrap().write(&[entry("one")]).unwrap();
        assert_eq!(mode(&store.file), 0o600);
    }

    #[test]
    fn what_a_killed_midwire_has_left_does_not_count() {
        let Fresh(store) = &Fresh::new();
        let locked = store.lock(&Stop::default()).unwrap();
        locked.write(&[entry("one")]).unwrap();
        fs::write(store.file.with_extension("new"), "{\"version\":1,\"acc").unwrap();
        assert_eq!(locked.read().unwrap().len(), 1);
        locked.write(&[entry("one"), entry("two")]).unwrap();
        assert_eq!(locked.read().unwrap().len(), 2);
    }

    #[test]
    fn one_at_a_time() {
        let Fresh(store) = &Fresh::new();
        let count = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let locked = store.lock(&Stop::default()).unwrap();
                        let mut entries = locked.read().unwrap();
                        entries.push(entry("more"));
                        locked.write(&entries).unwrap();
                    }
                });
            }
            scope.spawn(|| {
                // A reader sees a whole file at any time.
                while store.read().unwrap().0.len() < 20 {}
            });
            20
        });
        assert_eq!(store.read().unwrap().0.len(), count);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_told_without_what_is_in_it() {
        let Fresh(store) = &Fresh::new();
        drop(store.lock(&Stop::default()).unwrap());
        let damaged = |text: &[u8]| {
            fs::write(&store.file, text).unwrap();
            let error = store.read().unwrap_err().to_string();
            assert!(error.contains("accounts.json") && !error.contains("planted"), "{error}");
            error
        };
        damaged(b"");
        damaged(b"\xff planted");
        damaged(b"{\"planted\":");
        damaged(b"[]");
        damaged(b"{\"version\":1}");
        damaged(b"{\"version\":1,\"accounts\":[{\"name\":\"planted\"}]}");
        damaged("[".repeat(100_000).as_bytes());
        assert!(damaged(b"{\"version\":2,\"accounts\":[]}").contains("newer"));
    }
}
