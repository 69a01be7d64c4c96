//! The handshake towards a server: midwire is the client.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{Awaited, Reason, ServerError};
use crate::password::{CHALLENGE_LEN, Password};
use crate::security::{RESULT_OK, SecurityType};
use crate::version::{self, MESSAGE_LEN, Version};

/// Limits on what a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a reason that are read; what is longer is cut. The setting `reason_length_max`.
    pub reason_length_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { reason_length_max: 1024 }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutput {
    /// Send this to the server.
    Send(Bytes),
    /// The server has let midwire in. What it sends next, and what is left of what it has sent, is for
    /// the client, from ServerInit on; it waits for ClientInit.
    LoggedIn,
}

/// The security handshake with a server, as a state machine without input, output or clock.
///
/// It takes no bytes that are not its own, as [`ClientHandshake`](crate::ClientHandshake) does.
#[derive(Debug)]
pub struct ServerHandshake {
    password: Option<Password>,
    limits: Limits,
    state: State,
    version: Option<Version>,
    outputs: VecDeque<ServerOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Version,
    /// The type that a server of 3.3 chose.
    Word,
    /// The list of types.
    Types,
    Challenge,
    /// Whether it lets in; `asked` for a password.
    Result {
        asked: bool,
    },
    /// Why there is no type.
    Refusal,
    /// Why it does not let in.
    Failure {
        asked: bool,
        result: u32,
    },
    Over,
}

impl ServerHandshake {
    /// A handshake that waits for the server's version. The password is used if the server wants one.
    pub fn new(password: Option<Password>, limits: Limits) -> ServerHandshake {
        ServerHandshake {
            password,
            limits,
            state: State::Version,
            version: None,
            outputs: VecDeque::new(),
        }
    }

    /// The version that is spoken, once the server has said what it speaks.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaited {
        match self.state {
            State::Version => Awaited::Version,
            State::Word | State::Types | State::Refusal => Awaited::SecurityType,
            State::Challenge => Awaited::Challenge,
            State::Result { .. } | State::Failure { .. } => Awaited::Result,
            State::Over => Awaited::OtherSide,
        }
    }

    /// Takes what belongs to the handshake off `bytes`. What is incomplete stays there, at most four bytes
    /// more than `reason_length_max`, or 256; and so does what comes behind it.
    ///
    /// # Errors
    ///
    /// If the server does something else than it should, wants what midwire cannot, or refuses. It is over
    /// then.
    pub fn handle_bytes(&mut self, bytes: &mut BytesMut) -> Result<(), ServerError> {
        loop {
            match self.step(bytes) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.state = State::Over;
                    return Err(error);
                }
            }
        }
    }

    /// The server sends nothing more than these bytes, which were left.
    pub fn handle_end(&mut self, bytes: &[u8]) -> ServerError {
        let awaited = self.awaits();
        // Some close the connection instead of giving the reason, or all of it.
        let text = bytes.get(4..).unwrap_or_default();
        let reason = Reason { text: String::from_utf8_lossy(text).into_owned(), cut: true };
        let state = std::mem::replace(&mut self.state, State::Over);
        match state {
            State::Refusal => ServerError::Refused { reason },
            State::Failure { asked, result } => ServerError::LoginFailed {
                password: asked,
                result,
                reason: (!reason.text.is_empty()).then_some(reason),
            },
            _ => ServerError::Left { awaited },
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ServerOutput> {
        self.outputs.pop_front()
    }

    /// Takes one message; false if it is not all there, or nothing is waited for.
    fn step(&mut self, bytes: &mut BytesMut) -> Result<bool, ServerError> {
        match self.state {
            State::Version => {
                let said = version::said(bytes).map_err(|found| ServerError::NotRfb { found })?;
                let Some(said) = said else { return Ok(false) };
                bytes.advance(MESSAGE_LEN);
                let version = Version::of_server(said).ok_or(ServerError::TooOld { said })?;
                self.version = Some(version);
                self.send(version.message());
                self.state = if version == Version::V3_3 { State::Word } else { State::Types };
            }
            State::Word => {
                let Some(word) = take_word(bytes) else { return Ok(false) };
                match SecurityType(word) {
                    SecurityType::INVALID => self.state = State::Refusal,
                    offered => self.choose(&[offered])?,
                }
            }
            State::Types => {
                let Some((&count, types)) = bytes.split_first() else { return Ok(false) };
                let count = usize::from(count);
                let Some(types) = types.get(..count) else { return Ok(false) };
                let numbers = types.iter().copied().map(u32::from);
                let offered: Vec<SecurityType> = numbers.map(SecurityType).collect();
                bytes.advance(1 + count);
                if offered.is_empty() {
                    self.state = State::Refusal;
                } else {
                    self.choose(&offered)?;
                }
            }
            State::Challenge => {
                let Some((challenge, _)) = bytes.split_first_chunk::<CHALLENGE_LEN>() else {
                    return Ok(false);
                };
                let password = self.password.as_ref().ok_or(ServerError::PasswordWanted)?;
                let answer = password.answer(challenge);
                bytes.advance(CHALLENGE_LEN);
                self.send(&answer);
                self.state = State::Result { asked: true };
            }
            State::Result { asked } => {
                let Some(result) = take_word(bytes) else { return Ok(false) };
                if result == RESULT_OK {
                    self.log_in();
                } else if self.version == Some(Version::V3_8) {
                    self.state = State::Failure { asked, result };
                } else {
                    return Err(ServerError::LoginFailed { password: asked, result, reason: None });
                }
            }
            State::Refusal => {
                let Some(reason) = self.take_reason(bytes) else { return Ok(false) };
                return Err(ServerError::Refused { reason });
            }
            State::Failure { asked, result } => {
                let Some(reason) = self.take_reason(bytes) else { return Ok(false) };
                let reason = Some(reason);
                return Err(ServerError::LoginFailed { password: asked, result, reason });
            }
            State::Over => return Ok(false),
        }
        Ok(true)
    }

    /// Goes on with one of the types that the server offers. A password is used where it can be.
    fn choose(&mut self, offered: &[SecurityType]) -> Result<(), ServerError> {
        let has = |wanted: SecurityType| offered.contains(&wanted);
        if has(SecurityType::VNC) && self.password.is_some() {
            self.tell_choice(SecurityType::VNC);
            self.state = State::Challenge;
            return Ok(());
        }
        if has(SecurityType::NONE) {
            self.tell_choice(SecurityType::NONE);
            if self.version == Some(Version::V3_8) {
                self.state = State::Result { asked: false };
            } else {
                self.log_in();
            }
            return Ok(());
        }
        Err(if has(SecurityType::VNC) {
            ServerError::PasswordWanted
        } else {
            ServerError::UnknownTypes { offered: offered.to_vec() }
        })
    }

    /// Says which type was chosen, which a server of 3.3 has done itself.
    fn tell_choice(&mut self, chosen: SecurityType) {
        if self.version != Some(Version::V3_3) {
            // The types that midwire speaks are small.
            self.send(&[chosen.0 as u8]);
        }
    }

    fn log_in(&mut self) {
        self.state = State::Over;
        self.outputs.push_back(ServerOutput::LoggedIn);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.outputs.push_back(ServerOutput::Send(Bytes::copy_from_slice(bytes)));
    }

    /// A text with its length in front, or as much of it as may be.
    fn take_reason(&self, bytes: &mut BytesMut) -> Option<Reason> {
        let (length, text) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let taken = length.min(self.limits.reason_length_max);
        let text = String::from_utf8_lossy(text.get(..taken)?).into_owned();
        bytes.advance(4 + taken);
        Some(Reason { text, cut: taken < length })
    }
}

fn take_word(bytes: &mut BytesMut) -> Option<u32> {
    let word = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
    bytes.advance(4);
    Some(word)
}
