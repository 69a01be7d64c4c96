#![no_main]

use midwire_definition::Limits;
use midwire_definition::given::parse;
use midwire_definition::nbt::{skip, write, write_json, write_snbt};
use midwire_definition::plan::NbtForm;

libfuzzer_sys::fuzz_target!(|input: (bool, bool, &[u8])| {
    let (named, optional, bytes) = input;
    let form = NbtForm { named, optional };
    let depth_max = Limits::default().nbt_depth_max;
    match skip(bytes, form, depth_max) {
        Ok(len) => {
            let nbt = &bytes[..len];
            assert_eq!(skip(nbt, form, depth_max), Ok(len));
            let mut text = String::new();
            write_snbt(nbt, form, usize::MAX, &mut text);
            let (mut json, mut again, mut made) = (String::new(), String::new(), Vec::new());
            write_json(nbt, form, &mut json);
            let given = parse(&json).unwrap_or_else(|error| panic!("{error:?} in {json}"));
            if write(&given, form, depth_max, &mut made).is_ok() {
                write_json(&made, form, &mut again);
                assert_eq!(again, json);
            }
        }
        Err((offset, _)) => assert!(offset <= bytes.len()),
    }
});
