//! Questions to services over HTTP: each with a time limit, to one place, with a small answer.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, header};
use ureq::tls::{RootCerts, TlsConfig};

use super::error::AccountError;
use super::service::Service;
use super::settings::AccountSettings;
use super::token::Token;

/// Bytes of an answer that are read; the longest of a service that is well has some thousand.
const ANSWER_MAX: u64 = 256 << 10;
/// Characters of a service's own words that are shown.
const SAID_MAX: usize = 200;

/// Asks services, on the thread of the caller.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    settings: AccountSettings,
}

/// What a service is asked.
#[derive(Debug)]
pub(super) struct Question<'a> {
    service: Service,
    query: String,
    body: Option<(&'static str, String)>,
    bearer: Option<&'a Token>,
    /// What the answer must not be quoted with.
    secrets: &'a [&'a Token],
}

impl<'a> Question<'a> {
    /// Asks for what is there.
    pub(super) fn get(service: Service) -> Self {
        Self { service, query: String::new(), body: None, bearer: None, secrets: &[] }
    }

    /// Sends a form.
    pub(super) fn form(
        service: Service,
        fields: &[(&str, &str)],
        secrets: &'a [&'a Token],
    ) -> Self {
        let body = Some(("application/x-www-form-urlencoded", encoded(fields)));
        Self { body, secrets, ..Self::get(service) }
    }

    /// Sends JSON.
    pub(super) fn json(service: Service, value: &Value, secrets: &'a [&'a Token]) -> Self {
        Self { body: Some(("application/json", value.to_string())), secrets, ..Self::get(service) }
    }

    /// With fields in the URL.
    pub(super) fn query(mut self, fields: &[(&str, &str)]) -> Self {
        self.query = encoded(fields);
        self
    }

    /// In the name of an account.
    pub(super) fn bearer(mut self, token: &'a Token) -> Self {
        self.bearer = Some(token);
        self
    }
}

/// Fields as forms and queries have them.
fn encoded(fields: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    out.push(byte.into());
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    out
}

/// What a service answers.
#[derive(Debug)]
pub(super) struct Answer {
    service: Service,
    pub(super) status: u16,
    body: Option<Value>,
    /// Its own words, if it has any.
    pub(super) said: Option<String>,
}

impl Http {
    pub(super) fn new(settings: AccountSettings) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .http_status_as_error(false)
            // Whoever is sent elsewhere would take secrets there.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("midwire/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), settings }
    }

    pub(super) fn settings(&self) -> &AccountSettings {
        &self.settings
    }

    /// Asks, and waits for the whole answer.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Answer, AccountError> {
        let Question { service, .. } = *question;
        let url = self.settings.url(service);
        let failed = |error| self.failure(service, error);
        let mut uri = url.uri().to_string();
        if !question.query.is_empty() {
            uri.push('?');
            uri.push_str(&question.query);
        }
        let mut request = Request::builder().uri(uri).header(header::ACCEPT, "application/json");
        if let Some(token) = question.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        let not_made = |error: ureq::http::Error| failed(error.into());
        let answered = match &question.body {
            Some((kind, body)) => {
                let request = request.method("POST").header(header::CONTENT_TYPE, *kind);
                self.run(url.is_loopback(), request.body(body.as_str()).map_err(not_made)?)
            }
            None => self.run(url.is_loopback(), request.body(()).map_err(not_made)?),
        };
        let mut answer = answered.map_err(failed)?;
        let status = answer.status().as_u16();
        let bytes =
            answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(failed)?;
        let body: Option<Value> = serde_json::from_slice(&bytes).ok();
        let secrets = question.secrets.iter().copied().chain(question.bearer);
        let said = body.as_ref().and_then(|body| said(body, secrets));
        tracing::debug!(service = service.setting(), status, "asked");
        Ok(Answer { service, status, body, said })
    }

    fn run(
        &self,
        is_loopback: bool,
        request: Request<impl ureq::AsSendBody>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request = self.agent.configure_request(request);
        if is_loopback {
            // A proxy is somewhere else.
            request = request.proxy(None);
        }
        self.agent.run(request.build())
    }

    fn failure(&self, service: Service, error: ureq::Error) -> AccountError {
        use ureq::Error;
        let nonsense = |what: String| AccountError::Nonsense(service, what);
        let place = self.settings.url(service).to_string();
        let unreachable = |why: String| AccountError::Unreachable(service, place, why);
        match error {
            Error::Timeout(_) => AccountError::Timeout(service, self.settings.timeout),
            Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                AccountError::Timeout(service, self.settings.timeout)
            }
            Error::BodyExceedsLimit(max) => nonsense(format!("more than {max} bytes")),
            Error::LargeResponseHeader(..) => nonsense("a header without end".to_owned()),
            // It names what it has read, which is not for eyes.
            Error::Protocol(_) | Error::Http(_) => nonsense("that is not HTTP".to_owned()),
            Error::HostNotFound => unreachable("the name is not known".to_owned()),
            Error::Io(error) => unreachable(io_text(&error)),
            other => unreachable(other.to_string()),
        }
    }
}

/// What is wrong with a connection.
fn io_text(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "the connection broke off".to_owned()
        }
        _ => error.to_string(),
    }
}

/// A service's own words for what it does not like, without the secrets that it was asked with.
fn said<'a>(body: &Value, secrets: impl Iterator<Item = &'a Token>) -> Option<String> {
    const KEYS: [&str; 5] = ["errorMessage", "error_description", "Message", "message", "error"];
    let text =
        KEYS.iter().find_map(|key| body.get(key)?.as_str().filter(|text| !text.is_empty()))?;
    let mut text = text.to_owned();
    for secret in secrets.filter(|secret| !secret.reveal().is_empty()) {
        text = text.replace(secret.reveal(), "(secret)");
    }
    let line = text.lines().next().unwrap_or_default().trim();
    let mut out: String = line.chars().take(SAID_MAX).collect();
    if out.len() < line.len() {
        out.push('…');
    }
    Some(out)
}

impl Answer {
    /// The JSON of an answer, whatever its status.
    pub(super) fn body(&self) -> &Value {
        self.body.as_ref().unwrap_or(&Value::Null)
    }

    /// Which of OAuth's errors it is.
    pub(super) fn oauth_error(&self) -> &str {
        self.body().get("error").and_then(Value::as_str).unwrap_or_default()
    }

    /// That it is a yes.
    pub(super) fn yes(&self) -> Result<(), AccountError> {
        match self.status {
            200..300 => Ok(()),
            300..400 => Err(self.nonsense("it leads elsewhere, and midwire does not follow")),
            429 => Err(AccountError::TooOften(self.service)),
            status => Err(AccountError::Status(self.service, status, self.said.clone())),
        }
    }

    /// A text in the JSON.
    pub(super) fn text(&self, key: &str) -> Result<&str, AccountError> {
        if self.body.is_none() {
            return Err(self.nonsense("that is not JSON"));
        }
        let text = self.body().get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| self.nonsense(&format!("no {key} in it")))
    }

    /// A secret in the JSON.
    pub(super) fn token(&self, key: &str) -> Result<Token, AccountError> {
        let text = self.text(key)?;
        // It goes into a header's line.
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(self.nonsense(&format!("its {key} is no token")));
        }
        Ok(Token::new(text))
    }

    /// Seconds in the JSON, as a number or as a text; at most a year.
    pub(super) fn seconds(&self, key: &str) -> Option<Duration> {
        const YEAR: u64 = 366 * 24 * 3600;
        let value = self.body().get(key)?;
        let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        Some(Duration::from_secs(seconds.min(YEAR)))
    }

    pub(super) fn nonsense(&self, what: &str) -> AccountError {
        AccountError::Nonsense(self.service, what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_encoded() {
        assert_eq!(encoded(&[("a", "x y&z=ä"), ("b", "1-_.~")]), "a=x%20y%26z%3D%C3%A4&b=1-_.~");
    }

    #[test]
    fn what_a_service_says_is_short_and_without_the_secrets_it_was_asked_with() {
        let token = Token::new("planted");
        let said = |body: Value| said(&body, [&token].into_iter());
        assert_eq!(said(json!({"error": "Forbidden"})).unwrap(), "Forbidden");
        let told = said(json!({"error": "x", "errorMessage": "no planted here\nmore"}));
        assert_eq!(told.unwrap(), "no (secret) here");
        assert_eq!(said(json!({"error": "é".repeat(201)})).unwrap().chars().count(), 201);
        for nothing in [json!({}), json!([]), json!(7), json!({"error": 7}), json!({"error": ""})] {
            assert_eq!(said(nothing), None);
        }
    }
}
