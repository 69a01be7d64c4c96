//! Accounts: who midwire plays as on servers that ask for it.
//!
//! They need the feature `online-auth`. Without it everything here is there all the same, and there is no account.

#[cfg(not(feature = "online-auth"))]
mod absent;
#[cfg(feature = "online-auth")]
mod online;
#[cfg_attr(not(feature = "online-auth"), allow(dead_code, reason = "nobody has one"))]
mod profile;

#[cfg(not(feature = "online-auth"))]
pub(crate) use absent::{Account, NOT_BUILT, run};
#[cfg(feature = "online-auth")]
pub(crate) use online::{Account, AccountSettings, run, settings};
pub(crate) use profile::Profile;

/// A session that is to log in.
#[cfg_attr(not(feature = "online-auth"), allow(dead_code, reason = "nobody reads it"))]
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// The name that the client gives.
    pub(crate) client_name: String,
    /// The hash of midwire's key ([`midwire_codec::server_hash()`]), by which the client has told the session
    /// service that it joins.
    pub(crate) client_hash: String,
    /// The hash of the server's key.
    pub(crate) server_hash: String,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedIn {
    /// The account's profile: as this the server knows the session.
    pub(crate) profile: Profile,
    /// The client has proved to be that profile. Otherwise (`client_check=none`) it may be somebody else,
    /// who cannot sign chat for it.
    pub(crate) is_own: bool,
}
