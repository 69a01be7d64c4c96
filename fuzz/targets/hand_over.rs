#![no_main]

use std::sync::Arc;

use midwire_route::{HandOver, Needles, Pattern};

libfuzzer_sys::fuzz_target!(|input: (Vec<Option<u8>>, Vec<(Vec<u8>, bool)>)| {
    let (pattern, chunks) = input;
    let hex: String =
        pattern.iter().map(|byte| byte.map_or("??".into(), |byte| format!("{byte:02x}"))).collect();
    let Ok(prepared) = Pattern::hex(&hex) else { return };
    let mut hand_over = HandOver::new(Arc::new(Needles::new(&[prepared])));
    let (mut came, mut passed) = (Vec::new(), Vec::new());
    let fits = |bytes: &[u8]| {
        bytes.windows(pattern.len()).position(|here| {
            here.iter().zip(&pattern).all(|(byte, wanted)| wanted.is_none_or(|w| w == *byte))
        })
    };
    for (chunk, let_go) in chunks {
        let before = came.len();
        came.extend_from_slice(&chunk);
        let watched = hand_over.handle_bytes(&chunk);
        passed.extend_from_slice(&watched.before);
        passed.extend_from_slice(&chunk[..watched.pass]);
        if let Some(matched) = watched.matched {
            let start = fits(&came).expect("it is there");
            assert_eq!(before + matched.end, start + pattern.len());
            assert_eq!(matched.text, came[start..][..pattern.len()]);
            assert!(passed.starts_with(&came[..start]) && came.starts_with(&passed));
            return;
        }
        assert_eq!(fits(&came), None);
        assert!(hand_over.held_len() < pattern.len());
        if let_go {
            passed.extend_from_slice(&hand_over.release());
        }
        assert_eq!(passed, came[..came.len() - hand_over.held_len()]);
    }
});
