//! The handshake towards a client: midwire is the server.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{Awaited, ClientError};
use crate::password::{CHALLENGE_LEN, Challenge, Password, find};
use crate::security::{RESULT_FAILED, RESULT_OK, SecurityType};
use crate::version::{self, MESSAGE_LEN, Version};

/// Who is let in.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever connects: security type None.
    Open,
    /// Who knows one of these passwords; nobody if there are none.
    Passwords(Vec<Password>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOutput {
    /// Send this to the client.
    Send(Bytes),
    /// The client may come in: log in to the server, then call [`ClientHandshake::accept`] or
    /// [`ClientHandshake::refuse`]. It has not been told yet.
    Admitted {
        /// The place of its password; none with [`Access::Open`].
        password: Option<usize>,
    },
    /// The handshake is over. What the client sends next, and what is left of what it has sent, is for
    /// the server, from ClientInit on.
    Joined,
    /// Close the connection once all is sent.
    Close,
}

/// The security handshake with a client, as a state machine without input, output or clock.
///
/// Feed it with [`handle_bytes`](Self::handle_bytes), and do what [`poll_output`](Self::poll_output) says.
/// It takes no bytes that are not its own: what is left in the buffer when it is over is for the server.
/// With [`Access::Open`] the client's version is all that is needed to admit it, so that a failure has a
/// reason in all versions.
#[derive(Debug)]
pub struct ClientHandshake {
    access: Access,
    challenge: Challenge,
    state: State,
    version: Option<Version>,
    outputs: VecDeque<ClientOutput>,
    /// Why nobody is let in, if it is known before the client's version.
    refusal: Option<String>,
    /// What is said of a wrong password, if it is not just that.
    wrong: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Version,
    /// The server's turn, of a client that needs no password.
    OpenAdmitted,
    /// The same of one that gave a password.
    Admitted,
    Choice,
    Answer,
    Over,
}

impl ClientHandshake {
    /// A handshake that has to send the first message. `challenge` must be random, and new each time.
    pub fn new(access: Access, challenge: Challenge) -> ClientHandshake {
        let mut outputs = VecDeque::with_capacity(2);
        outputs.push_back(ClientOutput::Send(Bytes::from_static(Version::V3_8.message())));
        ClientHandshake {
            access,
            challenge,
            state: State::Version,
            version: None,
            outputs,
            refusal: None,
            wrong: None,
        }
    }

    /// Says this of a wrong password, from now on. Whoever refuses right ones with the same words does not
    /// tell which they were.
    pub fn set_wrong_reason(&mut self, reason: &str) {
        self.wrong = Some(reason.to_owned());
    }

    /// The version that is spoken, once the client has said it.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Whether it waits for bytes of the client. If not, they are better left in the socket.
    pub fn wants_bytes(&self) -> bool {
        matches!(self.state, State::Version | State::Choice | State::Answer)
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaited {
        match self.state {
            State::Version => Awaited::Version,
            State::Choice => Awaited::SecurityType,
            State::Answer => Awaited::Answer,
            State::OpenAdmitted | State::Admitted | State::Over => Awaited::OtherSide,
        }
    }

    /// Takes what belongs to the handshake off `bytes`. What is incomplete stays there, at most 16 bytes,
    /// and so does what comes behind it.
    ///
    /// # Errors
    ///
    /// If the client does something else than it should. It is over then; what is still to be sent says
    /// so to the client.
    pub fn handle_bytes(&mut self, bytes: &mut BytesMut) -> Result<(), ClientError> {
        let handled = self.read(bytes);
        if handled.is_err() {
            self.state = State::Over;
            self.outputs.push_back(ClientOutput::Close);
        }
        handled
    }

    /// The client sends nothing more.
    pub fn handle_end(&mut self) -> ClientError {
        let awaited = self.awaits();
        self.state = State::Over;
        ClientError::Left { awaited }
    }

    /// The server has let midwire in, so that the client can be told that it is in. Without effect unless
    /// it was admitted.
    pub fn accept(&mut self) {
        match (self.state, self.version) {
            (State::OpenAdmitted, Some(Version::V3_3)) => {
                self.send_word(SecurityType::NONE.0);
                self.join();
            }
            (State::OpenAdmitted, _) => self.offer(SecurityType::NONE),
            (State::Admitted, _) => {
                self.send_word(RESULT_OK);
                self.join();
            }
            _ => {}
        }
    }

    /// Lets the client not in, and tells it why where its version and what it was told before allow:
    /// always before [`ClientOutput::Admitted`] of a password, afterwards in 3.8.
    pub fn refuse(&mut self, reason: &str) {
        match (self.state, self.version) {
            (State::Version, _) => self.refusal = Some(reason.to_owned()),
            (State::OpenAdmitted, Some(version)) => self.send_refusal(version, reason),
            (State::Admitted | State::Answer, _) => self.fail(reason),
            (State::Over, _) => {}
            (State::Choice | State::OpenAdmitted, _) => self.close(),
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    fn read(&mut self, bytes: &mut BytesMut) -> Result<(), ClientError> {
        if self.state == State::Version {
            let said = version::said(bytes).map_err(|found| ClientError::NotRfb { found })?;
            let Some(said) = said else { return Ok(()) };
            bytes.advance(MESSAGE_LEN);
            let version = Version::of_client(said);
            self.version = Some(version);
            match (self.refusal.take(), &self.access) {
                (Some(reason), _) => self.send_refusal(version, &reason),
                (None, Access::Open) => {
                    self.outputs.push_back(ClientOutput::Admitted { password: None });
                    self.state = State::OpenAdmitted;
                }
                (None, Access::Passwords(_)) if version == Version::V3_3 => {
                    self.send_word(SecurityType::VNC.0);
                    self.ask();
                }
                (None, Access::Passwords(_)) => self.offer(SecurityType::VNC),
            }
        }
        if self.state == State::Choice {
            let Some((&chosen, _)) = bytes.split_first() else { return Ok(()) };
            bytes.advance(1);
            self.choose(SecurityType(chosen.into()))?;
        }
        if self.state == State::Answer {
            let Some((answer, _)) = bytes.split_first_chunk::<CHALLENGE_LEN>() else {
                return Ok(());
            };
            let found = match &self.access {
                Access::Open => None,
                Access::Passwords(passwords) => find(passwords, &self.challenge, answer),
            };
            bytes.advance(CHALLENGE_LEN);
            if found.is_none() {
                let wrong = self.wrong.take();
                self.tell_failure(wrong.as_deref().unwrap_or("the password is wrong"));
                return Err(ClientError::WrongPassword);
            }
            self.outputs.push_back(ClientOutput::Admitted { password: found });
            self.state = State::Admitted;
        }
        Ok(())
    }

    fn offered(&self) -> SecurityType {
        match self.access {
            Access::Open => SecurityType::NONE,
            Access::Passwords(_) => SecurityType::VNC,
        }
    }

    /// What a client of 3.7 or 3.8 chose.
    fn choose(&mut self, chosen: SecurityType) -> Result<(), ClientError> {
        let offered = self.offered();
        if chosen != offered {
            self.tell_failure("this security type was not offered");
            return Err(ClientError::NotOffered { chosen, offered: vec![offered] });
        }
        match self.access {
            Access::Open => {
                if self.version == Some(Version::V3_8) {
                    self.send_word(RESULT_OK);
                }
                self.join();
            }
            Access::Passwords(_) => self.ask(),
        }
        Ok(())
    }

    fn offer(&mut self, offered: SecurityType) {
        // The types that midwire offers are small.
        self.send(vec![1, offered.0 as u8]);
        self.state = State::Choice;
    }

    fn ask(&mut self) {
        self.send(self.challenge.to_vec());
        self.state = State::Answer;
    }

    fn join(&mut self) {
        self.state = State::Over;
        self.outputs.push_back(ClientOutput::Joined);
    }

    fn fail(&mut self, reason: &str) {
        self.tell_failure(reason);
        self.close();
    }

    fn close(&mut self) {
        self.state = State::Over;
        self.outputs.push_back(ClientOutput::Close);
    }

    /// A result that says no.
    fn tell_failure(&mut self, reason: &str) {
        self.send_word(RESULT_FAILED);
        if self.version == Some(Version::V3_8) {
            self.send(text(reason));
        }
    }

    /// No security types, and why.
    fn send_refusal(&mut self, version: Version, reason: &str) {
        match version {
            Version::V3_3 => self.send_word(SecurityType::INVALID.0),
            Version::V3_7 | Version::V3_8 => self.send(vec![0]),
        }
        self.send(text(reason));
        self.close();
    }

    fn send_word(&mut self, word: u32) {
        self.send(word.to_be_bytes().to_vec());
    }

    /// Sends bytes, with those in front of them if those have not been sent.
    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(ClientOutput::Send(before)) = self.outputs.back_mut() {
            *before = [&before[..], &bytes].concat().into();
        } else {
            self.outputs.push_back(ClientOutput::Send(bytes.into()));
        }
    }
}

/// Bytes of a reason that midwire sends.
const REASON_SENT_MAX: usize = 1024;

/// A text with its length in front.
fn text(reason: &str) -> Vec<u8> {
    let fits = |end: &usize| reason.is_char_boundary(*end);
    let end = (0..=REASON_SENT_MAX.min(reason.len())).rev().find(fits).unwrap_or(0);
    let reason = &reason.as_bytes()[..end];
    // At most REASON_SENT_MAX.
    let mut bytes = (reason.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(reason);
    bytes
}
