//! What a packet does to its connection, and groups of packets that mean the same.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::sequence::preceded;

use super::ast::{Action, Expr, GroupItem, GroupMember, Name, OnItem};
use super::cursor::{Cursor, Parsed, continued, keyword, name, named, nested, newlines, symbol};
use super::expression::{arguments, condition, expr, path};
use super::fault::{Fault, Wanted};
use super::gates::{direction_word, gates};
use super::packets::{Head, head, no_direction, one_direction};
use super::recovery::{Style, block};
use crate::diagnostics::{Diagnostic, suggest};

/// `on [state] direction packet { .. }`
pub(super) fn on(i: Cursor<'_>) -> Parsed<'_, OnItem> {
    let (rest, head) = head(i.skip())?;
    let direction = one_direction(rest, &head)?;
    let (rest, gates) = gates(rest)?;
    let (rest, holds) = opt(preceded(keyword("where"), condition)).parse(rest)?;
    let (rest, (actions, _)) = block(rest, Style::Lines, "an action", action)?;
    let Head { state, name: packet, .. } = head;
    let span = i.span_to(rest);
    Ok((rest, OnItem { state, direction, packet, gates, condition: holds, actions, span }))
}

fn action(i: Cursor<'_>) -> Parsed<'_, Action> {
    if i.is_word("state") && !i.is_symbol_ahead(1, ".") {
        let after = i.skip();
        let direction = direction_word(after.word());
        let after = if direction.is_some() { after.skip() } else { after };
        if let Some(word) = after.word() {
            let meant = suggest(word, ["clientbound", "serverbound"].into_iter());
            let message =
                Diagnostic::error("W012", after.span(), format!("`{word}` is no direction"))
                    .label("expected `=`, `clientbound` or `serverbound`");
            let message = match meant {
                Some(meant) => message.help(format!("did you mean `{meant}`?")),
                None => message,
            };
            return Fault::known(after, message);
        }
        let (rest, value) = cut(preceded(continued("="), expr)).parse(after)?;
        return Ok((rest, Action::State { direction, value, span: i.span_to(rest) }));
    }
    let (after, stage) = named("an action: `state = ..`, `conn.name = ..` or `stage.on(..)`")(i)?;
    if i.is_word("conn") {
        let assigned = (symbol("."), name, continued("="), expr);
        let (rest, (_, variable, _, value)) = cut(assigned).parse(after)?;
        return Ok((rest, Action::Assign { variable, value }));
    }
    if !after.is_symbol(".") {
        return no_action(i, after);
    }
    let (rest, method) = cut(name).parse(after.skip())?;
    let (rest, args) = nested(rest, |i| cut(arguments).parse(i))?;
    Ok((rest, Action::Call { stage, method, args, span: i.span_to(rest) }))
}

fn no_action<'a>(i: Cursor<'a>, after: Cursor<'a>) -> Parsed<'a, Action> {
    let word = i.text_of(i.token());
    match suggest(word, ["state", "conn"].into_iter()) {
        Some(meant) => {
            let message = Diagnostic::error("W007", i.span(), format!("`{word}` begins no action"))
                .label("unknown keyword")
                .help(format!("did you mean `{meant}`?"));
            Fault::known(i, message)
        }
        None if after.is_symbol("=") => {
            let message =
                Diagnostic::error("W001", i.span(), "only `state` and `conn.name` can be set here")
                    .label("not a variable of the connection")
                    .help(format!("write `conn.{word} = ..`"));
            Fault::known(i, message)
        }
        None => Fault::needed(after, &[Wanted::Word(".")]),
    }
}

/// `group name { .. }`
pub(super) fn group(i: Cursor<'_>) -> Parsed<'_, GroupItem> {
    let doc = i.doc();
    let (rest, name) = named("a name for the group")(i.skip())?;
    let (rest, (parts, _)) = block(rest, Style::Lines, "a part of the group", part)?;
    let (mut views, mut members, mut hide) = (Vec::new(), Vec::new(), false);
    for part in parts {
        match part {
            Part::View(view, kind) => views.push((view, kind)),
            Part::Member(member) => members.push(member),
            Part::Hide => hide = true,
        }
    }
    Ok((rest, GroupItem { doc, name, views, members, hide, span: i.span_to(rest) }))
}

enum Part {
    View(Name, Name),
    Member(GroupMember),
    Hide,
}

fn part(i: Cursor<'_>) -> Parsed<'_, Part> {
    if i.is_symbol_ahead(1, ":") {
        let (rest, (view, _, kind)) =
            (name, continued(":"), cut(named("a view's kind"))).parse(i)?;
        return Ok((rest, Part::View(view, kind)));
    }
    if i.is_word("hide") && i.word_ahead(1) == Some("drop") {
        return Ok((i.skip().skip(), Part::Hide));
    }
    let (rest, head) = head(i)?;
    let Some(directions) = head.directions else {
        return Err(no_direction(rest, &head));
    };
    let (rest, gates) = gates(rest)?;
    let (rest, (lines, _)) = cut(|i| block(i, Style::Lines, "a view", view)).parse(rest)?;
    let Head { state, name: packet, .. } = head;
    let mut member = GroupMember {
        state,
        directions,
        packet,
        gates,
        views: Vec::new(),
        hide: Vec::new(),
        fixed: false,
    };
    for line in lines {
        match line {
            Line::View(view, value) => member.views.push((view, value)),
            Line::Hide(field, value) => member.hide.push((field, value)),
            Line::HideNothing => member.fixed = true,
        }
    }
    Ok((rest, Part::Member(member)))
}

enum Line {
    View(Name, Expr),
    Hide(Vec<Name>, Expr),
    HideNothing,
}

fn view(i: Cursor<'_>) -> Parsed<'_, Line> {
    if i.is_word("hide") && !i.is_symbol_ahead(1, "=") {
        if i.word_ahead(1) == Some("nothing") && !i.is_symbol_ahead(2, "=") {
            return Ok((i.skip().skip(), Line::HideNothing));
        }
        let (rest, (field, _, value)) =
            (cut(path), cut(symbol("=")), |i| cut(expr).parse(newlines(i))).parse(i.skip())?;
        return Ok((rest, Line::Hide(field, value)));
    }
    let (i, name) = named("a view's name")(i)?;
    let (i, _) = cut(symbol("=")).parse(i)?;
    let (i, value) = cut(expr).parse(newlines(i))?;
    Ok((i, Line::View(name, value)))
}
