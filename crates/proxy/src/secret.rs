//! Passwords, from files and from the environment.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use midwire_rfb::{PASSWORD_LEN, Password};

use crate::error::usage;

/// A password, and what its owner should know.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) password: Password,
    pub(crate) warnings: Vec<String>,
}

/// Bytes of a file with a password that are read.
const FILE_MAX: u64 = 1024;

impl Secret {
    /// The password in a file: its only line.
    pub(crate) fn from_file(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let read = || -> std::io::Result<_> {
            let file = File::open(path)?;
            let warning = exposed(&file, &name)?;
            let mut bytes = Vec::new();
            file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
            Ok((bytes, warning))
        };
        let (bytes, warning) = read().with_context(|| format!("cannot read {name}"))?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut secret = Self::new(line, &name)?;
        secret.warnings.extend(warning);
        Ok(secret)
    }

    /// The password in a variable of the environment.
    pub(crate) fn from_variable(name: &str, value: &OsStr) -> anyhow::Result<Self> {
        Self::new(value.as_encoded_bytes(), name)
    }

    fn new(bytes: &[u8], of: &str) -> anyhow::Result<Self> {
        if bytes.is_empty() {
            return Err(usage(format!("{of}: the password is empty")));
        }
        if bytes.len() as u64 > FILE_MAX || bytes.contains(&b'\n') {
            return Err(usage(format!("{of}: a password is one line and nothing else")));
        }
        if bytes.iter().any(u8::is_ascii_control) || std::str::from_utf8(bytes).is_err() {
            return Err(usage(format!(
                "{of}: that is no text; midwire takes the password as it is typed, not the file that \
                 vncpasswd makes"
            )));
        }
        let mut warnings = Vec::new();
        if bytes.len() > PASSWORD_LEN {
            warnings.push(format!(
                "{of}: of a password for VNC the first {PASSWORD_LEN} bytes count, and no more"
            ));
        }
        Ok(Self { password: Password::new(bytes), warnings })
    }
}

/// A warning if others can read a file.
fn exposed(file: &File, name: &str) -> std::io::Result<Option<String>> {
    let is_open = others_can_read(file)?;
    Ok(is_open.then(|| format!("{name}: others can read this password; chmod 600 {name}")))
}

/// Whether others than its owner can read a file.
#[cfg(unix)]
pub(crate) fn others_can_read(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = file.metadata()?;
    Ok(found.is_file() && found.permissions().mode() & 0o077 != 0)
}

/// The system gives files to their owners in other ways there.
#[cfg(not(unix))]
pub(crate) fn others_can_read(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> anyhow::Result<Secret> {
        Secret::new(bytes, "FILE")
    }

    #[test]
    fn what_cannot_be_a_password_is_refused() {
        for (bytes, told) in [
            (&b""[..], "empty"),
            (b"one\ntwo", "one line"),
            (&[b'x'; 1025], "one line"),
            (b"\x17\x52\x6b\x06\x23\x4e\x58\x07", "not the file that vncpasswd makes"),
            (b"\xdb\xd8\x3c\xfd\x72\x7a\x14\x58", "not the file that vncpasswd makes"),
        ] {
            let error = secret(bytes).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_password_that_is_cut_is_told_and_never_shown() {
        assert_eq!(secret(b"12345678").unwrap().warnings, Vec::<String>::new());
        let long = secret(b"123456789").unwrap();
        assert_eq!(long.warnings.len(), 1);
        assert!(!format!("{long:?}").contains("1234"), "{long:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("midwire-secret-{}", std::process::id()));
        std::fs::write(&path, "studio\r\n").unwrap();
        let with = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Secret::from_file(&path).unwrap()
        };
        assert!(with(0o644).warnings[0].contains("chmod 600"));
        assert_eq!(with(0o600).warnings, Vec::<String>::new());
        assert!(with(0o600).password.answers_like(&Password::new(b"studio")));
        std::fs::remove_file(&path).unwrap();
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("cannot read"));
    }
}
