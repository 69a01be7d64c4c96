//! Definition texts that grow: each is refused in no time, none brings the program down.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::{Shown, body, hex, problems, problems_of, with_body};

#[test]
fn types_without_end_are_told_not_followed() {
    for (types, body) in [
        ("type G(T) { x: [u8] G([u8] T) }", "a: G(u8)"),
        ("type G(T) { a: [u8] G([u8] T), b: [u8] G([u16] T) }", "a: G(u8)"),
        ("type G(T) { a: G({ x: T, y: T }) }", "a: G(u8)"),
        ("type A(T) { x: B([u8] T) }\ntype B(T) { x: A([u8] T) }", "a: A(u8)"),
    ] {
        let before = Instant::now();
        let text = problems(&format!("{}{types}\n", with_body(body)));
        assert!(text.contains("error[W024]: this type grows without end"), "{types}: {text}");
        assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
    }
}

#[test]
fn types_that_double_are_told_not_followed() {
    let double = |first: &str, next: &dyn Fn(usize) -> String| {
        let mut text = with_body("a: T40");
        text.push_str(first);
        (1..=40).for_each(|i| text.push_str(&next(i)));
        let before = Instant::now();
        let text = problems(&text);
        assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
        text
    };
    let grows = "error[W024]: this type grows without end";
    let text =
        double("type T0 { x: u8 }\n", &|i| format!("type T{i} {{ a: T{0}, b: T{0} }}\n", i - 1));
    assert!(text.contains(grows), "{text}");
    let text = double("type T0 { }\n", &|i| format!("type T{i} {{ ...T{0}, ...T{0} }}\n", i - 1));
    assert!(text.contains(grows), "{text}");
    let text = double("type T0 { }\n", &|i| {
        format!("type T{i} {{ if remaining > 0 {{ ...T{0} }} else {{ ...T{0} }} }}\n", i - 1)
    });
    assert!(text.contains(grows), "{text}");
    let text = double("type T0 = [u8] u8\n", &|i| {
        format!("type T{i} {{ a: [u8] T{0}, b: [u8] T{0} }}\n", i - 1)
    });
    assert!(text.contains(grows), "{text}");
}

#[test]
fn expressions_that_double_are_told_not_followed() {
    let mut lets = String::from("n: u8\nlet a0 = n\n");
    for i in 1..=64 {
        lets.push_str(&format!("let a{i} = a{0} + a{0}\n", i - 1));
    }
    let text = problems(&with_body(&format!("{lets}if a64 > 0 {{ x: u8 }}")));
    assert!(text.contains("error[W055]: this expression grows without end"), "{text}");

    let mut lets = String::from("n: u8\nlet a0 = n\n");
    for i in 1..=50_000 {
        lets.push_str(&format!("let a{i} = a{0} + 1\n", i - 1));
    }
    let text = problems(&with_body(&format!("{lets}if a50000 > 0 {{ x: u8 }}")));
    assert!(text.contains("error[W055]: this expression grows without end"), "{}", &text[..500]);

    let mut types = with_body("n: u8, a: T64(n)");
    types.push_str("type T0(n) { x: [n] u8 }\n");
    for i in 1..=64 {
        types.push_str(&format!("type T{i}(n) {{ a: T{}(n + n) }}\n", i - 1));
    }
    let text = problems(&types);
    assert!(text.contains("error[W055]: this expression grows without end"), "{text}");
}

#[test]
fn a_chain_of_a_hundred_lets_is_none_too_many() {
    let mut lets = String::from("n: u8\nlet a0 = n\n");
    for i in 1..=100 {
        lets.push_str(&format!("let a{i} = a{} + 1\n", i - 1));
    }
    let protocol = body(&format!("{lets}if a100 == 103 {{ x: u8 }}"));
    let seen = support::read(&protocol, &hex("03 07"));
    assert_eq!(seen.at("x").shown, Shown::Int(7));
    assert_eq!(seen.at("a100").number(), 103);
}

#[test]
fn includes_in_a_circle_are_read_once() {
    let text = problems_of(&[
        ("a.wire", "include \"b.wire\"\nprotocol a { }\n"),
        ("b.wire", "include \"a.wire\"\ninclude \"b.wire\"\ntype T = u8\n"),
    ]);
    assert_eq!(text, "");
}

#[test]
fn numbers_at_the_ends_of_their_range_do_not_overflow() {
    for text in [
        "ids clientbound { 0: a = 9223372036854775807 b, + c after b }\n",
        "ids clientbound { 0: a = 9223372036854775807 }\n",
        "ids clientbound { 0: a = 9223372036854775806 b, + c first }\n",
        "packet P = -9223372036854775808 clientbound { a: u8 }\n",
        "packet P = 1 clientbound { a: enum u8 { x = 170141183460469231731687303715884105727 y } }\n",
        "packet P = 1 clientbound { a: flags u8 { x = 170141183460469231731687303715884105727 y } }\n",
        "packet P = 1 clientbound { a: u8, let b = 170141183460469231731687303715884105727 + a }\n",
        "packet P = 1 clientbound { a: u8, let b = -170141183460469231731687303715884105727 / -1 }\n",
        "packet P = 1 clientbound { a: u8, let b = a << 170141183460469231731687303715884105727 }\n",
        "packet P = 1 clientbound { a: u8, pad 9223372036854775807 }\n",
        "packet P = 1 clientbound { a: bytes[9223372036854775807] }\n",
        "packet P = 1 clientbound { a: bits u8 { x: u99999 } }\n",
        "packet P = 1 clientbound { a: u8, match a { 0..9223372036854775807 => { b: u8 } } }\n",
        "packet P = 1 clientbound { a: u8, b: match a { -9223372036854775808..9223372036854775807 => u8 } }\n",
        "packet P = 1 clientbound { a: u8, let b = match a { 0..9223372036854775807 => 1 } }\n",
        "packet P @9223372036854775807.. = 1 clientbound { a: u8 }\n",
        "table t { 9223372036854775807, -9223372036854775808..9223372036854775807 }\n",
    ] {
        // Whatever is said of it, saying it must not fail.
        problems(&format!("{}{text}", support::HEAD));
    }
}
