#![no_main]

use midwire_capture::{Index, Recordings};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut sealed = [b"MWIX\x01", bytes].concat();
    let hash = sealed.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
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
