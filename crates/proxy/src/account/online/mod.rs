//! Accounts with everything in them: logging in with Microsoft, keeping and renewing what that gives, and
//! telling the session service which server is joined.
//!
//! ```text
//!  midwire account add            a session that a server asks to log in
//!        │                                   │
//!  device code ─▶ Microsoft      store ─▶ is the token still good? ─no─▶ refresh, and on from Microsoft
//!        │                                   │ yes
//!  Xbox Live ─▶ its token service     hasJoined: is the client the account's own?  (client_check)
//!        │                                   │
//!  Minecraft's login ─▶ profile       join: with the hash of the server's key
//!        │
//!      store                          the server asks hasJoined itself
//! ```
//!
//! All questions block a thread that serves nothing else, each for at most `account_timeout`.

mod command;
mod error;
mod http;
mod login;
mod microsoft;
mod minecraft;
mod service;
mod session_service;
pub(crate) mod settings;
mod stop;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod xerr;

pub(crate) use command::run;
pub(crate) use login::Account;
pub(crate) use settings::AccountSettings;
