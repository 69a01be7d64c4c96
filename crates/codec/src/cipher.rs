//! The cipher stage `aes128_cfb8`: AES with a key of 128 bits in CFB mode with segments of 8 bits
//! (NIST SP 800-38A, section 6.3).
//!
//! ```text
//!  register: the last 16 bytes of ciphertext          register ── AES ──▶ 16 bytes, of which the first
//!  ┌──┬──┬──┬─ ─ ─┬──┬──┐                                                   │
//!  │  │  │  │     │  │  │ ◀── each byte of ciphertext      plain byte ────── ⊕ ──▶ byte of ciphertext
//!  └──┴──┴──┴─ ─ ─┴──┴──┘     goes in behind
//! ```
//!
//! Each byte takes a block. Who encrypts needs the byte before the next; who decrypts has them all,
//! so blocks are made many at a time, which is several times as fast.

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt as _, InnerIvInit as _, IvState as _, KeyInit as _};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// Bytes of a key, and of a shift register.
pub const KEY_LEN: usize = 16;

/// Blocks that are made at a time.
const BATCH: usize = 64;

/// What the next byte depends on: the last 16 bytes of ciphertext.
pub type Register = [u8; KEY_LEN];

/// A secret key. It is overwritten when it is dropped, and shown nowhere.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// The bytes, for who has to tell somebody.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl From<[u8; KEY_LEN]> for Key {
    fn from(mut bytes: [u8; KEY_LEN]) -> Self {
        let key = Self(bytes);
        bytes.zeroize();
        key
    }
}

/// `None`: it has not the length of a key.
impl TryFrom<&[u8]> for Key {
    type Error = WrongKeyLength;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| WrongKeyLength(bytes.len()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// A key has another length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of {0} bytes, not of {KEY_LEN}")]
pub struct WrongKeyLength(pub usize);

/// Makes ciphertext, byte after byte.
pub struct Encryptor(cfb8::Encryptor<Aes128Enc>);

impl Encryptor {
    /// Goes on behind these last 16 bytes of ciphertext. Games begin with the key itself.
    #[must_use]
    pub fn new(key: &Key, register: &Register) -> Self {
        let aes = Aes128Enc::new(&Array(key.0));
        Self(cfb8::Encryptor::inner_iv_init(aes, &Array(*register)))
    }

    /// Encrypts in place.
    pub fn encrypt(&mut self, bytes: &mut [u8]) {
        self.0.encrypt(bytes);
    }

    /// The last 16 bytes of ciphertext.
    #[must_use]
    pub fn register(&self) -> Register {
        self.0.iv_state().0
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryptor(***)")
    }
}

/// Reads ciphertext, many bytes at a time, from wherever it was cut.
pub struct Decryptor {
    aes: Aes128Enc,
    register: Register,
}

impl Decryptor {
    /// Goes on behind these last 16 bytes of ciphertext. Games begin with the key itself.
    #[must_use]
    pub fn new(key: &Key, register: &Register) -> Self {
        Self { aes: Aes128Enc::new(&Array(key.0)), register: *register }
    }

    /// Decrypts in place.
    pub fn decrypt(&mut self, bytes: &mut [u8]) {
        let mut blocks = [Array([0; KEY_LEN]); BATCH];
        // the register of each byte, one behind the other: it and the ciphertext behind it
        let mut registers = [0; KEY_LEN + BATCH];
        registers[..KEY_LEN].copy_from_slice(&self.register);
        for part in bytes.chunks_mut(BATCH) {
            let len = part.len();
            registers[KEY_LEN..][..len].copy_from_slice(part);
            let blocks = &mut blocks[..len];
            for (block, register) in blocks.iter_mut().zip(registers.windows(KEY_LEN)) {
                block.copy_from_slice(register);
            }
            self.aes.encrypt_blocks(blocks);
            for (byte, block) in part.iter_mut().zip(blocks) {
                *byte ^= block[0];
            }
            registers.copy_within(len..len + KEY_LEN, 0);
        }
        self.register.copy_from_slice(&registers[..KEY_LEN]);
    }

    /// The last 16 bytes of ciphertext.
    #[must_use]
    pub fn register(&self) -> Register {
        self.register
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryptor(***)")
    }
}
