//! Why Xbox Live does not let an account in: the number XErr of its answers.

use std::fmt;

/// A number of Xbox Live; the names of those known are from xbox-live-api (errors_legacy.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Xerr(pub(super) u64);

impl fmt::Display for Xerr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            // ENFORCEMENT_BAN, THIRD_PARTY_BAN
            0x8015_dc03 | 0x8015_dc04 => "the account is banned from Xbox Live",
            // ACCOUNT_PARENTALLY_RESTRICTED
            0x8015_dc05 => {
                "the account's parents do not allow it to play online (account.xbox.com)"
            }
            // ACCOUNT_CREATION_REQUIRED
            0x8015_dc09 => {
                "the account has no Xbox profile yet: log in once at minecraft.net or xbox.com"
            }
            // ACCOUNT_TERMS_OF_USE_NOT_ACCEPTED
            0x8015_dc0a => "Xbox Live's terms of use are not accepted yet: log in once at xbox.com",
            // ACCOUNT_COUNTRY_NOT_AUTHORIZED
            0x8015_dc0b => "Xbox Live is not there in the account's country",
            // ACCOUNT_AGE_VERIFICATION_REQUIRED
            0x8015_dc0c => "the account's age has to be verified first: log in at xbox.com",
            // ACCOUNT_CURFEW
            0x8015_dc0d => {
                "the account may not play at this time, or its age has to be verified: log in at xbox.com"
            }
            // ACCOUNT_CHILD_NOT_IN_FAMILY
            0x8015_dc0e => {
                "a child's account has to be in a family group of Microsoft first (account.microsoft.com/family)"
            }
            // ACCOUNT_MAINTENANCE_REQUIRED
            0x8015_dc10 => "the account needs attention first: log in at xbox.com",
            _ => "Xbox Live does not let this account in",
        };
        write!(f, "{text} (XErr {})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_services_send_are_those_of_the_names() {
        for (number, said) in [
            (2_148_916_227, "banned"),
            (2_148_916_229, "parents"),
            (2_148_916_233, "no Xbox profile"),
            (2_148_916_234, "terms"),
            (2_148_916_235, "country"),
            (2_148_916_236, "age"),
            (2_148_916_237, "age"),
            (2_148_916_238, "family"),
            (7, "does not let"),
        ] {
            let text = Xerr(number).to_string();
            assert!(text.contains(said) && text.contains(&number.to_string()), "{text}");
        }
    }
}
