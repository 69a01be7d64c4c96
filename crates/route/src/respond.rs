//! An answer that needs no server.

use bytes::Bytes;
use thiserror::Error;

/// The longest answer, in bytes.
pub const RESPONSE_LEN_MAX: usize = 64 << 10;

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// It is ended.
    #[default]
    Close,
    /// It stays until the client ends it; what comes is not looked at.
    Stay,
}

/// Fixed bytes that a client is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    bytes: Bytes,
    after: After,
}

/// The answer is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{len} bytes are more than the {RESPONSE_LEN_MAX} that an answer may have")]
pub struct ResponseError {
    /// Its bytes.
    pub len: usize,
}

impl Response {
    /// An answer; one of no bytes is none at all.
    ///
    /// # Errors
    ///
    /// It has more than [`RESPONSE_LEN_MAX`] bytes.
    pub fn new(bytes: impl Into<Bytes>, after: After) -> Result<Self, ResponseError> {
        let bytes = bytes.into();
        if bytes.len() > RESPONSE_LEN_MAX {
            return Err(ResponseError { len: bytes.len() });
        }
        Ok(Self { bytes, after })
    }

    /// What the client is sent.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// What becomes of the connection then.
    #[must_use]
    pub fn after(&self) -> After {
        self.after
    }
}
