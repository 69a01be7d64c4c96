//! Attributes.

use super::*;

impl<'d> Compiler<'d> {
    pub(super) fn marks(&mut self, attributes: &'d [Attribute]) -> Compiled<Marks> {
        let mut marks = Marks::default();
        for attribute in attributes {
            let word = |c: &mut Self| match attribute.args.first().map(|e| &e.kind) {
                Some(ExprKind::Path(path)) if path.len() == 1 => {
                    Ok(Arc::from(path[0].text.as_str()))
                }
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
                "color" => marks.color = true,
                "hex" => marks.hex = true,
                "hide" => marks.hide = true,
                "telling" => marks.telling = true,
                "host" => marks.host = true,
                "port" => marks.port = true,
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
                other => {
                    const KNOWN: [&str; 11] = [
                        "ref", "unit", "secret", "chat", "color", "hex", "hide", "telling", "host",
                        "port", "max",
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
        }
        Ok(marks)
    }

    /// A table as it is at this version.
    pub(super) fn table(&mut self, name: &str) -> Option<Arc<crate::table::Table>> {
        self.decls.table(name, self.version, Some(self.direction), &mut self.interval)
    }
}
