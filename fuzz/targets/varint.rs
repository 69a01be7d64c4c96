#![no_main]

use midwire_codec::varint::*;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut out = Vec::new();
    if let Ok(Some((value, width))) = read_varint(bytes) {
        write_varint_padded(value, width, &mut out);
        assert_eq!(read_varint(&out), Ok(Some((value, width))));
        assert_eq!(skip_varint(bytes, VARINT_WIDTH_MAX), Ok(Some(width)));
    }
    out.clear();
    if let Ok(Some((value, width))) = read_varlong(bytes) {
        write_varlong_padded(value, width, &mut out);
        assert_eq!(read_varlong(&out), Ok(Some((value, width))));
    }
    out.clear();
    if let Ok(Some((value, width))) = read_varint128(bytes) {
        write_varint128_padded(value, width, &mut out);
        assert_eq!(read_varint128(&out), Ok(Some((value, width))));
    }
});
