//! An account that sessions log in with.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};

use super::error::AccountError;
use super::http::Http;
use super::microsoft;
use super::minecraft::{self, Access, now};
use super::session_service::{self, Joined};
use super::settings::{AccountSettings, ClientCheck};
use super::stop::{Stop, on_a_thread};
use super::store::{Entry, Store};
use crate::account::profile::Profile;
use crate::account::{LoggedIn, Login};
use crate::error::usage;
use crate::settings::Settings;

/// Seconds that a token has to count for still.
const MARGIN: u64 = 60;
/// Questions at once; who has gone leaves his last one behind until it is answered.
const QUESTIONS_MAX: usize = 16;

/// An account that sessions log in with. Clones are the same account.
#[derive(Clone, Debug)]
pub(crate) struct Account(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    store: Store,
    http: Http,
    /// One login at a time: a session service may know but the last server that a profile joins.
    turn: Mutex<()>,
    questions: Arc<Semaphore>,
}

impl Account {
    /// The account of this name, or of the player of this name. It does not ask anybody; warnings are for
    /// people.
    pub(crate) fn open(name: &str, settings: &Settings) -> anyhow::Result<(Self, Vec<String>)> {
        let opened = Store::of_user()
            .map_err(AccountError::from)
            .and_then(|store| Self::open_in(store, name, &settings.account));
        opened.map_err(|error| match error {
            AccountError::Unknown(..) => usage(error.to_string()),
            error => error.into(),
        })
    }

    pub(super) fn open_in(
        store: Store,
        name: &str,
        settings: &AccountSettings,
    ) -> Result<(Self, Vec<String>), AccountError> {
        let (entries, warning) = store.read()?;
        let name = find(&entries, name)?.name.clone();
        let shared = Shared {
            name,
            store,
            http: Http::new(settings.clone()),
            turn: Mutex::new(()),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        };
        Ok((Self(Arc::new(shared)), warning.into_iter().collect()))
    }

    /// What its owner calls it.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether a client has to be the account's own.
    pub(crate) fn checks_clients(&self) -> bool {
        self.0.http.settings().client_check == ClientCheck::Strict
    }

    /// Makes sure that it could log in now, with new tokens if need be; who it is.
    pub(crate) async fn check(&self) -> Result<Profile, AccountError> {
        self.ask(|shared, stop| shared.player(None, stop).map(|(profile, _)| profile)).await
    }

    /// Logs a session in: the client is checked as `client_check` says, then the account joins the server.
    /// Other logins of this account wait meanwhile.
    ///
    /// A future that is dropped has logged nobody in, or has: the server will tell.
    pub(crate) async fn log_in(&self, login: Login) -> Result<LoggedIn, AccountError> {
        let limit = self.0.http.settings().login_timeout;
        let in_turn = async {
            let _turn = self.0.turn.lock().await;
            self.ask(move |shared, stop| shared.log_in(&login, stop)).await
        };
        tokio::time::timeout(limit, in_turn).await.unwrap_or(Err(AccountError::TooLong(limit)))
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Shared, &Stop) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let leave = Arc::clone(&self.0.questions).acquire_owned().await;
        let shared = Arc::clone(&self.0);
        let asked = on_a_thread(move |stop| {
            let _leave = leave;
            question(&shared, stop)
        });
        asked.await.unwrap_or(Err(AccountError::Cancelled))
    }
}

impl Shared {
    fn log_in(&self, login: &Login, stop: &Stop) -> Result<LoggedIn, AccountError> {
        let (mut profile, mut access) = self.player(None, stop)?;
        // The client first: what it has joined may be forgotten when the account joins.
        let is_own = match self.http.settings().client_check {
            ClientCheck::Strict => {
                self.check_client(login, &profile, stop)?;
                true
            }
            ClientCheck::None => false,
        };
        let mut is_new = false;
        loop {
            if stop.is_set() {
                return Err(AccountError::Cancelled);
            }
            let hash = &login.server_hash;
            match session_service::join(&self.http, &access.token, &profile, hash, stop)? {
                Joined::Yes => {
                    tracing::info!("logged in");
                    return Ok(LoggedIn { profile, is_own });
                }
                // Taken back before its time, as when a password changes.
                Joined::TokenGone(_) if !is_new => {
                    (profile, access) = self.player(Some(&access), stop)?;
                    is_new = true;
                }
                Joined::TokenGone(said) => {
                    return Err(AccountError::LoginGone(self.name.clone(), said));
                }
            }
        }
    }

    fn check_client(
        &self,
        login: &Login,
        profile: &Profile,
        stop: &Stop,
    ) -> Result<(), AccountError> {
        let name = &login.client_name;
        let found = session_service::has_joined(&self.http, name, &login.client_hash, stop)?;
        match found {
            Some(found) if found.id == profile.id => Ok(()),
            Some(found) => {
                Err(AccountError::OtherProfile(found.name.clone(), profile.name.clone()))
            }
            None => Err(AccountError::NotJoined(name.clone())),
        }
    }

    /// Who the account is and what lets it play: what is stored, or new tokens if that is `gone` or soon will
    /// be.
    fn player(
        &self,
        gone: Option<&Access>,
        stop: &Stop,
    ) -> Result<(Profile, Access), AccountError> {
        let is_good = |access: &Access| {
            let is_gone = gone.is_some_and(|gone| gone.token == access.token);
            !is_gone && access.expires > now().saturating_add(MARGIN)
        };
        let stored = |entries: &[Entry]| {
            let entry = find(entries, &self.name)?;
            let good = entry.access.clone().filter(is_good);
            Ok::<_, AccountError>((entry.clone(), good))
        };
        let (entry, good) = stored(&self.store.read()?.0)?;
        if let Some(access) = good {
            return Ok((entry.profile, access));
        }
        // Another midwire may just be asking for new ones; of a token that is used twice one may be void.
        let locked = self.store.lock(stop)?;
        let mut entries = locked.read()?;
        let (entry, good) = stored(&entries)?;
        if let Some(access) = good {
            return Ok((entry.profile, access));
        }
        tracing::info!("asking for new tokens");
        let Entry { name, client_id, refresh, .. } = &entry;
        let grant = microsoft::refresh(&self.http, client_id, refresh, name)?;
        let refresh = grant.refresh.unwrap_or_else(|| refresh.clone());
        let replace = |entries: &mut [Entry], new: &Entry| {
            if let Some(old) = entries.iter_mut().find(|old| old.name == new.name) {
                old.clone_from(new);
            }
        };
        // At once: the old one may be void by now, whatever the next services say.
        let entry = Entry { refresh, access: None, ..entry };
        replace(&mut entries, &entry);
        locked.write(&entries)?;
        let player = minecraft::player(&self.http, &grant.access, stop)?;
        let entry =
            Entry { profile: player.profile.clone(), access: Some(player.access.clone()), ..entry };
        replace(&mut entries, &entry);
        locked.write(&entries)?;
        Ok((player.profile, player.access))
    }
}

/// The account of this name; or else that of the player of this name.
pub(super) fn find<'a>(entries: &'a [Entry], name: &str) -> Result<&'a Entry, AccountError> {
    let is = |found: &str| found.eq_ignore_ascii_case(name);
    let found = entries.iter().find(|entry| is(&entry.name));
    let found = found.or_else(|| entries.iter().find(|entry| is(&entry.profile.name)));
    found.ok_or_else(|| {
        let known = entries.iter().map(|entry| entry.name.clone()).collect();
        AccountError::Unknown(name.to_owned(), known)
    })
}
