//! What of accounts can be set: who is asked, as which application, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::service::{Service, Url};
use crate::settings::NotSet;

/// Each name, and what it is for.
pub(crate) const NAMES: [(&str, &str); 12] = [
    ("account_client_id", "the Azure application that `midwire account add` logs in for"),
    ("account_timeout", "milliseconds that a service may take for one answer"),
    ("account_login_timeout", "milliseconds that all that it takes to log a session in may take"),
    (
        "client_check",
        "strict: a client has to be the account's own; none: whoever connects plays as the account",
    ),
    ("account_url_device_code", "https URL where a login with Microsoft begins"),
    ("account_url_token", "https URL of Microsoft's tokens"),
    ("account_url_xbl", "https URL of Xbox Live's user tokens"),
    ("account_url_xsts", "https URL of Xbox Live's tokens for other services"),
    ("account_url_login", "https URL of Minecraft's login"),
    ("account_url_profile", "https URL of Minecraft's profiles"),
    ("account_url_join", "https URL where clients tell the server that they join"),
    ("account_url_has_joined", "https URL where servers ask for that"),
];

/// Whether a client has to prove that it is the account's own profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientCheck {
    /// It has to: the session service is asked. So nobody plays as the account who does not own it.
    #[default]
    Strict,
    /// Whoever reaches the listener plays as the account.
    None,
}

/// All that can be set about accounts.
#[derive(Clone, Debug)]
pub(crate) struct AccountSettings {
    /// `account_client_id`: the application that people give leave to; no secret.
    pub(super) client_id: Option<Arc<str>>,
    /// `account_timeout`: how long a service may take for one answer.
    pub(super) timeout: Duration,
    /// `account_login_timeout`: how long logging a session in may take, whatever has to be asked for it.
    pub(super) login_timeout: Duration,
    /// `client_check`.
    pub(super) client_check: ClientCheck,
    /// `account_url_*`.
    urls: [Url; Service::ALL.len()],
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            client_id: None,
            timeout: Duration::from_secs(10),
            // Games and servers give up a login after 30 s; the reason has to be there before.
            login_timeout: Duration::from_secs(25),
            client_check: ClientCheck::Strict,
            urls: Service::ALL.map(Service::usual),
        }
    }
}

impl AccountSettings {
    /// Sets one by its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), NotSet> {
        let millis = || {
            let millis = value.parse::<u32>().ok().filter(|millis| *millis > 0);
            let millis = millis.ok_or(NotSet::Takes("a number from 1 to 4294967295"))?;
            Ok(Duration::from_millis(millis.into()))
        };
        match name {
            "account_client_id" => {
                let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if value.is_empty() || value.len() > 64 || !value.chars().all(is_id) {
                    return Err(NotSet::Takes(
                        "an application's id, of digits, letters and dashes",
                    ));
                }
                self.client_id = Some(value.into());
            }
            "account_timeout" => self.timeout = millis()?,
            "account_login_timeout" => self.login_timeout = millis()?,
            "client_check" => {
                self.client_check = match value {
                    "strict" => ClientCheck::Strict,
                    "none" => ClientCheck::None,
                    _ => return Err(NotSet::Takes("strict or none")),
                };
            }
            _ => {
                let service = Service::ALL.into_iter().find(|service| service.setting() == name);
                let service = service.ok_or(NotSet::Unknown)?;
                self.urls[service as usize] = Url::parse(value)
                    .ok_or(NotSet::Takes("https://HOST/PATH; http:// only to loopback"))?;
            }
        }
        Ok(())
    }

    /// Where a service is.
    pub(super) fn url(&self, service: Service) -> &Url {
        &self.urls[service as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_can_be_set_and_is_used() {
        let mut settings = AccountSettings::default();
        for (name, service) in Service::ALL.map(|service| (service.setting(), service)) {
            assert!(NAMES.iter().any(|(listed, _)| *listed == name), "{name}");
            assert_eq!(settings.url(service), &service.usual());
            settings.set(name, &format!("https://{name}.example.org/x")).unwrap();
            assert_eq!(settings.url(service).to_string(), format!("{name}.example.org"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut settings = AccountSettings::default();
        for (name, value) in [
            ("account_client_id", ""),
            ("account_client_id", "a&b"),
            ("account_timeout", "0"),
            ("account_timeout", "soon"),
            ("client_check", "perhaps"),
            ("account_url_join", "http://session.example.org/join"),
        ] {
            let refused = settings.set(name, value).unwrap_err();
            assert!(matches!(refused, NotSet::Takes(_)), "{name}={value}");
        }
        assert_eq!(settings.set("account_password", "x"), Err(NotSet::Unknown));
    }
}
