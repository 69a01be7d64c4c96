//! What no edit reaches stays as it is.

use hex_literal::hex;
use midwire_definition::Given;

use crate::support::{define, int};

#[test]
fn without_edits_everything_is_copied() {
    let def = define("a: varint, b: bool, c: str[varint]");
    let odd = hex!("85 80 00  02  83 00 ff fe fd  99 99");
    assert_eq!(def.edited(&odd, |e| e).unwrap(), odd);
}

#[test]
fn an_edit_leaves_odd_forms_beside_it_alone() {
    let def = define("a: varint, b: bool, c: str[varint], pad 2, d: u8, e: f32");
    // An over-long varint, a bool of 2, an over-long length, padding, a NaN, and bytes behind.
    let odd = hex!("85 80 00  02  81 00 ff  be ef  07  7f c0 12 34  99 99");
    let new = hex!("85 80 00  02  81 00 ff  be ef  09  7f c0 12 34  99 99");
    assert_eq!(def.edited(&odd, |e| e.set("d", int(9))).unwrap(), new);
}

#[test]
fn a_field_set_to_what_it_is_keeps_its_bytes() {
    let def = define("a: varint, b: bool, c: u8");
    let odd = hex!("85 80 00 02 01");
    let same =
        def.edited(&odd, |e| e.set("a", int(5)).set("b", Given::Bool(true)).set("c", int(1)));
    assert_eq!(same.unwrap(), odd);
}
