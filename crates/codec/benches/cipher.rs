//! How fast the cipher stage is: CPU time of one thread, the best of some rounds. `cipher --check` fails where
//! decrypting many bytes at a time is not twice as fast as byte after byte.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use aes::Aes128;
use cfb8::cipher::KeyIvInit as _;
use cpu_time::ThreadTime;
use midwire_codec::{Decryptor, Encryptor};

const ROUNDS: usize = 15;
/// Bytes at a time, as the relay reads them.
const LENGTHS: [usize; 3] = [64, 1 << 10, 64 << 10];
const TOTAL: usize = 4 << 20;
const KEY: [u8; 16] = *b"sixteen  bytes..";

/// Megabytes a second.
fn rate(len: usize, mut each: impl FnMut(&mut [u8])) -> f64 {
    let mut bytes = vec![0x5a; len];
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = ThreadTime::now();
        for _ in 0..TOTAL / len {
            each(black_box(&mut bytes));
        }
        best = best.min(began.elapsed());
    }
    TOTAL as f64 / best.as_secs_f64() / 1e6
}

fn main() -> ExitCode {
    let check = std::env::args().any(|arg| arg == "--check");
    let mut is_fast = true;
    println!("bytes at a time   encrypt   decrypt   decrypt, byte after byte   (MB/s)");
    for len in LENGTHS {
        let mut encryptor = Encryptor::new(&KEY.into(), &KEY);
        let encrypt = rate(len, |bytes| encryptor.encrypt(bytes));
        let mut decryptor = Decryptor::new(&KEY.into(), &KEY);
        let decrypt = rate(len, |bytes| decryptor.decrypt(bytes));
        let mut serial = cfb8::Decryptor::<Aes128>::new(&KEY.into(), &KEY.into());
        let serial = rate(len, |bytes| serial.decrypt(bytes));
        println!("{len:15}   {encrypt:7.0}   {decrypt:7.0}   {serial:7.0}");
        is_fast &= decrypt >= 2.0 * serial;
    }
    ExitCode::from(u8::from(check && !is_fast))
}
