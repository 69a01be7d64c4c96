//! midwire's RSA key, and what is opened and sealed.

use std::fmt;
use std::sync::OnceLock;

use midwire_session::{Key, KeyPair, Refused, Token};
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

/// Bits of midwire's own key, as servers have them. It lasts as long as the program.
const BITS: usize = 1024;

/// The least bits of a server's key.
const SERVER_BITS_MIN: usize = 512;

/// The key, made when it is first needed.
#[derive(Default)]
pub(super) struct OwnKeys(OnceLock<Made>);

struct Made {
    private: RsaPrivateKey,
    /// SubjectPublicKeyInfo in DER.
    public: Vec<u8>,
}

impl OwnKeys {
    pub(super) fn make(&self) {
        self.made();
    }

    fn made(&self) -> &Made {
        self.0.get_or_init(|| {
            let private = RsaPrivateKey::new(&mut OsRng, BITS).expect("1024 bits are a key");
            let public = private.to_public_key().to_public_key_der();
            Made { private, public: public.expect("a key has a form").into_vec() }
        })
    }

    /// What was sealed with the key. What cannot be opened is random bytes, as many as `len`: what is done
    /// with them takes the same time.
    fn opened(&self, sealed: &[u8], len: usize) -> (Vec<u8>, bool) {
        let private = &self.made().private;
        let mut random = vec![0; len];
        OsRng.fill_bytes(&mut random);
        match private.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, sealed) {
            Ok(plain) => (plain, true),
            Err(_) => (random, false),
        }
    }
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKeys(***)")
    }
}

impl KeyPair for OwnKeys {
    fn public_key(&self) -> &[u8] {
        &self.made().public
    }

    fn open(&self, secret: &[u8], token: Option<Token<'_>>) -> Result<Key, Refused> {
        // Both are opened, whatever became of the first.
        let (secret, is_secret) = self.opened(secret, 16);
        let secret = Zeroizing::new(secret);
        let is_token = token.is_none_or(|Token { sealed, expected }| {
            let (token, is_opened) = self.opened(sealed, expected.len());
            is_opened & is_same(&token, expected)
        });
        let key = Key::try_from(&secret[..]).ok().filter(|_| is_secret);
        match key {
            Some(key) if is_token => Ok(key),
            key => Err(Refused { key }),
        }
    }

    fn seal(&self, public_key: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let key = public(public_key)?;
        key.encrypt(&mut OsRng, Pkcs1v15Encrypt, plain).map_err(|error| error.to_string())
    }

    fn check(&self, public_key: &[u8]) -> Result<(), String> {
        public(public_key).map(|_| ())
    }
}

fn public(der: &[u8]) -> Result<RsaPublicKey, String> {
    let key = RsaPublicKey::from_public_key_der(der).map_err(|error| {
        format!("it is no RSA key of up to {} bits: {error}", RsaPublicKey::MAX_SIZE)
    })?;
    let bits = key.n().bits();
    if bits < SERVER_BITS_MIN {
        return Err(format!("it has {bits} bits, and the least is {SERVER_BITS_MIN}"));
    }
    Ok(key)
}

/// Whether two texts are the same, without telling by the time where they are not.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = b"tokn";
    const SECRET: &[u8; 16] = b"a planted secret";

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let keys = OwnKeys::default();
        let seal = |plain: &[u8]| keys.seal(keys.public_key(), plain).unwrap();
        let open = |secret: &[u8], token: &[u8]| {
            keys.open(secret, Some(Token { sealed: token, expected: TOKEN }))
        };
        assert_eq!(open(&seal(SECRET), &seal(TOKEN)).unwrap().as_bytes(), SECRET);
        assert_eq!(keys.open(&seal(SECRET), None).unwrap().as_bytes(), SECRET);
        // a client whose key is known can be told so in what it reads
        for token in [seal(b"tokm"), seal(b""), vec![1; 128], Vec::new(), vec![0xff; 300]] {
            let refused = open(&seal(SECRET), &token).unwrap_err();
            assert_eq!(refused.key.unwrap().as_bytes(), SECRET);
        }
        for secret in [seal(&SECRET[1..]), seal(&[0; 17]), seal(b""), vec![1; 128], Vec::new()] {
            assert!(open(&secret, &seal(TOKEN)).unwrap_err().key.is_none());
        }
        assert_eq!(format!("{keys:?}"), "OwnKeys(***)");
    }

    #[test]
    fn keys_of_servers_have_512_to_4096_bits() {
        let keys = OwnKeys::default();
        for bits in [512, 768, 1024, 2048] {
            let private = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
            let der = private.to_public_key().to_public_key_der().unwrap();
            assert_eq!(keys.check(der.as_bytes()), Ok(()));
            let sealed = keys.seal(der.as_bytes(), SECRET).unwrap();
            assert_eq!(private.decrypt(Pkcs1v15Encrypt, &sealed).unwrap(), SECRET);
        }
        // a modulus need not be a good one for its form to be right
        let odd = |bits: usize| (rsa::BigUint::from(1u32) << (bits - 1)) + 1u32;
        let der = |bits| {
            let exponent = rsa::BigUint::from(65537u32);
            RsaPublicKey::new_with_max_size(odd(bits), exponent, 8192)
                .unwrap()
                .to_public_key_der()
                .unwrap()
                .into_vec()
        };
        assert_eq!(keys.check(&der(4096)), Ok(()));
        assert_eq!(keys.seal(&der(4096), SECRET).unwrap().len(), 512);
        assert!(keys.check(&der(4097)).unwrap_err().contains("up to 4096 bits"));
        assert!(keys.check(&der(256)).unwrap_err().contains("has 256 bits"));
        assert!(keys.check(b"garbage").is_err());
        // too long a token for a small key
        assert!(keys.seal(&der(512), &[1; 60]).is_err());
    }
}
