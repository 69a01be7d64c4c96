//! Version gates, and for how long an answer about them stays the same.

use super::Declarations;
use crate::diagnostics::{Diagnostic, suggest};
use crate::syntax::ast::{Directions, Gate, Spanned, VersionRange, VersionRef};
use crate::version::{VersionId, Versions};
use midwire_codec::Direction;

/// The versions, first and last, in which everything that was asked so far has the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) first: VersionId,
    pub(crate) last: VersionId,
    /// Some answer depends on the direction.
    pub(crate) by_direction: bool,
}

impl Interval {
    pub(crate) const ALL: Interval =
        Interval { first: VersionId(0), last: VersionId(u32::MAX), by_direction: false };

    /// The versions of both.
    pub(crate) fn narrow(&mut self, other: Interval) {
        self.first = self.first.max(other.first);
        self.last = self.last.min(other.last);
        self.by_direction |= other.by_direction;
    }

    pub(crate) fn contains(self, version: VersionId) -> bool {
        self.first <= version && version <= self.last
    }

    /// Whether `version` is in the range; afterwards the interval does not cross the range's ends.
    pub(super) fn ask(
        &mut self,
        range: Option<(VersionId, VersionId)>,
        version: VersionId,
    ) -> bool {
        let Some((first, last)) = range else { return false };
        if version < first {
            self.last = self.last.min(VersionId(first.0 - 1));
            return false;
        }
        if version > last {
            self.first = self.first.max(VersionId(last.0.saturating_add(1)));
            return false;
        }
        self.first = self.first.max(first);
        self.last = self.last.min(last);
        true
    }
}

/// Whether what stands behind these gates is there, at a version and in a direction.
pub(crate) fn admits(
    gates: &[Gate],
    versions: &Versions,
    version: VersionId,
    direction: Option<Direction>,
    interval: &mut Interval,
) -> bool {
    gates.iter().all(|gate| match gate {
        Gate::Direction(wanted, _) => {
            interval.by_direction = true;
            direction.is_none_or(|d| goes(*wanted, d))
        }
        Gate::Versions(ranges, _) => {
            // All ranges are asked, so that the interval knows every end.
            let asked = ranges.iter().map(|r| interval.ask(range_of(r, versions), version));
            asked.fold(false, |any, one| any | one)
        }
    })
}

impl Versions {
    /// Whether what stands behind these gates is there at a version, in one direction at least.
    pub fn admit(&self, gates: &[Gate], version: VersionId) -> bool {
        admits(gates, self, version, None, &mut Interval::ALL.clone())
    }
}

/// Whether packets declared so go this way.
pub(crate) fn goes(directions: Directions, direction: Direction) -> bool {
    match directions {
        Directions::Both => true,
        Directions::Serverbound => direction == Direction::Serverbound,
        Directions::Clientbound => direction == Direction::Clientbound,
    }
}

/// The versions of a range, both ends included; `None` if it has none.
pub(super) fn range_of(
    range: &VersionRange,
    versions: &Versions,
) -> Option<(VersionId, VersionId)> {
    let first = match &range.from {
        None => VersionId(0),
        Some(from) => match &from.node {
            VersionRef::Number(n) => versions.first_from(*n)?,
            VersionRef::Key(key) => versions.by_text(key)?,
        },
    };
    let last = match &range.to {
        None => VersionId(u32::MAX),
        Some(to) => match &to.node {
            VersionRef::Number(n) => versions.last_to(*n)?,
            VersionRef::Key(key) => versions.by_text(key)?,
        },
    };
    (first <= last).then_some((first, last))
}

/// What is wrong with the gates' versions.
pub(crate) fn check(gates: &[Gate], declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    let versions = &declarations.versions;
    for gate in gates {
        let Gate::Versions(ranges, span) = gate else { continue };
        for range in ranges {
            for end in [&range.from, &range.to].into_iter().flatten() {
                out.extend(check_reference(end, versions));
            }
            let (Some(from), Some(to)) = (&range.from, &range.to) else { continue };
            if from.node == to.node {
                if range_of(range, versions).is_none() && out.is_empty() {
                    out.push(
                        Diagnostic::error(
                            "W021",
                            range.span,
                            "no version is listed with this number",
                        )
                        .help("write a range, as in `@315..`, for numbers between listed versions"),
                    );
                }
            } else if range_of(range, versions).is_none() {
                out.push(
                    Diagnostic::warning("W021", *span, "no listed version is in this range")
                        .label("what stands behind it is never there")
                        .help("widen the range, or leave out what stands behind it"),
                );
            }
        }
    }
}

/// An error if a version in quotes is not listed.
pub(crate) fn check_reference(
    wanted: &Spanned<VersionRef>,
    versions: &Versions,
) -> Option<Diagnostic> {
    let VersionRef::Key(key) = &wanted.node else { return None };
    if versions.by_text(key).is_some() {
        return None;
    }
    let error = Diagnostic::error("W020", wanted.span, format!("no version is called `{key}`"));
    let near = suggest(key, versions.iter().map(|(_, v)| &*v.key).collect::<Vec<_>>().into_iter());
    Some(match near {
        Some(near) => error.label(format!("did you mean `{near}`?")),
        None => error,
    })
}
