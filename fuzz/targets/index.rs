#![no_main]

use midwire_capture::{Index, Recordings};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut sealed = [b"MWIX\x01", bytes].concat();
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let words = sealed.chunks_exact(8);
    let rest = words.remainder();
    let hash = words.fold(sealed.len() as u64, |hash, word| {
        mix(hash, u64::from_le_bytes(word.try_into().unwrap()))
    });
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    sealed.extend(hash.to_le_bytes());
    let Ok(index) = Index::from_bytes(&sealed) else { return };
    for packet in [0, 1, index.packets(), u64::MAX] {
        if let Some(start) = index.start(packet) {
            assert!(start.packet <= packet);
            let _ = Recordings::restore(start.state);
        }
        for (key, _) in index.keys() {
            let _ = index.nth(key, packet);
        }
    }
    assert!(Index::from_bytes(&index.to_bytes()).is_ok_and(|again| again == index));
});
