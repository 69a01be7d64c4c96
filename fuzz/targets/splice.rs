#![no_main]

mod built_in;

use midwire_definition::splice::editable_paths;
use midwire_definition::{Edits, Given, Workspace};

libfuzzer_sys::fuzz_target!(|input: (u16, u16, u8, i64, &str, &[u8])| {
    let (selector, field, kind, number, text, bytes) = input;
    let known = built_in::packet(selector);
    let plan = known.definition.plan.as_ref().expect("all have one");
    let mut workspace = Workspace::default();
    let mut packet = plan.decode(bytes, 0, &known.conn, &mut workspace);
    let is_whole = packet.error().is_none();
    let rest = packet.rest().to_vec();
    let mut same = Vec::new();
    packet.splice(&Edits::new(), &mut same).expect("nothing is to be changed");
    assert_eq!(same, bytes);

    let paths = editable_paths(&mut packet);
    let Some((path, editable)) = paths.get(usize::from(field) % paths.len().max(1)) else { return };
    let mut edits = Edits::new();
    match kind % 8 {
        0 => edits.set(path, editable.sample.clone()),
        1 => edits.set(path, Given::Int(number.into())),
        2 => edits.set(path, Given::Text(text.to_owned())),
        3 => edits.set(path, Given::Bytes(text.as_bytes().to_vec())),
        4 => edits.set(path, Given::Bool(number & 1 != 0)),
        5 => edits.delete(path),
        6 => edits.remove(path),
        _ => edits.insert(path, number as u32 % 4, Given::Object(Vec::new())),
    };
    let mut changed = Vec::new();
    if packet.splice(&edits, &mut changed).is_ok() {
        let again = plan.decode(&changed, 0, &known.conn, &mut workspace);
        if is_whole {
            assert!(again.error().is_none(), "{path}: {:?}", again.error());
            assert_eq!(again.rest(), rest, "{path}");
        } else {
            assert!(changed.ends_with(&rest), "{path}");
        }
    }
});
