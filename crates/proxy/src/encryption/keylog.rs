//! Keys of recorded sessions: as typed, and from files of any form that has them in hex.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_session::Key;

use crate::args;
use crate::error::usage;

/// Hex digits of a key.
const DIGITS: usize = 32;
/// Bytes of a file of keys.
const FILE_MAX: u64 = 1 << 20;
/// Keys at all: each is tried on each session, until one shows itself as the right one.
const KEYS_MAX: usize = 1024;

/// The keys that were named. In a file they are whatever stands there as 32 hex digits, but for lines that
/// begin with `#`.
pub(crate) fn keys(args: &args::Keys) -> anyhow::Result<Arc<[Key]>> {
    let mut keys = Vec::new();
    for typed in &args.key {
        let found = key(typed.trim());
        // what was typed is a secret, nearly
        keys.push(found.ok_or_else(|| usage("--key: a key is 32 hex digits"))?);
    }
    for path in &args.keylog {
        let name = path.display();
        let text = read(path).with_context(|| format!("cannot read {name}"))?;
        let before = keys.len();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            keys.extend(line.split(|c: char| !c.is_ascii_hexdigit()).filter_map(key));
            if keys.len() > KEYS_MAX {
                return Err(usage(format!("--keylog {name}: more than {KEYS_MAX} keys")));
            }
        }
        if keys.len() == before {
            return Err(usage(format!("--keylog {name}: there is no key in it, 32 hex digits")));
        }
    }
    keys.sort_by_key(|key| *key.as_bytes());
    keys.dedup_by_key(|key| *key.as_bytes());
    Ok(keys.into())
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(std::io::Error::other(format!("it has more than {FILE_MAX} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn key(text: &str) -> Option<Key> {
    if text.len() != DIGITS {
        return None;
    }
    let mut bytes = [0; DIGITS / 2];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_form_of_file() {
        let path = std::env::temp_dir().join(format!("midwire-keylog-{}", std::process::id()));
        let text = "# 00000000000000000000000000000000\n\
                    0102030405060708090a0b0c0d0e0f10\n\
                    {\"version\":\"1.20.4\",\"secret_hex\":\"FF975ff97eda6c5108998024ff19c613\"}\n\
                    label 0102030405060708090a0b0c0d0e0f10 too short 0102\n";
        std::fs::write(&path, text).unwrap();
        let args = args::Keys { key: Vec::new(), keylog: vec![path.clone()] };
        let found = keys(&args).unwrap();
        let firsts: Vec<u8> = found.iter().map(|key| key.as_bytes()[0]).collect();
        assert_eq!(firsts, [1, 0xff]);
        std::fs::write(&path, "nothing").unwrap();
        assert!(keys(&args).unwrap_err().to_string().contains("no key in it"));
        std::fs::remove_file(&path).unwrap();
        assert!(keys(&args).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_showing_it() {
        for typed in
            ["", "0102", "zz02030405060708090a0b0c0d0e0f10", "0102030405060708090a0b0c0d0e0f1012"]
        {
            let args = args::Keys { key: vec![typed.into()], keylog: Vec::new() };
            let error = keys(&args).unwrap_err().to_string();
            assert_eq!(error, "--key: a key is 32 hex digits");
        }
    }
}
