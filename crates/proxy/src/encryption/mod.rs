//! Standing in the middle of encrypted logins: which of them, and midwire's own key.

mod keylog;
mod keys;

use std::sync::{Arc, LazyLock, OnceLock};

use midwire_session::Encryption;

pub(crate) use self::keylog::keys;
use self::keys::OwnKeys;

/// Which encrypted sessions are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Those that midwire can stand in the middle of: an account joins for it, or the server does not ask who
    /// the client is.
    #[default]
    Auto,
    /// None: ciphertext passes.
    Pass,
    /// All; a server that checks who the client is refuses it.
    Always,
}

impl Reads {
    /// What it is called on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "pass" => Self::Pass,
            "read" => Self::Always,
            _ => return None,
        })
    }

    /// How sessions treat logins that ask for encryption.
    pub(crate) fn options(self, joins: bool) -> Option<Encryption> {
        (self != Self::Pass).then(|| Encryption {
            keys: KEYS.clone(),
            always: self == Self::Always,
            joins,
            plays_as: PLAYER.clone(),
        })
    }
}

/// Whom servers are told instead of the player that a client says it is, once that is known.
static PLAYER: LazyLock<Arc<OnceLock<String>>> = LazyLock::new(Arc::default);

/// Servers are told from here on that clients are this player.
pub(crate) fn play_as(name: String) {
    // who it is does not change
    let _ = PLAYER.set(name);
}

/// midwire's key, which lives as long as the program.
static KEYS: LazyLock<Arc<OwnKeys>> = LazyLock::new(Arc::default);

/// Makes the key beforehand, so that no login waits for it.
pub(crate) fn make_key() {
    // without a thread the first login makes it
    let _ = std::thread::Builder::new().name("key".into()).spawn(|| KEYS.make());
}
