//! Fields of one value: integers, texts, bytes, enums, flags, bits.

use super::super::MadeEnum;
use super::*;
use crate::escape::escape;

impl<'d> Compiler<'d> {
    pub(super) fn pass_int(&mut self, id: FieldId, repr: IntRepr) {
        match repr.fixed_size() {
            Some(size) => self.advance(size, id),
            None => self.advance_to(id, 1, |slot| Op::Varint { max: repr.max_size(), slot }),
        }
    }

    pub(super) fn expr(&mut self, ex: Ex) -> u32 {
        self.plan.exprs.push(ex);
        self.plan.exprs.len() as u32 - 1
    }

    pub(super) fn pass_len(&mut self, id: FieldId, len: &Len, unit: u8) {
        match len {
            Len::Fixed(n) => self.advance(n.saturating_mul(unit.into()), id),
            Len::Rest => self.advance_to(id, 0, |slot| Op::Rest { slot }),
            Len::Until { mark, max, lenient } => {
                let (mark, max, lenient) = (*mark, narrow(*max), *lenient);
                let min = u32::from(!lenient);
                self.advance_to(id, min, |slot| Op::Until { mark, max, lenient, slot });
            }
            Len::Prefix { repr, max } => {
                let min = repr.fixed_size().unwrap_or(1);
                let (repr, max) = (*repr, narrow(*max));
                self.advance_to(id, min, |slot| Op::Prefixed { repr, unit, max, slot });
            }
            Len::Expr { expr, max } => {
                let (expr, max) = (self.expr(Ex::clone(expr)), narrow(*max));
                self.advance_to(id, 0, |slot| Op::Counted { expr, unit, max, slot });
            }
        }
    }

    pub(super) fn text(
        &mut self,
        id: FieldId,
        encoding: ast::Encoding,
        count: Option<&'d ast::Count>,
        span: Span,
        scope: ScopeId,
        names: Vec<Arc<str>>,
    ) -> Compiled<Kind> {
        let Some(count) = count else {
            return Err(self.problem(
                Diagnostic::error("W035", span, "a text's length is missing").help(
                    "write how its length is known: `str[varint]`, `str[u8]`, `str[16]`, `str[..]`",
                ),
            ));
        };
        let len = match encoding {
            ast::Encoding::Utf16 => self.len(count, scope)?,
            _ => self.len_or_mark(count, scope)?,
        };
        let encoding = match encoding {
            ast::Encoding::Utf8 => Encoding::Utf8,
            ast::Encoding::Latin1 => Encoding::Latin1,
            ast::Encoding::Mutf8 => Encoding::Mutf8,
            ast::Encoding::Utf16 => Encoding::Utf16(self.decls.order),
        };
        self.pass_len(id, &len, encoding.unit());
        Ok(Kind::Str { encoding, len, names: names.into() })
    }

    /// The same; or the byte that comes behind the last: `until 0`.
    pub(super) fn len_or_mark(&mut self, count: &'d ast::Count, scope: ScopeId) -> Compiled<Len> {
        let CountKind::UntilValue { prim, compare, value } = &count.kind else {
            return self.len(count, scope);
        };
        let mark = match (prim.key().as_str(), compare) {
            ("u8", ast::Compare::Equal) => self.lower(value, scope)?.constant(),
            _ => None,
        };
        let Some(mark) = mark.and_then(|mark| u8::try_from(mark).ok()) else {
            return Err(self.problem(
                Diagnostic::error("W037", count.span, "a text or bytes can end at one byte only")
                    .help("write `str[until 0]`, or any other number up to 255"),
            ));
        };
        let max = count.max.as_ref().and_then(|m| u64::try_from(m.node).ok());
        // What is opened is looked at and not written, so that there the last may go without.
        Ok(Len::Until { mark, max, lenient: self.opening })
    }

    /// A number of bytes or elements that is known before the first.
    pub(super) fn len(&mut self, count: &'d ast::Count, scope: ScopeId) -> Compiled<Len> {
        let max = count.max.as_ref().and_then(|m| u64::try_from(m.node).ok());
        match &count.kind {
            CountKind::Rest => {
                self.depends(count.span, ends::Depends::Rest);
                Ok(Len::Rest)
            }
            CountKind::Prefix(ty) => Ok(Len::Prefix { repr: self.integer(ty, scope)?, max }),
            CountKind::Expr(e) => {
                let ex = self.lower(e, scope)?;
                match ex.constant() {
                    None => Ok(Len::Expr { expr: Box::new(ex), max }),
                    Some(n) => match u32::try_from(n).ok().filter(|n| *n <= 1 << 24) {
                        Some(n) => Ok(Len::Fixed(n)),
                        None => Err(self.problem(Diagnostic::error(
                            "W036",
                            e.span,
                            format!("{n} is no length"),
                        ))),
                    },
                }
            }
            _ => Err(self.problem(Diagnostic::error("W037", count.span, "only a list can end so"))),
        }
    }

    /// The integer that a type is.
    pub(super) fn integer(&mut self, ty: &'d Type, scope: ScopeId) -> Compiled<IntRepr> {
        let (shape, _, _, opened) = self.resolve(ty, scope)?;
        self.leave(opened);
        let order = self.decls.order;
        let repr = match shape.kind {
            TypeKind::Name { name, .. } => match primitives::named(&name.text, order) {
                Some(Primitive::Int(repr)) => Some(repr),
                Some(Primitive::Bool) => Some(IntRepr::Fixed { bytes: 1, signed: false, order }),
                Some(_) => None,
                None => return Err(self.unknown_type(name)),
            },
            _ => None,
        };
        repr.ok_or_else(|| {
            self.problem(
                Diagnostic::error("W038", ty.span, "an integer type is needed here")
                    .label("not an integer"),
            )
        })
    }

    pub(super) fn entry_number(&mut self, entry: &Entry, next: i128) -> Compiled<i128> {
        match &entry.value {
            None => Ok(next),
            Some(value) => match &value.node {
                Literal::Int(n) => Ok(*n),
                _ => Err(self.problem(Diagnostic::error(
                    "W039",
                    value.span,
                    "an entry's value is a number here",
                ))),
            },
        }
    }

    pub(super) fn enumeration(
        &mut self,
        id: FieldId,
        repr: &'d Type,
        entries: &'d [Entry],
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let (shape, inner, _, opened) = self.resolve(repr, scope)?;
        if let TypeKind::Str { encoding, count } = shape.kind {
            let names = entries
                .iter()
                .filter(|e| self.admitted(&e.gates))
                .map(|e| match e.value.as_ref().map(|v| &v.node) {
                    Some(Literal::Str(text)) => text.as_str().into(),
                    _ => e.name.text.as_str().into(),
                })
                .collect();
            let kind =
                self.text(id, *encoding, count.as_ref(), shape.span, inner.unwrap_or(scope), names);
            self.leave(opened);
            return kind;
        }
        self.leave(opened);
        let repr = self.integer(repr, scope)?;
        let made = self.made_enum(entries, repr)?;
        self.interval.narrow(made.interval);
        self.enum_names.insert(id, made.all);
        self.pass_int(id, repr);
        Ok(Kind::Enum { repr, entries: made.entries })
    }

    /// An enum at this version, which other plans may have had already.
    fn made_enum(&mut self, entries: &'d [Entry], repr: IntRepr) -> Compiled<MadeEnum> {
        let at = entries.first().map_or(Span::default(), |entry| entry.name.span);
        if let Some(known) = self.decls.known_enum(at, repr, self.version) {
            return Ok(known);
        }
        let around = std::mem::replace(&mut self.interval, Interval::ALL);
        let made = self.entries(entries, repr);
        let interval = std::mem::replace(&mut self.interval, around);
        self.interval.narrow(interval);
        let all = entries.iter().map(|e| escape(&e.name.text).into_owned()).collect();
        let made = MadeEnum { interval, repr, entries: Arc::new(made?), all };
        self.decls.keep_enum(at, made.clone());
        Ok(made)
    }

    /// An enum's numbers at this version.
    pub(super) fn entries(&mut self, entries: &'d [Entry], repr: IntRepr) -> Compiled<EnumEntries> {
        let mut by_number: Vec<(i128, Arc<str>)> = Vec::new();
        let mut next = 0;
        for entry in entries {
            if !self.admitted(&entry.gates) {
                continue;
            }
            let number = self.entry_number(entry, next)?;
            next = number.saturating_add(1);
            let what = format!("`{}`", entry.name.text);
            self.number_fits(number, &what, repr, entry.name.span);
            by_number.push((number, escape(&entry.name.text).into()));
        }
        by_number.sort_by_key(|(n, _)| *n);
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for entry in by_number {
            let again = first.last().is_some_and(|(n, _)| *n == entry.0);
            if again { &mut others } else { &mut first }.push(entry);
        }
        Ok(EnumEntries { by_number: first, other_names: others })
    }

    pub(super) fn bits(
        &mut self,
        id: FieldId,
        repr: &'d Type,
        lsb_first: bool,
        members: &'d [ast::BitMember],
        span: Span,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let repr = self.integer(repr, scope)?;
        let total = i64::from(repr.width());
        let mut used = 0;
        let mut list = Vec::new();
        for member in members {
            if !self.admitted(&member.gates) {
                continue;
            }
            let width = member.width.node;
            if !(1..=total).contains(&width) || used + width > total {
                let message = format!("{width} bits at bit {used} do not fit into {total}");
                return Err(self.problem(Diagnostic::error("W040", member.width.span, message)));
            }
            let shift = if lsb_first { used } else { total - used - width };
            used += width;
            if let Some(name) = &member.name {
                let marks = self.marks(&member.attributes)?;
                list.push(BitsMember {
                    name: name.text.as_str().into(),
                    shift: shift as u8,
                    width: width as u8,
                    signed: member.signed,
                    doc: member.doc.as_str().into(),
                    marks,
                });
            }
        }
        if used < total && repr.fixed_size().is_some() {
            let message = format!("the parts have {used} bits, the integer {total}");
            return Err(self.problem(
                Diagnostic::error("W040", span, message)
                    .help(format!("add `pad {}`", total - used)),
            ));
        }
        self.pass_int(id, repr);
        Ok(Kind::Bits { repr, members: list })
    }
}
