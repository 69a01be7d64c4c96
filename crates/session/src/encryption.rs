//! Standing in the middle of an encrypted login: what a session is told about it, and what it asks for.
//!
//! ```text
//!  client                      midwire                        server
//!     ◀─── asks, midwire's key ──┤◀──── asks, the server's key ───
//!     ─── secret, token, sealed ▶├─── the same, sealed anew ─────▶
//!     ◀══════════════════ one key, both connections ════════════▶
//! ```

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use midwire_codec::Key;

/// How logins that ask for encryption are treated.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// midwire's own half of the login.
    pub keys: Arc<dyn KeyPair>,
    /// Stands in the middle even where the server will ask a session service about the client and nobody
    /// joins for midwire: such a server refuses the login, unless it does not check.
    pub always: bool,
    /// Somebody joins the session service for midwire: [`Request::Join`] is asked where the server will
    /// check.
    pub joins: bool,
    /// The player whom servers are told instead of the one that a client says it is, once that is set.
    pub plays_as: Arc<OnceLock<String>>,
}

/// midwire's own key pair, and randomness to seal with. Its private half, and the clock by which a wrong
/// guess could be told from a good one, are for who implements it to guard.
pub trait KeyPair: fmt::Debug + Send + Sync {
    /// The public key as games write it: a SubjectPublicKeyInfo in DER.
    fn public_key(&self) -> &[u8];

    /// Opens what a client sealed: the key of what follows and, where it is sealed too, the server's token.
    ///
    /// # Errors
    ///
    /// One of them cannot be opened, has not the length of a key, or is another token. Which of these it
    /// was is not told, and takes the same time.
    fn open(&self, secret: &[u8], token: Option<Token<'_>>) -> Result<Key, Refused>;

    /// Seals for a server.
    ///
    /// # Errors
    ///
    /// Its public key cannot be used, or the text is too long for it; says so for people.
    fn seal(&self, public_key: &[u8], plain: &[u8]) -> Result<Vec<u8>, String>;

    /// Whether a server's public key can be used.
    ///
    /// # Errors
    ///
    /// It cannot; says why for people.
    fn check(&self, public_key: &[u8]) -> Result<(), String>;
}

/// A token that came back.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// As the client sealed it.
    pub sealed: &'a [u8],
    /// As the server sent it.
    pub expected: &'a [u8],
}

/// A client's answer cannot be used.
#[derive(Debug)]
pub struct Refused {
    /// The key that the client believes in, if it can be told: it reads nothing else any more.
    pub key: Option<Key>,
}

/// What a session waits for from outside. Packets of the client wait meanwhile.
#[derive(Clone, Debug)]
pub enum Request {
    /// The session service is to be told that the account joins this server.
    Join(Box<Join>),
}

/// What a session service is told, and may be asked about the client.
#[derive(Clone, Debug)]
pub struct Join {
    /// The server's own text in what is hashed; mostly empty.
    pub server_id: String,
    /// The secret that both connections share.
    pub key: Key,
    /// The public key of the server, in DER.
    pub server_key: Bytes,
    /// The public key that the client was given.
    pub own_key: Bytes,
    /// Who the client says it is.
    pub name: Option<String>,
}

/// Which request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done: the login goes on.
    Done,
    /// It failed: the client is told this, and the session ends.
    Refused(String),
}
