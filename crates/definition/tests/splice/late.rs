//! Fields that are computed from later ones.

use hex_literal::hex;

use crate::support::{define, define_with, int, json};

#[test]
fn a_count_may_be_of_a_list_that_comes_later() {
    let def = define("n: u8 = count(l), k: u8, l: [..] u16");
    let body = hex!("02 07 0001 0002");
    assert_eq!(def.encoded("{\"k\":7,\"l\":[1,2]}").unwrap(), body);
    assert_eq!(def.encoded("{}").unwrap(), hex!("00 00"));
    assert_eq!(
        def.edited(&body, |e| e.insert("l", 1, int(9))).unwrap(),
        hex!("03 07 0001 0009 0002")
    );
    assert_eq!(def.edited(&body, |e| e.remove("l[0]")).unwrap(), hex!("01 07 0002"));
    assert_eq!(def.edited(&body, |e| e.set("l[0]", int(9))).unwrap(), hex!("02 07 0009 0002"));
    // What a sender made of it stays while nothing changes that it is made of.
    let odd = hex!("05 07 0001 0002");
    assert_eq!(def.edited(&odd, |e| e.set("k", int(8))).unwrap(), hex!("05 08 0001 0002"));
    assert_eq!(def.edited(&odd, |e| e.remove("l[0]")).unwrap(), hex!("01 07 0002"));
    // Who sets it means it.
    assert_eq!(def.edited(&body, |e| e.set("n", int(9))).unwrap(), hex!("09 07 0001 0002"));
}

#[test]
fn a_size_may_be_of_what_comes_later() {
    let def = define("n: u16 = bytes(s) + 2, s: { a: u8, t: str[u8] }, z: u8");
    let body = hex!("0005  05 01 41  09");
    let fields = "{\"s\":{\"a\":5,\"t\":\"A\"},\"z\":9}";
    assert_eq!(def.encoded(fields).unwrap(), body);
    let longer = def.edited(&body, |e| e.set("s.t", json("\"ABC\"")));
    assert_eq!(longer.unwrap(), hex!("0007  05 03 414243  09"));
    for (fields, body, path, new, expected) in [
        (
            "n: u8 = bytes(l), l: [u8] varint",
            &hex!("03  02 05 06")[..],
            "l[0]",
            int(300),
            &hex!("04  02 ac02 06")[..],
        ),
        (
            "n: u8 = bytes(b), b: sized[u8] { t: str[..] }",
            &hex!("02  01 41"),
            "b.t",
            json("\"ABC\""),
            &hex!("04  03 414243"),
        ),
        ("n: u8 = count(t), t: str[..]", &hex!("01 41"), "t", json("\"ABC\""), &hex!("03 414243")),
        (
            "n: u8 = count(s.l) * 2 + k, k: u8, s: { l: [u8] u8 }",
            &hex!("05 03  01 09"),
            "k",
            int(4),
            &hex!("06 04  01 09"),
        ),
        ("n: varint = later, later: varint", &hex!("05 05"), "later", int(300), &hex!("ac02 ac02")),
    ] {
        let def = define(fields);
        assert_eq!(def.edited(body, |e| e.set(path, new)).unwrap(), expected, "{fields}");
        let unchanged = def.edited(body, |e| e).unwrap();
        assert_eq!(unchanged, body, "{fields}");
    }
}

#[test]
fn later_fields_are_found_in_elements_types_and_arms() {
    let def = define_with(
        "type Named { n: u8 = count(t), k: u8, t: str[..] }",
        "l: [u8] sized[u8] Named",
    );
    let body = hex!("01  03  01 07 41");
    assert_eq!(def.encoded("{\"l\":[{\"k\":7,\"t\":\"A\"}]}").unwrap(), body);
    assert_eq!(
        def.edited(&body, |e| e.set("l[0].t", json("\"ABC\""))).unwrap(),
        hex!("01  05  03 07 414243")
    );
    let def = define("f: bool, if f { n: u8 = count(l) }, l: [..] u8");
    assert_eq!(def.encoded("{\"f\":true,\"l\":[5,6]}").unwrap(), hex!("01 02 05 06"));
    assert_eq!(def.encoded("{\"f\":false,\"l\":[5,6]}").unwrap(), hex!("00 05 06"));
    let def = define("n: u8 = count(l), f: bool, if f { l: [..] u8 }");
    assert_eq!(def.encoded("{\"l\":[5,6]}").unwrap(), hex!("02 01 05 06"));
    assert_eq!(def.encoded("{}").unwrap(), hex!("00 00"));
    let def = define_with("type T { n: u8 = count(l), l: [..] u8 }", "...T");
    assert_eq!(def.encoded("{\"l\":[5,6]}").unwrap(), hex!("02 05 06"));
}
