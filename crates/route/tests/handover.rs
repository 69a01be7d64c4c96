//! A stream that is handed over when a pattern is seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use bytes::Bytes;
use midwire_route::{HandOver, Needles, Pattern};
use proptest::prelude::*;

fn watching(patterns: &[&str]) -> HandOver {
    let patterns: Vec<_> = patterns.iter().map(|text| Pattern::text(text).unwrap()).collect();
    HandOver::new(Arc::new(Needles::new(&patterns)))
}

/// What is passed on, and what is handed over: the match, and what follows it.
#[derive(Debug, PartialEq, Eq, Default)]
struct Split {
    passed: Vec<u8>,
    matched: Option<(usize, Vec<u8>, Vec<u8>)>,
}

/// Feeds chunks; what comes after a match is for the other.
fn feed<'c>(hand_over: &mut HandOver, chunks: impl IntoIterator<Item = &'c [u8]>) -> Split {
    let mut split = Split::default();
    for chunk in chunks {
        if let Some((_, _, rest)) = &mut split.matched {
            rest.extend_from_slice(chunk);
            continue;
        }
        let watched = hand_over.handle_bytes(Bytes::copy_from_slice(chunk));
        split.passed.extend_from_slice(&watched.before);
        split.passed.extend_from_slice(&watched.pass);
        split.matched = watched.matched.map(|m| (m.needle, m.text.to_vec(), m.rest.to_vec()));
    }
    if split.matched.is_none() {
        split.passed.extend_from_slice(&hand_over.release());
    }
    split
}

#[test]
fn what_comes_before_passes_and_the_match_and_the_rest_are_handed_over() {
    let split = feed(&mut watching(&["STARTAMP\n"]), [&b"hello\nSTARTAMP\n\0\x04_ask"[..]]);
    assert_eq!(split.passed, b"hello\n");
    assert_eq!(split.matched, Some((0, b"STARTAMP\n".to_vec(), b"\0\x04_ask".to_vec())));
}

#[test]
fn a_match_at_the_first_byte_passes_nothing() {
    let split = feed(&mut watching(&["ab"]), [&b"abc"[..]]);
    assert_eq!((split.passed, split.matched), (vec![], Some((0, b"ab".to_vec(), b"c".to_vec()))));
}

#[test]
fn only_what_may_go_on_is_held() {
    let mut hand_over = watching(&["aab"]);
    for (chunk, passed, held) in
        [("x", "x", 0), ("a", "", 1), ("a", "", 2), ("a", "a", 2), ("c", "aac", 0)]
    {
        let watched = hand_over.handle_bytes(Bytes::from(chunk));
        let out = [&watched.before[..], &watched.pass].concat();
        assert_eq!((out, hand_over.held_len()), (passed.into(), held), "{chunk}");
    }
}

#[test]
fn an_overlapping_beginning_is_not_missed() {
    let split = feed(&mut watching(&["abab\n"]), b"ababab\nz".chunks(1));
    assert_eq!(
        (split.passed, split.matched),
        (b"ab".to_vec(), Some((0, b"abab\n".to_vec(), b"z".to_vec())))
    );
}

#[test]
fn what_was_released_may_still_be_the_beginning_of_a_match() {
    let mut hand_over = watching(&["abcd"]);
    assert_eq!(hand_over.handle_bytes(Bytes::from("xab")).pass, "x");
    assert_eq!((hand_over.release(), hand_over.held_len()), (Bytes::from("ab"), 0));
    let watched = hand_over.handle_bytes(Bytes::from("c"));
    assert_eq!((watched.pass.len(), hand_over.held_len()), (0, 1));
    let matched = hand_over.handle_bytes(Bytes::from("de")).matched.unwrap();
    assert_eq!((&matched.text[..], &matched.rest[..]), (&b"abcd"[..], &b"e"[..]));
}

#[test]
fn what_was_released_is_not_passed_again() {
    let mut hand_over = watching(&["abcd"]);
    hand_over.handle_bytes(Bytes::from("ab"));
    assert_eq!(hand_over.release(), "ab");
    let watched = hand_over.handle_bytes(Bytes::from("x"));
    assert_eq!(
        (watched.before.len(), watched.pass, hand_over.held_len()),
        (0, Bytes::from("x"), 0)
    );
}

#[test]
fn of_several_patterns_the_one_that_ends_first_is_found() {
    let split =
        feed(&mut watching(&["longer than", "than", "er"]), b"one longer than the".chunks(3));
    assert_eq!(split.passed, b"one long");
    assert_eq!(split.matched, Some((2, b"er".to_vec(), b" than the".to_vec())));
}

#[test]
fn a_byte_may_be_any() {
    let pattern = Pattern::hex("?? 01 ?? 02").unwrap();
    let mut hand_over = HandOver::new(Arc::new(Needles::new(&[pattern])));
    let split = feed(&mut hand_over, [7, 8, 1, 3, 2, 9].chunks(1));
    assert_eq!((split.passed, split.matched), (vec![7], Some((0, vec![8, 1, 3, 2], vec![9]))));
}

/// The first end of a pattern in a text, by looking everywhere.
fn naive(text: &[u8], patterns: &[Vec<Option<u8>>]) -> Split {
    for end in 1..=text.len() {
        for (needle, pattern) in patterns.iter().enumerate() {
            let Some(start) = end.checked_sub(pattern.len()) else { continue };
            let fits = |(byte, wanted): (&u8, &Option<u8>)| wanted.is_none_or(|w| w == *byte);
            if text[start..end].iter().zip(pattern).all(fits) {
                let matched = Some((needle, text[start..end].to_vec(), text[end..].to_vec()));
                return Split { passed: text[..start].to_vec(), matched };
            }
        }
    }
    Split { passed: text.to_vec(), matched: None }
}

fn hex_of(pattern: &[Option<u8>]) -> String {
    pattern.iter().map(|b| b.map_or("??".to_owned(), |b| format!("{b:02x}"))).collect()
}

fn pieces(text: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_the_cuts_it_finds_what_looking_everywhere_finds(
        text in proptest::collection::vec(0u8..3, 0..60),
        patterns in proptest::collection::vec(
            proptest::collection::vec(proptest::option::weighted(0.9, 0u8..3), 1..7), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assume!(patterns.iter().all(|p| p.iter().any(Option::is_some)));
        let prepared: Vec<_> = patterns.iter().map(|p| Pattern::hex(&hex_of(p)).unwrap()).collect();
        let mut hand_over = HandOver::new(Arc::new(Needles::new(&prepared)));
        let chunks = pieces(&text, &cuts);
        let split = feed(&mut hand_over, chunks.iter().map(|chunk| &chunk[..]));
        prop_assert_eq!(split, naive(&text, &patterns));
    }

    #[test]
    fn releasing_anywhere_loses_and_repeats_nothing(
        text in proptest::collection::vec(0u8..3, 0..60),
        pattern in proptest::collection::vec(0u8..3, 1..8),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
        releases in any::<u8>(),
    ) {
        let prepared = Pattern::hex(&hex_of(&pattern.iter().copied().map(Some).collect::<Vec<_>>())).unwrap();
        let mut hand_over = HandOver::new(Arc::new(Needles::new(&[prepared])));
        let (mut passed, mut matched) = (Vec::new(), None);
        for (number, chunk) in pieces(&text, &cuts).into_iter().enumerate() {
            if let Some((_, rest)) = &mut matched {
                let rest: &mut Vec<u8> = rest;
                rest.extend(chunk);
                continue;
            }
            let watched = hand_over.handle_bytes(chunk.into());
            passed.extend_from_slice(&watched.before);
            passed.extend_from_slice(&watched.pass);
            match watched.matched {
                Some(found) => matched = Some((found.text.to_vec(), found.rest.to_vec())),
                None if releases >> (number % 8) & 1 == 1 => passed.extend_from_slice(&hand_over.release()),
                None => {}
            }
            prop_assert!(hand_over.held_len() < pattern.len());
        }
        if matched.is_none() {
            passed.extend_from_slice(&hand_over.release());
        }
        let wanted = naive(&text, &[pattern.iter().copied().map(Some).collect()]);
        match (matched, wanted.matched) {
            (None, None) => prop_assert_eq!(passed, text),
            (Some((found, rest)), Some((_, text_found, text_rest))) => {
                prop_assert_eq!((&found, &rest), (&text_found, &text_rest));
                // A beginning that was released has gone to the old one as well.
                prop_assert!(passed.starts_with(&wanted.passed));
                let twice = &passed[wanted.passed.len()..];
                prop_assert!(found.starts_with(twice) && twice.len() < found.len());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn the_longest_pattern_is_found_across_its_words() {
    let text: String = (0..256u32).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
    let stream = format!("{}{text}tail", &text[..200]);
    for size in [1, 7, 64, 300, 1000] {
        let split = feed(&mut watching(&[&text]), stream.as_bytes().chunks(size));
        assert_eq!(split.passed.len(), 200, "{size}");
        assert_eq!(split.matched.unwrap().2, b"tail");
    }
}
