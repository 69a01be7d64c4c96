//! Passwords and their answers.

use hex_literal::hex;
use midwire_rfb::Password;

/// From the recorded session: Xtigervnc's challenge, vncdotool's answer, password "devpw123".
#[test]
fn the_answer_is_that_of_a_real_client() {
    let challenge = hex!("5700def82e5520 7f298b810d41db9377");
    let answer = hex!("68229ad69be43149e162aeeb227239fb");
    assert_eq!(Password::new(b"devpw123").answer(&challenge), answer);
}

#[test]
fn both_halves_are_encrypted_alike_and_the_key_is_mirrored() {
    // DES's well-known vector: key 01 01 .. (zeros but for parity), block 80 00 ..; mirrored, a key of
    // zeros is the empty password.
    let answer = Password::new(b"").answer(&hex!("8000000000000000 8000000000000000"));
    assert_eq!(answer, hex!("95f8a5e5dd31d900 95f8a5e5dd31d900"));
    // Key 80 01 01 ..: its first bit is the last of the password's first byte.
    let answer = Password::new(&[0x01]).answer(&[0; 16]);
    assert_eq!(answer[..8], hex!("95a8d72813daa94d"));
}

#[test]
fn no_more_than_eight_bytes_count() {
    let (long, cut) = (Password::new(b"longer than eight"), Password::new(b"longer t"));
    assert!(long.answers_like(&cut));
    assert_eq!(long.answer(&[7; 16]), cut.answer(&[7; 16]));
    assert!(!long.answers_like(&Password::new(b"longer T")));
    assert!(!Password::new(b"a").answers_like(&Password::new(b"")));
}

#[test]
fn the_highest_bit_of_a_byte_does_not_count() {
    let (plain, high) = (Password::new(b"a"), Password::new(&[b'a' | 0x80]));
    assert!(plain.answers_like(&high));
    assert_eq!(plain.answer(&[9; 16]), high.answer(&[9; 16]));
}

#[test]
fn a_password_is_not_shown() {
    assert_eq!(format!("{:?}", Password::new(b"secret")), "Password(..)");
}
