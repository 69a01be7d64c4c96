//! Numbers that are written in a definition and must fit what they are for.
//!
//! A type may differ between versions, and a type's argument between its uses. So a number that does not fit
//! is wrong only if it fits nowhere; what was found out at one version is kept with the plan.

use std::collections::{BTreeMap, HashSet};

use super::*;

/// Whether something written fits where it was compiled.
#[derive(Debug, Clone)]
pub(in crate::resolve) struct Fit {
    span: Span,
    /// What is wrong if it fits nowhere else.
    wrong: Option<Box<Diagnostic>>,
}

impl Fit {
    /// What fits nowhere, in the order in which it was found.
    pub(in crate::resolve) fn nowhere(all: &[Fit]) -> Vec<Diagnostic> {
        let right: HashSet<Span> =
            all.iter().filter(|fit| fit.wrong.is_none()).map(|fit| fit.span).collect();
        let mut seen = HashSet::new();
        all.iter()
            .filter(|fit| !right.contains(&fit.span))
            .filter_map(|fit| fit.wrong.as_deref())
            .filter(|wrong| seen.insert(wrong.span))
            .cloned()
            .collect()
    }
}

/// Which numbers earlier labels of a match have taken: ranges that do not touch, by their first number.
#[derive(Default)]
struct Taken(BTreeMap<i128, i128>);

impl Taken {
    /// Takes a range; gives whether all of it was taken before.
    fn take(&mut self, low: i128, high: i128) -> bool {
        let before = self.0.range(..=low).next_back().map(|(low, high)| (*low, *high));
        if before.is_some_and(|(_, end)| end >= high) {
            return true;
        }
        let touches = |(_, end): &(i128, i128)| end.saturating_add(1) >= low;
        let (start, mut end) =
            before.filter(touches).map_or((low, high), |(start, _)| (start, high));
        self.0.remove(&start);
        while let Some((next, last)) = self.0.range(start..=end.saturating_add(1)).next() {
            let (next, last) = (*next, *last);
            self.0.remove(&next);
            end = end.max(last);
        }
        self.0.insert(start, end);
        false
    }
}

/// Whether whatever fits the second label fits the first.
fn covers(first: &ArmLabel, second: &ArmLabel) -> bool {
    match (first, second) {
        (ArmLabel::Range(low, high), ArmLabel::Range(least, most)) => low <= least && most <= high,
        (ArmLabel::Text(a), ArmLabel::Text(b)) => a == b,
        _ => false,
    }
}

/// Whether these labels take all from `least` to `most`.
pub(super) fn take_all(labels: &[(Span, ArmLabel)], least: i128, most: i128) -> bool {
    let mut taken = Taken::default();
    for (_, label) in labels {
        if let ArmLabel::Range(low, high) = label {
            taken.take(*low, *high);
        }
    }
    taken.take(least, most)
}

impl<'d> Compiler<'d> {
    pub(super) fn fits(&mut self, span: Span, wrong: Option<Diagnostic>) {
        if !self.quiet {
            self.fits.push(Fit { span, wrong: wrong.map(Box::new) });
        }
    }

    /// A number that is written as this integer.
    pub(super) fn number_fits(&mut self, number: i128, what: &str, repr: IntRepr, span: Span) {
        self.fits(span, misfit(number, what, repr, span));
    }

    /// Labels, in order, of what has these limits.
    pub(super) fn labels_fit(&mut self, labels: &[(Span, ArmLabel)], limits: Option<(i128, i128)>) {
        let mut taken = Taken::default();
        let mut texts = HashSet::new();
        for (span, label) in labels {
            let wrong = |message: String| Diagnostic::error("W059", *span, message);
            let again = match label {
                ArmLabel::Range(low, high) => {
                    let beyond = limits.filter(|(least, most)| high < least || low > most);
                    if let Some((least, most)) = beyond {
                        let message = format!(
                            "this can never be what is matched: it goes from {least} to {most}"
                        );
                        self.fits(*span, Some(wrong(message)));
                        continue;
                    }
                    taken.take(*low, *high)
                }
                ArmLabel::Text(text) => !texts.insert(text.clone()),
                // What a field holds is not known here.
                ArmLabel::Expr(_) => continue,
            };
            let message = "earlier labels have taken all of this";
            let wrong = again.then(|| {
                let error = wrong(message.to_owned())
                    .label("can never be taken")
                    .help("put it in front of them, or leave it out");
                match labels.iter().find(|(_, earlier)| covers(earlier, label)) {
                    Some((at, _)) if at != span => error.secondary(*at, "taken by this"),
                    _ => error,
                }
            });
            self.fits(*span, wrong);
        }
    }

    /// The least and the most that an expression can be, where that is plain.
    pub(super) fn limits_of(&self, ex: &Ex) -> Option<(i128, i128)> {
        let Ex::Field(field) = ex else { return None };
        match field.member {
            Some(Member { width, signed: false, .. }) if width < 127 => {
                return Some((0, (1 << width) - 1));
            }
            Some(Member { width, signed: true, .. }) if (1..128).contains(&width) => {
                return Some((-(1 << (width - 1)), (1 << (width - 1)) - 1));
            }
            Some(_) => return None,
            None => {}
        }
        let of = |id: &FieldId| match &self.plan.fields[*id as usize].kind {
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => Some(repr.range()),
            Kind::Bool | Kind::Presence => Some((0, 1)),
            _ => None,
        };
        let mut limits = of(field.fields.first()?)?;
        for id in &field.fields {
            let (least, most) = of(id)?;
            limits = (limits.0.min(least), limits.1.max(most));
        }
        // Where it is absent it reads as 0.
        Some(if field.guarded { (limits.0.min(0), limits.1.max(0)) } else { limits })
    }
}

/// What is wrong with a number that this integer cannot be.
pub(in crate::resolve) fn misfit(
    number: i128,
    what: &str,
    repr: IntRepr,
    span: Span,
) -> Option<Diagnostic> {
    let (least, most) = repr.range();
    if (least..=most).contains(&number) {
        return None;
    }
    let message =
        format!("{what} is {number}, which no {repr} can be: it goes from {least} to {most}");
    Some(Diagnostic::error("W058", span, message))
}

#[cfg(test)]
mod tests {
    use super::Taken;

    #[test]
    fn ranges_that_meet_are_one() {
        let mut taken = Taken::default();
        for (range, was_taken) in [
            ((1, 3), false),
            ((5, 7), false),
            ((2, 3), true),
            ((4, 4), false),
            ((1, 7), true),
            ((0, 7), false),
            ((i128::MIN, i128::MAX), false),
            ((i128::MAX, i128::MAX), true),
            ((-9, 9), true),
        ] {
            assert_eq!(taken.take(range.0, range.1), was_taken, "{range:?}");
        }
        assert_eq!(taken.0.len(), 1);
    }
}
