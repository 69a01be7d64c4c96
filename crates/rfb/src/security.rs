//! Security types and results.

use std::fmt;

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityType(
    /// Its number: a byte, but for what a server of 3.3 says.
    pub u32,
);

impl SecurityType {
    /// There is none: the connection is refused, and a reason follows.
    pub(crate) const INVALID: SecurityType = SecurityType(0);
    /// Not at all.
    pub const NONE: SecurityType = SecurityType(1);
    /// By a password of eight bytes.
    pub const VNC: SecurityType = SecurityType(2);

    /// Its name, as the RFB community's list of numbers has it.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "invalid",
            1 => "None",
            2 => "VNC authentication",
            3..=4 | 128 => "RealVNC",
            5 => "RSA-AES",
            6 => "RSA-AES unencrypted",
            7..=12 | 130 => "RealVNC",
            13 => "RSA-AES two-step",
            16 => "Tight",
            17 => "Ultra",
            18 => "TLS",
            19 => "VeNCrypt",
            20 => "SASL",
            21 => "MD5 hash",
            22 => "xvp",
            23 => "secure tunnel",
            24 => "integrated SSH",
            30 => "Apple Diffie-Hellman",
            31..=36 => "Apple",
            113 => "MS-Logon II",
            129 => "RSA-AES 256",
            _ => return None,
        })
    }
}

impl fmt::Display for SecurityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "type {}", self.0),
        }
    }
}

/// The types in a list, as a sentence names them.
pub(crate) fn listed(types: &[SecurityType]) -> String {
    types.iter().map(SecurityType::to_string).collect::<Vec<_>>().join(", ")
}

/// A SecurityResult that lets in.
pub(crate) const RESULT_OK: u32 = 0;
/// One that does not.
pub(crate) const RESULT_FAILED: u32 = 1;
