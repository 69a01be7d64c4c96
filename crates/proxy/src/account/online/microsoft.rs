//! Microsoft's login by device code (RFC 8628): a person enters a code in a browser, midwire asks now and
//! then whether that has been done.

use std::time::{Duration, Instant};

use super::error::AccountError;
use super::http::{Answer, Http, Question};
use super::service::Service;
use super::stop::Stop;
use super::token::Token;

/// Leave to know who somebody is at Xbox Live, and to ask again later.
const SCOPE: &str = "XboxLive.signin offline_access";
/// How often is asked where the service does not say it; and how much less often when it says so (RFC 8628).
const INTERVAL: Duration = Duration::from_secs(5);
/// The least time between two questions, whatever the service says.
const INTERVAL_MIN: Duration = Duration::from_millis(200);
/// The most time between two questions.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// How long a code counts where the service does not say it, and at most.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
const EXPIRES_MAX: Duration = Duration::from_secs(3600);
/// Questions in a row that may fail while a person types.
const FAILURES_MAX: u32 = 5;

/// What a person has to enter, and where.
#[derive(Debug)]
pub(super) struct DeviceCode {
    device_code: Token,
    /// As the service said it: escape it before it is shown.
    pub(super) user_code: String,
    pub(super) uri: String,
    pub(super) expires: Duration,
    interval: Duration,
}

/// What a login gives.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) access: Token,
    /// None: the one that was used stays good.
    pub(super) refresh: Option<Token>,
}

/// Begins a login.
pub(super) fn begin(http: &Http, client_id: &str) -> Result<DeviceCode, AccountError> {
    let fields = [("client_id", client_id), ("scope", SCOPE)];
    let answer = http.ask(&Question::form(Service::DeviceCode, &fields, &[]))?;
    bad_client(&answer)?;
    answer.yes()?;
    Ok(DeviceCode {
        device_code: answer.token("device_code")?,
        user_code: answer.text("user_code")?.to_owned(),
        uri: answer.text("verification_uri")?.to_owned(),
        expires: answer.seconds("expires_in").unwrap_or(EXPIRES).min(EXPIRES_MAX),
        interval: answer.seconds("interval").unwrap_or(INTERVAL),
    })
}

/// Waits until the person has entered the code, has said no, or has taken too long.
pub(super) fn wait(
    http: &Http,
    client_id: &str,
    code: &DeviceCode,
    stop: &Stop,
) -> Result<Grant, AccountError> {
    let since = Instant::now();
    let secrets = [&code.device_code];
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client_id),
        ("device_code", code.device_code.reveal()),
    ];
    let mut interval = code.interval;
    let mut failures = 0;
    loop {
        let pause = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        if stop.sleep(pause.min(code.expires.saturating_sub(since.elapsed()))) {
            return Err(AccountError::Cancelled);
        }
        if since.elapsed() >= code.expires {
            return Err(AccountError::Expired);
        }
        let failed = match http.ask(&Question::form(Service::Token, &fields, &secrets)) {
            Ok(answer) => match answer.oauth_error() {
                "authorization_pending" => {
                    failures = 0;
                    continue;
                }
                "slow_down" => {
                    interval += INTERVAL;
                    failures = 0;
                    continue;
                }
                // The first is Microsoft's, the second RFC 8628's.
                "authorization_declined" | "access_denied" => return Err(AccountError::Declined),
                "expired_token" | "bad_verification_code" => return Err(AccountError::Expired),
                _ => {
                    bad_client(&answer)?;
                    match answer.yes() {
                        Ok(()) => return grant(&answer),
                        Err(error) if answer.status < 500 => return Err(error),
                        Err(error) => error,
                    }
                }
            },
            Err(error @ (AccountError::Unreachable(..) | AccountError::Timeout(..))) => error,
            Err(error) => return Err(error),
        };
        // The person is still typing; the network may be back by then.
        failures += 1;
        if failures == FAILURES_MAX {
            return Err(failed);
        }
    }
}

/// Takes new tokens for an old one. `name` is the account's, for people.
pub(super) fn refresh(
    http: &Http,
    client_id: &str,
    token: &Token,
    name: &str,
) -> Result<Grant, AccountError> {
    let secrets = [token];
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client_id),
        ("refresh_token", token.reveal()),
        ("scope", SCOPE),
    ];
    let answer = http.ask(&Question::form(Service::Token, &fields, &secrets))?;
    if matches!(answer.oauth_error(), "invalid_grant" | "interaction_required" | "consent_required")
    {
        return Err(AccountError::LoginGone(name.to_owned(), answer.said));
    }
    bad_client(&answer)?;
    answer.yes()?;
    grant(&answer)
}

fn grant(answer: &Answer) -> Result<Grant, AccountError> {
    let access = answer.token("access_token")?;
    let refresh = answer.body().get("refresh_token").map(|_| answer.token("refresh_token"));
    Ok(Grant { access, refresh: refresh.transpose()? })
}

/// An error if the application is not one that may log in like this.
fn bad_client(answer: &Answer) -> Result<(), AccountError> {
    match answer.oauth_error() {
        "invalid_client" | "unauthorized_client" | "invalid_scope" => {
            Err(AccountError::BadClient(answer.said.clone()))
        }
        _ => Ok(()),
    }
}
