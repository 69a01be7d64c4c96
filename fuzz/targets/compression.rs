#![no_main]

use midwire_codec::{Deflater, Inflater, Wrapper, split};

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (limit, bytes) = input;
    let mut inflater = Inflater::new(usize::from(limit));
    let mut out = Vec::new();
    if let Ok(compressed) = split(bytes)
        && let Some(plain_len) = compressed.plain_len
    {
        let result = inflater.inflate(compressed.data, plain_len, &mut out);
        assert!(out.len() <= plain_len.min(usize::from(limit)));
        assert!(result.is_err() || out.len() == plain_len);
    }
    for wrapper in [Wrapper::Zlib, Wrapper::Deflate, Wrapper::Gzip] {
        out.clear();
        let result = inflater.inflate_block(wrapper, bytes, &mut out);
        assert!(out.len() <= usize::from(limit));
        if let Ok(used) = result {
            assert!(used <= bytes.len());
            let (mut again, mut plain) = (Vec::new(), Vec::new());
            Deflater::default().deflate(wrapper, &out, &mut again);
            assert_eq!(inflater.inflate_block(wrapper, &again, &mut plain), Ok(again.len()));
            assert_eq!(plain, out);
        }
    }
});
