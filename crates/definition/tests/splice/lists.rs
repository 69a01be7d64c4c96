//! Lists, counts and lengths.

use hex_literal::hex;
use midwire_definition::{EditError, Edits, Given};

use crate::support::{define, define_with, int, json, text};

#[test]
fn elements_are_edited_inserted_and_removed_by_their_old_places() {
    let def = define("l: [varint] { a: varint, b: u8 }, z: u8");
    let body = hex!("03  8100 0a  02 0b  03 0c  ff");
    let out = def.edited(&body, |e| {
        e.set("l[2].b", int(0x2c)).remove("l[1]");
        e.insert("l", 0, json("{\"a\":9}")).insert("l", 3, json("{\"b\":8}"))
    });
    assert_eq!(out.unwrap(), hex!("04  09 00  8100 0a  03 2c  00 08  ff"));
}

#[test]
fn a_count_in_front_follows_its_list() {
    let def = define("n: varint, x: u8, l: [n] u16, m: varint, s: str[m - 1]");
    let body = hex!("8200 07 0001 0002 03 6162");
    let out = def.edited(&body, |e| e.remove("l[0]").set("s", text("abc")));
    assert_eq!(out.unwrap(), hex!("01 07 0002 04 616263"));
    // The number did not change: its odd form stays.
    let out = def.edited(&body, |e| e.set("l[0]", int(9)));
    assert_eq!(out.unwrap(), hex!("8200 07 0009 0002 03 6162"));
    assert_eq!(
        def.refused(&body, |e| e.set("n", int(3))),
        "`n` is set to 3, but `l` (length 2) needs it to be 2"
    );
    let out = def.edited(&body, |e| e.set("n", int(3)).insert("l", 2, int(3)));
    assert_eq!(out.unwrap(), hex!("03 07 0001 0002 0003 03 6162"));
}

#[test]
fn a_count_that_does_not_fit_its_form_is_refused() {
    let def = define("n: u8, l: [n] u8");
    let long = Given::List(vec![int(0); 256]);
    assert_eq!(
        def.refused(&[0], |e| e.set("l", long)),
        "256 does not fit `n`, which takes 0 to 255"
    );
}

#[test]
fn lists_that_share_a_count_have_to_agree() {
    let def = define("n: u8, a: [n] u8, b: [n] u8");
    let body = hex!("01 05 06");
    assert_eq!(
        def.refused(&body, |e| e.insert("a", 1, int(7))),
        "`n` is the length of `a` and `b`, which would have 2 and 1; they have to be equal"
    );
    let out = def.edited(&body, |e| e.insert("a", 1, int(7)).insert("b", 0, int(8)));
    assert_eq!(out.unwrap(), hex!("02 0507 0806"));
}

#[test]
fn a_scaled_count_must_come_out_even() {
    let def = define("n: u8, l: [n * 2] u8");
    assert_eq!(
        def.refused(&[0], |e| e.insert("l", 0, int(1))),
        "no value of `n` stands for 1 of `l` (2 * n + 0)"
    );
    assert_eq!(def.edited(&[0], |e| e.set("l", json("[1,2]"))).unwrap(), [1, 1, 2]);
}

#[test]
fn a_size_that_is_calculated_has_to_agree() {
    let def = define("w: u8, h: u8, l: [w * h] u8");
    let body = hex!("01 02 0a0b");
    assert_eq!(
        def.refused(&body, |e| e.set("w", int(2))),
        "`l` would have 2 elements, but `w * h` says 4; they have to agree"
    );
    let out = def.edited(&body, |e| e.set("w", int(2)).set("l", json("[1,2,3,4]")));
    assert_eq!(out.unwrap(), hex!("02 02 01020304"));
    assert_eq!(def.encoded("{\"w\":2,\"h\":2}").unwrap(), hex!("02 02 00000000"));
}

#[test]
fn written_values_are_computed_where_what_they_are_made_of_changed() {
    let def = define("l: [u8] u8, n: u8 = count(l) + 1, a: u8, t: str[u8], sum: u8 = a + bytes(t)");
    // What the sender wrote is wrong, and stays until something it is made of changes.
    let body = hex!("01 05  77  01 00  66");
    let edited =
        |e: &dyn Fn(&mut Edits) -> &mut Edits| def.edited(&body, |edits| e(edits)).unwrap();
    assert_eq!(edited(&|e| e.set("l[0]", int(6))), hex!("01 06  77  01 00  66"));
    assert_eq!(edited(&|e| e.set("a", int(3))), hex!("01 05  77  03 00  04"));
    assert_eq!(edited(&|e| e.set("t", text("abc"))), hex!("01 05  77  01 03616263  05"));
    assert_eq!(edited(&|e| e.insert("l", 0, int(4))), hex!("02 0405  03  01 00  66"));
    // Readers do not need it to be right, so it can be set to anything.
    assert_eq!(edited(&|e| e.set("sum", int(9))), hex!("01 05  77  01 00  09"));
    assert_eq!(def.encoded("{\"l\":[1,2],\"a\":4}").unwrap(), hex!("02 0102 03 04 00 05"));
}

#[test]
fn a_list_ended_by_a_value_keeps_its_end_mark() {
    let def = define("l: [until varint == 0] { id: varint, n: u8 }, z: u8");
    let body = hex!("05 01  8000  ff");
    assert_eq!(
        def.edited(&body, |e| e.insert("l", 1, json("{\"id\":6}"))).unwrap(),
        hex!("05 01  06 00  8000  ff")
    );
    assert_eq!(def.edited(&body, |e| e.remove("l[0]")).unwrap(), hex!("8000 ff"));
    assert_eq!(
        def.refused(&body, |e| e.set("l[0].id", int(0))),
        "`l[0]`: it begins with 0, which ends the list"
    );
    assert_eq!(def.encoded("{\"l\":[{\"id\":1}],\"z\":2}").unwrap(), hex!("01 00 00 02"));
}

#[test]
fn a_list_that_goes_on_by_a_flag_of_its_elements_marks_only_the_last() {
    let def =
        define("l: [while it.head.more] { head: bits u8 { more: u1, slot: u7 }, n: u8 }, z: u8");
    let body = hex!("81 0a  82 0b  03 0c  ff");
    let edited =
        |e: &dyn Fn(&mut Edits) -> &mut Edits| def.edited(&body, |edits| e(edits)).unwrap();
    assert_eq!(edited(&|e| e.remove("l[2]")), hex!("81 0a  02 0b  ff"));
    let new = json("{\"head\":{\"slot\":9}}");
    assert_eq!(edited(&|e| e.insert("l", 3, new.clone())), hex!("81 0a  82 0b  83 0c  09 00  ff"));
    assert_eq!(edited(&|e| e.insert("l", 0, new.clone())), hex!("89 00  81 0a  82 0b  03 0c  ff"));
    assert_eq!(edited(&|e| e.set("l[1].head.slot", int(5))), hex!("81 0a  85 0b  03 0c  ff"));
    assert!(def.refused(&body, |e| e.set("l", json("[]"))).contains("one element at least"));
    assert_eq!(
        def.refused(&body, |e| e.set("l[0].head.more", Given::Bool(false))),
        "`l[0].head.more` is set to 0, but `l` needs it to be 1"
    );
    assert_eq!(def.encoded("{\"z\":1}").unwrap(), hex!("00 00 01"));
}

#[test]
fn a_list_that_ends_by_a_sum_has_to_reach_it() {
    let def = define("w: u8, l: [until sum(it.run + 1) >= w * 2] { run: u8, v: u8 }, z: u8");
    let body = hex!("02  01 0a  01 0b  ff");
    let out = def.edited(&body, |e| e.set("l[0].v", int(9)));
    assert_eq!(out.unwrap(), hex!("02  01 09  01 0b  ff"));
    assert_eq!(
        def.refused(&body, |e| e.set("l[0].run", int(0))),
        "`l`: its elements give 3; >= 4 (w * 2) is needed"
    );
    assert_eq!(
        def.refused(&body, |e| e.set("l[0].run", int(3))),
        "`l`: the elements before [1] already give 4"
    );
    let out = def.edited(&body, |e| e.set("l[0].run", int(3)).remove("l[1]"));
    assert_eq!(out.unwrap(), hex!("02  03 0a  ff"));
    let error = def.edited(&body, |e| e.set("w", int(9))).unwrap_err();
    assert!(matches!(error, EditError::List { .. }), "{error}");
}

#[test]
fn long_lists_are_spliced_by_range() {
    let def = define("l: [u16] { a: varint }, z: u8");
    let mut body = 1000u16.to_be_bytes().to_vec();
    for i in 0..1000u32 {
        body.extend_from_slice(if i % 2 == 0 { &[0x85, 0x80, 0x00] } else { &[0x06] });
    }
    body.push(0xff);
    let out = def.edited(&body, |e| e.set("l[500].a", int(1)).remove("l[999]")).unwrap();
    let at = 2 + 500 * 2;
    let mut wanted = body.clone();
    wanted[..2].copy_from_slice(&999u16.to_be_bytes());
    wanted.remove(body.len() - 2);
    wanted.splice(at..at + 3, [1]);
    assert_eq!(out, wanted);
}

#[test]
fn elements_of_bits_alone_say_themselves_whether_another_follows() {
    for (around, element) in [
        ("", "bits u8 { more: u1, slot: u7 }"),
        ("type Slot = bits u8 msb { more: u1, slot: u7 }", "Slot"),
    ] {
        let def = define_with(around, &format!("l: [while it.more] {element}, z: u8"));
        let body = hex!("81 82 03 ff");
        let edited =
            |e: &dyn Fn(&mut Edits) -> &mut Edits| def.edited(&body, |edits| e(edits)).unwrap();
        assert_eq!(edited(&|e| e.remove("l[2]")), hex!("81 02 ff"));
        assert_eq!(edited(&|e| e.remove("l[0]")), hex!("82 03 ff"));
        let new = json("{\"slot\":9}");
        assert_eq!(edited(&|e| e.insert("l", 3, new.clone())), hex!("81 82 83 09 ff"));
        assert_eq!(edited(&|e| e.insert("l", 0, new.clone())), hex!("89 81 82 03 ff"));
        assert_eq!(edited(&|e| e.set("l[1].slot", int(5))), hex!("81 85 03 ff"));
        assert_eq!(edited(&|e| e.set("z", int(1))), hex!("81 82 03 01"));
        assert_eq!(
            def.refused(&body, |e| e.set("l[0].more", int(0))),
            "`l[0].more` is set to 0, but `l` needs it to be 1"
        );
        assert!(def.refused(&body, |e| e.set("l", json("[]"))).contains("one element at least"));
        let made = def.encoded("{\"l\":[{\"slot\":1},{\"slot\":2}],\"z\":9}");
        assert_eq!(made.unwrap(), hex!("81 02 09"));
        assert_eq!(def.encoded("{\"z\":1}").unwrap(), hex!("00 01"));
    }
    // Flags work alike, and a number is its own mark.
    let def =
        define("l: [while it.more] flags u8 { a = 0, more = 7 }, n: [while it > 5] u8, z: u8");
    let body = hex!("81 01  06 05  ff");
    assert_eq!(def.edited(&body, |e| e.remove("l[1]")).unwrap(), hex!("01  06 05  ff"));
    assert_eq!(def.edited(&body, |e| e.set("z", int(1))).unwrap(), hex!("81 01  06 05  01"));
}
