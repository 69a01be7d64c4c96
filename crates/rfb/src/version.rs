//! Protocol versions, and the twelve bytes that tell them.

use std::fmt;

/// Bytes of a version message.
pub(crate) const MESSAGE_LEN: usize = 12;

/// A version of RFB whose handshake midwire speaks. From ClientInit on they are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 3.3: the server chooses the security type.
    V3_3,
    /// 3.7: the client chooses from a list.
    V3_7,
    /// 3.8: a failure has a reason, and security type None has a result.
    V3_8,
}

impl Version {
    /// The message that tells it.
    pub(crate) fn message(self) -> &'static [u8; MESSAGE_LEN] {
        match self {
            Version::V3_3 => b"RFB 003.003\n",
            Version::V3_7 => b"RFB 003.007\n",
            Version::V3_8 => b"RFB 003.008\n",
        }
    }

    /// What a client that says this speaks: RFC 6143, 7.1.1, has all other numbers be 3.3.
    pub(crate) fn of_client(said: Said) -> Version {
        match (said.major, said.minor) {
            (3, 7) => Version::V3_7,
            (3, 8) => Version::V3_8,
            _ => Version::V3_3,
        }
    }

    /// The newest that a server which says this understands; none if it is older than all.
    pub(crate) fn of_server(said: Said) -> Option<Version> {
        match (said.major, said.minor) {
            (..3, _) | (3, ..3) => None,
            (3, 3..7) => Some(Version::V3_3),
            (3, 7) => Some(Version::V3_7),
            (3.., _) => Some(Version::V3_8),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V3_3 => "3.3",
            Version::V3_7 => "3.7",
            Version::V3_8 => "3.8",
        })
    }
}

/// A version as a peer says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The number in front of the dot.
    pub major: u16,
    /// The number behind it.
    pub minor: u16,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version that bytes start with: `Ok(None)` as long as they may become one, and in the error the
/// bytes up to the first that cannot belong to one.
pub(crate) fn said(bytes: &[u8]) -> Result<Option<Said>, Vec<u8>> {
    let pattern = b"RFB ddd.ddd\n";
    for (at, (byte, wanted)) in bytes.iter().zip(pattern).enumerate() {
        let fits = if *wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
        if !fits {
            return Err(bytes[..=at].to_vec());
        }
    }
    let number = |from: usize| {
        let digits = bytes.get(from..from + 3)?;
        Some(digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
    };
    if bytes.len() < MESSAGE_LEN {
        return Ok(None);
    }
    Ok(number(4).zip(number(8)).map(|(major, minor)| Said { major, minor }))
}
