//! What is looked for in a text: found in time that grows with the text, and not faster.

use std::collections::HashMap;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use crate::syntax::ast::Comparison;

/// The most memory that a compiled regular expression may take.
pub(crate) const REGEX_SIZE_MAX: usize = 1 << 20;
/// How deep a regular expression may nest.
pub(crate) const REGEX_NESTING_MAX: u32 = 100;

/// What is looked for in a text.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Equal(Box<[u8]>),
    OneOf(Vec<Box<[u8]>>),
    Contains(Box<Finder<'static>>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    /// And whether case does not matter.
    Regex(Box<Regex>, bool),
}

/// What was made for an expression: each once, for any number of packets.
#[derive(Debug, Default)]
pub(crate) struct Matchers {
    regexes: HashMap<(String, bool), Result<Matcher, String>>,
}

impl Matchers {
    /// A regular expression.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub(crate) fn regex(&mut self, pattern: &str, nocase: bool) -> Result<Matcher, String> {
        let key = (pattern.to_owned(), nocase);
        self.regexes.entry(key).or_insert_with(|| Matcher::regex(pattern, nocase)).clone()
    }

    /// A comparison with a constant. What is not equal is what is not matched.
    pub(crate) fn compare(&mut self, op: Comparison, text: &[u8], nocase: bool) -> Option<Matcher> {
        if nocase {
            let escaped = regex::escape(std::str::from_utf8(text).ok()?);
            let pattern = match op {
                Comparison::Contains => escaped,
                Comparison::StartsWith => format!(r"\A(?:{escaped})"),
                Comparison::EndsWith => format!(r"(?:{escaped})\z"),
                _ => format!(r"\A(?:{escaped})\z"),
            };
            return self.regex(&pattern, true).ok();
        }
        Some(match op {
            Comparison::Contains => Matcher::Contains(Box::new(Finder::new(text).into_owned())),
            Comparison::StartsWith => Matcher::StartsWith(text.into()),
            Comparison::EndsWith => Matcher::EndsWith(text.into()),
            _ => Matcher::Equal(text.into()),
        })
    }

    /// One of several texts.
    pub(crate) fn one_of(&mut self, texts: Vec<Box<[u8]>>, nocase: bool) -> Option<Matcher> {
        if !nocase {
            return Some(Matcher::OneOf(texts));
        }
        let escaped: Option<Vec<String>> =
            texts.iter().map(|text| Some(regex::escape(std::str::from_utf8(text).ok()?))).collect();
        self.regex(&format!(r"\A(?:{})\z", escaped?.join("|")), true).ok()
    }
}

/// What is wrong with a regular expression, in one line.
pub(crate) fn fault(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(max) = error {
        return format!("it takes more than {max} bytes when compiled");
    }
    let text = error.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("it is malformed").trim_start_matches("error: ").to_owned()
}

impl Matcher {
    /// A regular expression.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    fn regex(pattern: &str, nocase: bool) -> Result<Matcher, String> {
        let built = RegexBuilder::new(pattern)
            .case_insensitive(nocase)
            .size_limit(REGEX_SIZE_MAX)
            .dfa_size_limit(REGEX_SIZE_MAX)
            .nest_limit(REGEX_NESTING_MAX)
            .build();
        let regex = built.map_err(|error| fault(&error))?;
        Ok(Matcher::Regex(Box::new(regex), nocase))
    }

    /// What it looks for anywhere, if that is all it does.
    pub(crate) fn word(&self) -> Option<&[u8]> {
        match self {
            Matcher::Contains(finder) => Some(finder.needle()),
            _ => None,
        }
    }

    /// The same as a regular expression; `None`: it looks for what is no text.
    pub(crate) fn pattern(&self) -> Option<String> {
        let escaped = |bytes: &[u8]| Some(regex::escape(std::str::from_utf8(bytes).ok()?));
        Some(match self {
            Matcher::Equal(text) => format!(r"\A(?:{})\z", escaped(text)?),
            Matcher::OneOf(texts) => {
                let all: Option<Vec<String>> = texts.iter().map(|text| escaped(text)).collect();
                format!(r"\A(?:{})\z", all?.join("|"))
            }
            Matcher::Contains(finder) => escaped(finder.needle())?,
            Matcher::StartsWith(text) => format!(r"\A(?:{})", escaped(text)?),
            Matcher::EndsWith(text) => format!(r"(?:{})\z", escaped(text)?),
            Matcher::Regex(regex, true) => format!("(?i:{})", regex.as_str()),
            Matcher::Regex(regex, false) => format!("(?:{})", regex.as_str()),
        })
    }

    /// Whether it says of any bytes what it says of the text that they are when all that is no UTF-8 in them
    /// is replaced: it looks for whole characters, and none that stands for what was replaced.
    pub(crate) fn takes_bytes_as_text(&self) -> bool {
        let is_plain = |wanted: &[u8]| {
            std::str::from_utf8(wanted)
                .is_ok_and(|text| !text.contains(char::REPLACEMENT_CHARACTER))
        };
        match self {
            Matcher::Equal(wanted) | Matcher::StartsWith(wanted) | Matcher::EndsWith(wanted) => {
                is_plain(wanted)
            }
            Matcher::OneOf(wanted) => wanted.iter().all(|wanted| is_plain(wanted)),
            Matcher::Contains(finder) => is_plain(finder.needle()),
            Matcher::Regex(..) => false,
        }
    }

    #[inline]
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Matcher::Equal(wanted) => text == &**wanted,
            Matcher::OneOf(wanted) => wanted.iter().any(|wanted| text == &**wanted),
            Matcher::Contains(finder) => finder.find(text).is_some(),
            Matcher::StartsWith(wanted) => text.starts_with(wanted),
            Matcher::EndsWith(wanted) => text.ends_with(wanted),
            Matcher::Regex(regex, _) => regex.is_match(text),
        }
    }
}
