//! Who is asked on the way from a person to a login, and where they are.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Where one service is: `https://`, or `http://` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(Uri);

impl Url {
    /// Takes only what may carry a secret.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let is_whole = !authority.host().is_empty() && !authority.as_str().contains('@');
        let url = Self(uri.clone());
        let is_safe = match uri.scheme_str()? {
            "https" => true,
            "http" => url.is_loopback(),
            _ => false,
        };
        (is_whole && is_safe && uri.query().is_none()).then_some(url)
    }

    /// Whether it is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Host and port, which is what people know a service by.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.authority().map_or("", |authority| authority.as_str()))
    }
}

/// One question of a login. The numbers are places in a table of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Where a login begins.
    DeviceCode,
    /// Where Microsoft's tokens are given and refreshed.
    Token,
    /// Xbox Live.
    Xbl,
    /// Xbox Live's tokens for other services.
    Xsts,
    /// Minecraft's services.
    Login,
    /// Who the account is in the game.
    Profile,
    /// Where a client tells which server it joins.
    Join,
    /// Where a server asks for that.
    HasJoined,
}

impl Service {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::DeviceCode,
        Self::Token,
        Self::Xbl,
        Self::Xsts,
        Self::Login,
        Self::Profile,
        Self::Join,
        Self::HasJoined,
    ];

    /// The setting of its URL.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::DeviceCode => "account_url_device_code",
            Self::Token => "account_url_token",
            Self::Xbl => "account_url_xbl",
            Self::Xsts => "account_url_xsts",
            Self::Login => "account_url_login",
            Self::Profile => "account_url_profile",
            Self::Join => "account_url_join",
            Self::HasJoined => "account_url_has_joined",
        }
    }

    /// Where it is unless somebody says otherwise.
    pub(super) fn usual(self) -> Url {
        // Sources: learn.microsoft.com "device authorization grant"; minecraft.wiki "Microsoft
        // authentication" and "Protocol encryption".
        Url(Uri::from_static(match self {
            Self::DeviceCode => {
                "https://login.microsoftonline.com/consumers/oauth2/v2.0/devicecode"
            }
            Self::Token => "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
            Self::Xbl => "https://user.auth.xboxlive.com/user/authenticate",
            Self::Xsts => "https://xsts.auth.xboxlive.com/xsts/authorize",
            Self::Login => "https://api.minecraftservices.com/authentication/login_with_xbox",
            Self::Profile => "https://api.minecraftservices.com/minecraft/profile",
            Self::Join => "https://sessionserver.mojang.com/session/minecraft/join",
            Self::HasJoined => "https://sessionserver.mojang.com/session/minecraft/hasJoined",
        }))
    }
}

/// As people call it.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeviceCode | Self::Token => "Microsoft's login",
            Self::Xbl => "Xbox Live",
            Self::Xsts => "Xbox Live's token service",
            Self::Login => "Minecraft's login",
            Self::Profile => "Minecraft's profile service",
            Self::Join | Self::HasJoined => "Minecraft's session service",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        for good in [
            "https://login.example.org/token",
            "https://login.example.org:8443/token",
            "http://127.0.0.1:8080/token",
            "http://127.9.9.9/token",
            "http://[::1]:8080/token",
            "http://localhost:8080/token",
        ] {
            assert!(Url::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "token",
            "/token",
            "login.example.org/token",
            "http://login.example.org/token",
            "http://127.0.0.1@login.example.org/token",
            "https://me:password@login.example.org/token",
            "http://127.0.0.1.example.org/token",
            "http://localhost.example.org/token",
            "http://0.0.0.0/token",
            "ftp://127.0.0.1/token",
            "https://login.example.org/token?code=1",
            "https://",
        ] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_service_has_its_place_in_the_table() {
        for (place, service) in Service::ALL.into_iter().enumerate() {
            assert_eq!(service as usize, place);
            assert!(!service.usual().is_loopback());
        }
    }
}
