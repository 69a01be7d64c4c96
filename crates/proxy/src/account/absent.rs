//! Accounts in a program that was built without them: there are none, and it says so.

use std::fmt;
use std::process::ExitCode;

use super::{LoggedIn, Login, Profile};
use crate::args::AccountCommand;
use crate::error::usage;
use crate::settings::Settings;

/// What is to be done about it.
pub(crate) const NOT_BUILT: &str = "this midwire was built without accounts; build it with them: \
                                    cargo build --release -p midwire-proxy --features online-auth";

/// Runs `midwire account`.
pub(crate) fn run(_: &AccountCommand) -> anyhow::Result<ExitCode> {
    Err(usage(NOT_BUILT))
}

/// An account, of which there is none.
#[derive(Clone, Debug)]
pub(crate) enum Account {}

/// Why one cannot be used, which nobody can find out.
#[derive(Debug)]
pub(crate) enum AccountError {}

impl Account {
    pub(crate) fn open(_: &str, _: &Settings) -> anyhow::Result<(Self, Vec<String>)> {
        Err(usage(NOT_BUILT))
    }

    pub(crate) fn name(&self) -> &str {
        match *self {}
    }

    pub(crate) fn checks_clients(&self) -> bool {
        match *self {}
    }

    pub(crate) async fn check(&self) -> Result<Profile, AccountError> {
        match *self {}
    }

    pub(crate) async fn log_in(&self, _: Login) -> Result<LoggedIn, AccountError> {
        match *self {}
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for AccountError {}
