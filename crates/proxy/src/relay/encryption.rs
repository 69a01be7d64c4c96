//! What a session that is encrypted waits for from outside: that an account has joined the server.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use midwire_codec::server_hash;
use midwire_definition::escape::escape;
use midwire_session::{Answer, Join, Request, RequestId};

use super::Shared;
use crate::account::{Account, LoggedIn, Login};

/// What is asked for a session; dropped with it.
#[derive(Default)]
pub(super) struct Questions {
    /// A session asks one question at a time.
    asked: Option<(RequestId, Coming)>,
}

/// An answer that is looked for.
type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

impl Questions {
    /// Begins to find the answer.
    pub(super) fn ask(&mut self, request: RequestId, what: Request, shared: &Shared) {
        let Request::Join(join) = what;
        let account = shared.account.clone();
        let limit = shared.limits.handshake_timeout;
        self.asked = Some((request, Box::pin(joined(account, join, limit))));
    }

    /// The next answer.
    pub(super) async fn answered(&mut self) -> (RequestId, Answer) {
        let Some((request, answer)) = &mut self.asked else { return pending().await };
        let answered = (*request, answer.await);
        self.asked = None;
        answered
    }
}

async fn joined(account: Option<Account>, join: Box<Join>, limit: Duration) -> Answer {
    let Some(account) = account else {
        return Answer::Refused("this server asks who you are, and midwire has no account".into());
    };
    let hash = |key: &[u8]| server_hash(&join.server_id, join.key.as_bytes(), key);
    let login = Login {
        client_name: join.name.clone().unwrap_or_default(),
        client_hash: hash(&join.own_key),
        server_hash: hash(&join.server_key),
    };
    let logged_in = account.log_in(login);
    let logged_in = match limit {
        Duration::ZERO => Ok(logged_in.await),
        limit => tokio::time::timeout(limit, logged_in).await,
    };
    match logged_in {
        Ok(Ok(LoggedIn { profile, is_own })) => {
            tracing::info!(player = %escape(&profile.name), is_own, "the account has joined");
            Answer::Done
        }
        Ok(Err(error)) => Answer::Refused(error.to_string()),
        Err(_) => Answer::Refused(format!(
            "the account {} could not join the server within {} ms (handshake_timeout)",
            account.name(),
            limit.as_millis()
        )),
    }
}
