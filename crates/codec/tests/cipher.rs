//! The cipher stage: the published values, and one stream however it is cut.

use hex_literal::hex;
use midwire_codec::cipher::{KEY_LEN, Register, WrongKeyLength};
use midwire_codec::{Decryptor, Encryptor, Key};
use proptest::prelude::*;

/// NIST SP 800-38A, F.3.7 and F.3.8, CFB8-AES128.
const KEY: [u8; 16] = hex!("2b7e151628aed2a6abf7158809cf4f3c");
const IV: Register = hex!("000102030405060708090a0b0c0d0e0f");
const PLAIN: [u8; 18] = hex!("6bc1bee22e409f96e93d7e117393172aae2d");
const CIPHER: [u8; 18] = hex!("3b79424c9c0dd436bace9e0ed4586a4f32b9");

fn encrypted(key: Key, register: &Register, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    Encryptor::new(&key, register).encrypt(&mut bytes);
    bytes
}

fn decrypted(key: Key, register: &Register, cipher: &[u8]) -> Vec<u8> {
    let mut bytes = cipher.to_vec();
    Decryptor::new(&key, register).decrypt(&mut bytes);
    bytes
}

#[test]
fn the_published_values_hold() {
    assert_eq!(encrypted(KEY.into(), &IV, &PLAIN), CIPHER);
    assert_eq!(decrypted(KEY.into(), &IV, &CIPHER), PLAIN);
}

#[test]
fn every_cut_gives_the_same_bytes() {
    let plain: Vec<u8> = (0..300u32).map(|n| (n * 7 % 251) as u8).collect();
    let cipher = encrypted(KEY.into(), &IV, &plain);
    for cut in 0..=plain.len() {
        let (mut head, mut tail) = (plain[..cut].to_vec(), plain[cut..].to_vec());
        let mut encryptor = Encryptor::new(&KEY.into(), &IV);
        encryptor.encrypt(&mut head);
        encryptor.encrypt(&mut tail);
        assert_eq!([&head[..], &tail].concat(), cipher, "encrypted, cut at {cut}");
        let mut decryptor = Decryptor::new(&KEY.into(), &IV);
        decryptor.decrypt(&mut head);
        decryptor.decrypt(&mut tail);
        assert_eq!([&head[..], &tail].concat(), plain, "decrypted, cut at {cut}");
    }
}

#[test]
fn a_stream_goes_on_from_its_last_sixteen_bytes_alone() {
    let plain = [7; 100];
    let cipher = encrypted(KEY.into(), &IV, &plain);
    for at in [1, 15, 16, 17, 64, 99] {
        let mut encryptor = Encryptor::new(&KEY.into(), &IV);
        encryptor.encrypt(&mut plain[..at].to_vec());
        let mut decryptor = Decryptor::new(&KEY.into(), &IV);
        decryptor.decrypt(&mut cipher[..at].to_vec());
        let before = [&IV[..], &cipher[..at]].concat();
        let register: Register = before[at..].try_into().unwrap();
        assert_eq!(encryptor.register(), register);
        assert_eq!(decryptor.register(), register);
        assert_eq!(encrypted(KEY.into(), &register, &plain[at..]), cipher[at..]);
        assert_eq!(decrypted(KEY.into(), &register, &cipher[at..]), plain[at..]);
    }
}

#[test]
fn a_key_has_sixteen_bytes_and_is_shown_nowhere() {
    assert_eq!(Key::try_from(&[1; 15][..]).unwrap_err(), WrongKeyLength(15));
    assert_eq!(Key::try_from(&[1; 17][..]).unwrap_err(), WrongKeyLength(17));
    let key = Key::try_from(&KEY[..]).unwrap();
    assert_eq!(key.as_bytes(), &KEY);
    let shown = format!("{key:?} {:?} {:?}", Encryptor::new(&key, &IV), Decryptor::new(&key, &IV));
    assert_eq!(shown, "Key(***) Encryptor(***) Decryptor(***)");
}

proptest! {
    /// The crate `cfb8` decrypts byte after byte.
    #[test]
    fn what_is_decrypted_many_bytes_at_a_time_is_what_another_decrypts_one_by_one(
        key: [u8; KEY_LEN],
        register: Register,
        cipher in proptest::collection::vec(any::<u8>(), 0..1000),
        cuts in proptest::collection::vec(0usize..1000, 0..5),
    ) {
        use cfb8::cipher::KeyIvInit as _;
        let mut expected = cipher.clone();
        cfb8::Decryptor::<aes::Aes128>::new(&key.into(), &register.into()).decrypt(&mut expected);
        let mut bytes = cipher.clone();
        let mut decryptor = Decryptor::new(&key.into(), &register);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([cipher.len()]) {
            decryptor.decrypt(&mut bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(&bytes, &expected);
        prop_assert_eq!(encrypted(key.into(), &register, &expected), cipher);
    }
}
