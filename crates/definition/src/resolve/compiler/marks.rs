//! Attributes.

use super::*;
use crate::syntax::OPEN;

impl<'d> Compiler<'d> {
    pub(super) fn marks(&mut self, attributes: &'d [Attribute]) -> Compiled<Marks> {
        let mut marks = Marks::default();
        for attribute in attributes {
            self.mark(attribute, &mut marks)?;
        }
        Ok(marks)
    }

    /// The attributes of a field, and what its bytes may hold.
    pub(super) fn field_marks(
        &mut self,
        attributes: &'d [Attribute],
    ) -> Compiled<(Marks, Vec<&'d Type>)> {
        let mut marks = Marks::default();
        let mut opens = Vec::new();
        for attribute in attributes {
            match &attribute.ty {
                Some(ty) => opens.push(ty),
                None => self.mark(attribute, &mut marks)?,
            }
        }
        Ok((marks, opens))
    }

    fn mark(&mut self, attribute: &'d Attribute, marks: &mut Marks) -> Compiled<()> {
        let word = |c: &mut Self| match attribute.args.first().map(|e| &e.kind) {
            Some(ExprKind::Path(path)) if path.len() == 1 => Ok(Arc::from(path[0].text.as_str())),
            Some(ExprKind::Str(text)) => Ok(Arc::from(text.as_str())),
            _ => Err(c.problem(Diagnostic::error(
                "W044",
                attribute.name.span,
                format!("@{} needs a name", attribute.name.text),
            ))),
        };
        match attribute.name.text.as_str() {
            "ref" => {
                let name: Arc<str> = word(self)?;
                marks.reference_table = self.table(&name);
                marks.reference = Some(name);
            }
            "unit" => marks.unit = Some(word(self)?),
            "secret" => marks.secret = true,
            "chat" => marks.chat = true,
            "component" => (marks.chat, marks.component) = (true, true),
            "color" => marks.color = true,
            "hex" => marks.hex = true,
            "hide" => marks.hide = true,
            "telling" => marks.telling = true,
            "host" => marks.host = true,
            "port" => marks.port = true,
            "cipher" => {
                let name = word(self)?;
                marks.cipher = Some(CipherField::named(&name).ok_or_else(|| {
                    let what = format!("no part of beginning encryption is called `{name}`");
                    let error = Diagnostic::error("W044", attribute.name.span, what);
                    self.problem(match suggest(&name, CipherField::NAMES.into_iter()) {
                        Some(near) => error.label(format!("did you mean `@cipher {near}`?")),
                        None => error.help(format!("there are: {}", CipherField::NAMES.join(", "))),
                    })
                })?);
            }
            "max" => match attribute.args.first().map(|e| &e.kind) {
                Some(ExprKind::Int(n)) => marks.max = i64::try_from(*n).ok(),
                _ => {
                    return Err(self.problem(Diagnostic::error(
                        "W044",
                        attribute.name.span,
                        "@max needs a number",
                    )));
                }
            },
            OPEN => {
                let error = Diagnostic::error(
                    "W104",
                    attribute.name.span,
                    "`@open` stands behind a field of a struct",
                );
                return Err(self.problem(error.help("write `name: bytes[..] @open Type`")));
            }
            other => {
                const KNOWN: [&str; 14] = [
                    "ref",
                    "unit",
                    "secret",
                    "chat",
                    "component",
                    "color",
                    "hex",
                    "hide",
                    "telling",
                    "host",
                    "port",
                    "cipher",
                    "max",
                    OPEN,
                ];
                let error = Diagnostic::error(
                    "W045",
                    attribute.name.span,
                    format!("no attribute is called `@{other}`"),
                );
                let near = suggest(other, KNOWN.into_iter());
                return Err(self.problem(match near {
                    Some(near) => error.label(format!("did you mean `@{near}`?")),
                    None => error.help(format!("there are: @{}", KNOWN.join(", @"))),
                }));
            }
        }
        Ok(())
    }

    /// A table as it is at this version.
    pub(super) fn table(&mut self, name: &str) -> Option<Arc<crate::table::Table>> {
        self.decls.table(name, self.version, Some(self.direction), &mut self.interval)
    }
}
