//! Definitions and bytes made at random.

use std::fmt::Write as _;

/// A small generator of numbers (xorshift64*).
pub(crate) struct Random(u64);

/// A name that expressions may use, and what for.
#[derive(Clone)]
struct Known {
    path: String,
    kind: Use,
}

#[derive(Clone, PartialEq)]
enum Use {
    Number,
    /// An enum with these names.
    Enum(Vec<String>),
    Text,
    List,
    Other,
}

/// What is in scope while a struct is written.
#[derive(Clone, Default)]
struct Scope {
    known: Vec<Known>,
    /// Names that are taken in this struct.
    taken: Vec<String>,
    /// Inside a recursive type, which may name itself.
    myself: Option<String>,
    depth: u32,
}

const INTS: [&str; 20] = [
    "u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u64", "i64", "u16le", "i32be", "u32le",
    "varint", "varlong", "uvarint", "zigzag32", "zigzag64", "angle", "bool",
];

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    /// Bytes as they may come: small numbers most of the time, or those of a test, damaged a little.
    pub(crate) fn payload(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut bytes: Vec<u8> = if seeds.is_empty() || self.one_in(6) {
            let size = match self.below(4) {
                0 => self.below(8),
                1 => self.below(200),
                _ => self.below(40),
            };
            let small = self.one_in(2);
            (0..size).map(|_| self.byte(small)).collect()
        } else {
            let at = self.below(seeds.len());
            seeds[at].to_vec()
        };
        for _ in 0..self.below(5) / 2 {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = self.byte(true),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => bytes.insert(at, self.byte(true)),
            }
        }
        bytes
    }

    fn byte(&mut self, small: bool) -> u8 {
        match self.below(if small { 8 } else { 3 }) {
            0 => self.next() as u8,
            1 => self.pick(&[0x7f, 0x80, 0x81, 0xff, 0xc0]),
            _ => self.below(6) as u8,
        }
    }

    // ---- definitions -------------------------------------------------------------------------

    pub(crate) fn definition(&mut self) -> String {
        let endian = self.pick(&["little", "big"]);
        let mut text = format!(
            "protocol test {{\n  endian {endian}\n  versions {{ 1, 2, 5, 9 }}\n  frame {{ length: u16, id: u8 }}\n  conn {{ c: i32 }}\n}}\n"
        );
        text.push_str(
            "table odd { 1, 3 \"three\", 5..7 }\ntable late @5.. { 0..2 }\ntable late @..4 { 4 }\n",
        );
        text.push_str("type One = varint\ntype Two(n) { a: [n & 3] u8, b: u8 }\n");
        text.push_str("type Pair(T) { left: T, right: T }\n");
        text.push_str("type Perhaps(T, k) = match k { 0 => T, 1..2 => opt T, else => nothing }\n");
        text.push_str("type Box(T) { size: u8, value: sized[size & 7] T }\n");
        for name in ["Alpha", "Beta"] {
            let scope = Scope { depth: 2, ..Scope::default() };
            let fields = self.fields(&mut scope.clone(), 1);
            writeln!(text, "type {name} {{\n{fields}}}").unwrap();
        }
        // Types that contain themselves.
        let scope = Scope { depth: 2, myself: Some("Rec(level - 1)".into()), ..number("level") };
        let fields = self.fields(&mut scope.clone(), 1);
        writeln!(text, "type Rec(level) {{\n  more: u8\n{fields}  if more & 1 != 0 {{ next: Rec(level + 1) }}\n}}").unwrap();
        text.push_str("type Tree(T) { kids: [u8 max 9] Tree(T), value: T }\n");
        text.push_str("type Chain = opt { item: u8, next: Chain }\n");
        for (i, name) in ["P", "Q"].into_iter().enumerate() {
            let fields = self.fields(&mut Scope::default(), 1);
            writeln!(text, "packet {name} = {i} clientbound {{\n{fields}}}").unwrap();
        }
        text
    }

    fn fields(&mut self, scope: &mut Scope, indent: usize) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.below(if scope.depth > 2 { 3 } else { 6 }) {
            let line = self.field(scope, indent);
            writeln!(text, "{}{line}", "  ".repeat(indent)).unwrap();
        }
        text
    }

    fn name(&mut self, scope: &mut Scope) -> String {
        // Few letters, so that names of structs around are hidden now and then.
        loop {
            let n = self.below(14 + scope.taken.len());
            let name = format!("f{n}");
            if !scope.taken.contains(&name) {
                scope.taken.push(name.clone());
                // It hides what is called so further out.
                scope.known.retain(|known| known.path.split('.').next() != Some(&name));
                return name;
            }
        }
    }

    fn gate(&mut self) -> &'static str {
        match self.below(9) {
            0 => "@5.. ",
            1 => "@..2 ",
            2 => "@2..5 ",
            3 => "@..1|9.. ",
            4 => "@3.. ",
            _ => "",
        }
    }

    fn field(&mut self, scope: &mut Scope, indent: usize) -> String {
        let deep = scope.depth > 4;
        match self.below(if deep { 10 } else { 16 }) {
            10 | 11 => {
                let condition = self.condition(scope);
                let then = self.arm(scope, indent);
                if self.one_in(2) {
                    return format!("if {condition} {then}");
                }
                let otherwise = self.arm(scope, indent);
                format!("if {condition} {then} else {otherwise}")
            }
            12 => {
                let (subject, labels) = self.subject(scope);
                let mut text = format!("match {subject} {{\n");
                for label in labels {
                    let before = scope.known.clone();
                    let arm =
                        if self.one_in(5) { "nothing".into() } else { self.arm(scope, indent + 1) };
                    if label.starts_with('@') {
                        // What is in an arm that not every version has cannot be built on.
                        let there = |known: &Known| before.iter().any(|k| k.path == known.path);
                        scope.known.retain(there);
                    }
                    writeln!(text, "{}{label} => {arm}", "  ".repeat(indent + 1)).unwrap();
                }
                format!("{text}{}}}", "  ".repeat(indent))
            }
            13 => {
                let value = self.number(scope, 2);
                let name = self.name(scope);
                scope.known.push(Known { path: name.clone(), kind: Use::Number });
                format!("let {name} = {value}")
            }
            14 if self.one_in(3) => format!("pad {}", self.below(3)),
            15 if self.one_in(12) && scope.depth == 0 => "...".into(),
            _ => {
                // A field that is gone at some version is none to build on.
                let gate = self.gate();
                let name = self.name(scope);
                let (ty, uses) = self.ty(scope, indent);
                if gate.is_empty() {
                    for (path, kind) in uses {
                        let path =
                            if path.is_empty() { name.clone() } else { format!("{name}.{path}") };
                        scope.known.push(Known { path, kind });
                    }
                }
                format!("{gate}{name}: {ty}")
            }
        }
    }

    /// An arm in braces; its names are known afterwards, whether they are there or not.
    fn arm(&mut self, scope: &mut Scope, indent: usize) -> String {
        scope.depth += 1;
        let fields = self.fields(scope, indent + 1);
        scope.depth -= 1;
        format!("{{\n{fields}{}}}", "  ".repeat(indent))
    }

    /// A type, and what expressions may do with it: paths inside it, and of what kind they are.
    fn ty(&mut self, scope: &mut Scope, indent: usize) -> (String, Vec<(String, Use)>) {
        let this = |kind: Use| vec![(String::new(), kind)];
        let deep = scope.depth > 4;
        match self.below(if deep { 11 } else { 26 }) {
            0..=4 => (self.pick(&INTS).into(), this(Use::Number)),
            5 => {
                let ty = self.pick(&[
                    "f16",
                    "f32",
                    "f64",
                    "f32le",
                    "uuid",
                    "nbt",
                    "named_nbt",
                    "opt_nbt",
                    "varint128",
                    "u128",
                ]);
                let number = ty.contains("128");
                (ty.into(), if number { this(Use::Number) } else { this(Use::Other) })
            }
            6 => {
                let encoding = self.pick(&["str", "str", "latin1", "mutf8", "utf16"]);
                let count = self.count(scope, true);
                (format!("{encoding}[{count}]"), this(Use::Text))
            }
            7 => (format!("bytes[{}]", self.count(scope, true)), this(Use::List)),
            8 => {
                let names: Vec<String> = (0..2 + self.below(4)).map(|i| format!("e{i}")).collect();
                let repr = self.pick(&["u8", "i8", "varint", "u16"]);
                let entries: Vec<String> = names
                    .iter()
                    .map(|name| {
                        let value = if self.one_in(4) {
                            format!(" = {}", self.below(9))
                        } else {
                            String::new()
                        };
                        let gate = if self.one_in(5) { self.gate() } else { "" };
                        format!("{gate}{name}{value}")
                    })
                    .collect();
                (format!("enum {repr} {{ {} }}", entries.join(", ")), this(Use::Enum(names)))
            }
            9 => {
                let repr = self.pick(&["u8", "u16", "u32le", "u64", "varint"]);
                let mut uses = this(Use::Number);
                uses.extend(["a", "b", "c"].map(|name| (name.into(), Use::Number)));
                (format!("flags {repr} {{ a b c = {} }}", 3 + self.below(4)), uses)
            }
            10 => {
                let order = self.pick(&["lsb", "msb"]);
                let mut uses = this(Use::Number);
                uses.extend(["x", "y"].map(|name| (name.into(), Use::Number)));
                let ty = self.pick(&[
                    ("u8", "x: u1, y: i3, pad 4"),
                    ("u16", "x: u12, pad 1, y: i3"),
                    ("u32", "x: i26, y: u6"),
                    ("i64", "x: u1, y: u63"),
                    ("varint", "x: u3, y: i29"),
                ]);
                (format!("bits {} {order} {{ {} }}", ty.0, ty.1), uses)
            }
            11..=13 => {
                let mut inner =
                    Scope { taken: Vec::new(), depth: scope.depth + 1, ..scope.clone() };
                let fields = self.fields(&mut inner, indent + 1);
                let own = |k: &&Known| {
                    k.path.split('.').next().is_some_and(|n| inner.taken.iter().any(|t| t == n))
                };
                let uses = inner.known.iter().filter(own).map(|k| (k.path.clone(), k.kind.clone()));
                (format!("{{\n{fields}{}}}", "  ".repeat(indent)), uses.collect())
            }
            14 | 15 => {
                let element = self.element(scope, indent);
                let count = self.count(scope, false);
                (format!("[{count}] {element}"), this(Use::List))
            }
            16 => {
                let each = self.pick(&["it.n + 1", "it.n", "it.n * 2 - 1"]);
                let total = self.number(scope, 1);
                let more = self.fields(&mut self_contained(scope), indent + 1);
                let end = "  ".repeat(indent);
                (
                    format!("[until sum({each}) >= {total} & 15] {{\n  n: u8\n{more}{end}}}"),
                    this(Use::List),
                )
            }
            17 => {
                let (more, element) = match self.below(3) {
                    0 => ("it & 1 != 0".to_owned(), "u8".to_owned()),
                    1 => {
                        let more = self.fields(&mut self_contained(scope), indent + 1);
                        ("it.go".into(), format!("{{\n  go: bool\n{more}}}"))
                    }
                    _ => ("it.k.x != 0".into(), "{ k: bits u8 msb { x: u2, y: u6 } }".into()),
                };
                (format!("[while {more}] {element}"), this(Use::List))
            }
            18 => {
                let ty = self.simple(scope, indent);
                (format!("opt {ty}"), Vec::new())
            }
            19 => {
                let transform = self.pick(&["sized", "sized", "sized", "zlib", "deflate", "gzip"]);
                let count = self.count(scope, true);
                let element = self.element(scope, indent);
                (format!("{transform}[{count}] {element}"), this(Use::Other))
            }
            20 => {
                let (subject, labels) = self.subject(scope);
                let mut text = format!("match {subject} {{\n");
                for label in labels {
                    let ty = self.simple(scope, indent + 1);
                    writeln!(text, "{}{label} => {ty}", "  ".repeat(indent + 1)).unwrap();
                }
                (format!("{text}{}}}", "  ".repeat(indent)), Vec::new())
            }
            21 => {
                let condition = self.condition(scope);
                let (a, b) = (self.simple(scope, indent), self.simple(scope, indent));
                (format!("if {condition} then {a} else {b}"), Vec::new())
            }
            22 => {
                let (w, n) = (self.number(scope, 1), self.number(scope, 1));
                (format!("packed({w}, ({n}) & 31)"), this(Use::Other))
            }
            _ => (self.declared(scope, indent), Vec::new()),
        }
    }

    /// A type by its name.
    fn declared(&mut self, scope: &mut Scope, indent: usize) -> String {
        if scope.depth > 1 && scope.myself.is_some() {
            return "One".into();
        }
        match self.below(9) {
            0 => "One".into(),
            1 => format!("Two({})", self.number(scope, 1)),
            2 => format!("Pair({})", self.simple(scope, indent)),
            3 => {
                let ty = self.simple(scope, indent);
                format!("Perhaps({ty}, {})", self.number(scope, 1))
            }
            4 => format!("Box({})", self.simple(scope, indent)),
            5 if scope.depth < 2 && scope.myself.is_none() => {
                let type_only =
                    self.pick(&["u8", "Two(1)", "opt u16", "str[u8]", "Pair(u8)", "Chain"]);
                format!("Tree({type_only})")
            }
            6 => "Chain".into(),
            7 if scope.depth < 2 => format!("Rec({})", self.number(scope, 1)),
            _ if scope.depth < 2 => self.pick(&["Alpha", "Beta"]).into(),
            _ => "One".into(),
        }
    }

    /// A type that is no condition, for arms.
    fn simple(&mut self, scope: &mut Scope, indent: usize) -> String {
        match self.below(7) {
            0 => format!("str[{}]", self.count(scope, true)),
            1 if scope.depth < 4 => {
                let mut inner =
                    Scope { taken: Vec::new(), depth: scope.depth + 2, ..scope.clone() };
                let fields = self.fields(&mut inner, indent + 1);
                format!("{{\n{fields}{}}}", "  ".repeat(indent))
            }
            2 => format!("[{}] {}", self.count(scope, false), self.pick(&INTS)),
            _ => self.pick(&INTS).into(),
        }
    }

    fn element(&mut self, scope: &mut Scope, indent: usize) -> String {
        match self.below(6) {
            0 => self
                .pick(&[
                    "u8",
                    "u16",
                    "varint",
                    "str[u8]",
                    "utf16[u8]",
                    "bytes[varint]",
                    "uuid",
                    "f32",
                ])
                .into(),
            1 | 2 => {
                let mut inner =
                    Scope { taken: Vec::new(), depth: scope.depth + 2, ..scope.clone() };
                let fields = self.fields(&mut inner, indent + 1);
                format!("{{\n{fields}{}}}", "  ".repeat(indent))
            }
            3 => {
                let mut inner = Scope { depth: scope.depth + 2, ..scope.clone() };
                self.ty(&mut inner, indent).0
            }
            4 => self.declared(scope, indent),
            _ => self.simple(scope, indent),
        }
    }

    fn count(&mut self, scope: &mut Scope, bytes: bool) -> String {
        match self.below(9) {
            0 | 1 => self
                .pick(&[
                    "u8",
                    "varint",
                    "i8",
                    "u16",
                    "uvarint",
                    "zigzag32",
                    "varlong max 6",
                    "u8 max 3",
                ])
                .into(),
            2 | 3 => format!("{}", self.below(4)),
            4 if scope.depth < 3 => "..".into(),
            5 if !bytes => self
                .pick(&[
                    "until u8 == 0",
                    "until i8 < 0 max 20",
                    "until u16 >= 256",
                    "until varint != 1 max 3",
                    "until 127",
                ])
                .into(),
            _ => format!("({}) & 7", self.number(scope, 1)),
        }
    }

    fn subject(&mut self, scope: &mut Scope) -> (String, Vec<String>) {
        let known: Vec<_> = scope
            .known
            .iter()
            .filter(|k| matches!(k.kind, Use::Enum(_) | Use::Text))
            .cloned()
            .collect();
        let of_names = (!known.is_empty() && self.one_in(2)).then(|| self.pick(&known));
        let (subject, mut labels): (String, Vec<String>) = match of_names {
            Some(Known { path, kind: Use::Enum(names) }) => {
                (path, names[..names.len() - 1].to_vec())
            }
            Some(Known { path, .. }) => {
                (path, vec!["\"\"".into(), "\"\\x01\"".into(), "ab".into()])
            }
            None => {
                let subject = self.number(scope, 1);
                let mut labels =
                    vec!["0".to_owned(), "2..4, 7".into(), "-3..-1".into(), "300".into()];
                if self.one_in(3) {
                    labels.insert(1, format!("({})", self.number(scope, 1)));
                }
                (subject, labels)
            }
        };
        labels.truncate(1 + self.below(labels.len()));
        for label in &mut labels {
            if self.one_in(6) {
                *label = format!("{}{label}", self.gate());
            }
        }
        if self.one_in(2) {
            labels.push("else".into());
        }
        (subject, labels)
    }

    fn condition(&mut self, scope: &mut Scope) -> String {
        let texts: Vec<_> = scope.known.iter().filter(|k| k.kind == Use::Text).cloned().collect();
        let enums: Vec<_> =
            scope.known.iter().filter(|k| matches!(k.kind, Use::Enum(_))).cloned().collect();
        match self.below(11) {
            0 => "remaining > 0".into(),
            1 => format!("remaining >= {}", self.below(20)),
            2 if !texts.is_empty() => format!("{} == \"\\x01\"", self.pick(&texts).path),
            3 if !enums.is_empty() => {
                let Known { path, kind: Use::Enum(names) } = self.pick(&enums) else {
                    unreachable!()
                };
                let name = self.pick(&names);
                match self.below(3) {
                    0 => format!("{path} == {name}"),
                    1 => format!("{path} != {name}"),
                    _ => format!("{path} in {{ {name}, 3 }}"),
                }
            }
            4 => format!("{} in {}", self.number(scope, 1), self.pick(&["odd", "late"])),
            5 => format!("not ({})", self.number(scope, 1)),
            6 if !scope.known.is_empty() => format!("has {}", self.pick(&scope.known.clone()).path),
            7 => format!("{} in -1..{}", self.number(scope, 1), self.below(9)),
            8 => {
                let (a, b) = (self.condition(scope), self.number(scope, 1));
                format!("{a} {} {b} != 0", self.pick(&["and", "or"]))
            }
            _ => {
                let op = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {op} {}", self.number(scope, 1), self.number(scope, 0))
            }
        }
    }

    fn number(&mut self, scope: &mut Scope, depth: u32) -> String {
        let of = |scope: &Scope, number: bool| -> Vec<Known> {
            let fits = |k: &&Known| {
                matches!(k.kind, Use::Number | Use::Enum(_)) == number && k.kind != Use::Other
            };
            scope.known.iter().filter(fits).cloned().collect()
        };
        let numbers = of(scope, true);
        let counted = of(scope, false);
        match self.below(if depth == 0 { 9 } else { 14 }) {
            0 => self.below(6).to_string(),
            1 => "conn.c".into(),
            2 if self.one_in(2) => "remaining".into(),
            3 if self.one_in(4) => "version".into(),
            4 if !counted.is_empty() => format!("count({})", self.pick(&counted).path),
            5 if !counted.is_empty() => format!("bytes({})", self.pick(&counted).path),
            10 => format!("-({})", self.number(scope, depth - 1)),
            11 => format!("~({})", self.number(scope, depth - 1)),
            12 => format!("ones(({}) & 255)", self.number(scope, depth - 1)),
            13 => format!(
                "(match ({}) & 3 {{ 0 => {}, 1..2 => {}, else => {} }})",
                self.number(scope, depth - 1),
                self.number(scope, depth - 1),
                self.number(scope, 0),
                self.below(4)
            ),
            9 => {
                let op = self.pick(&["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
                format!(
                    "(({}) {op} ({}))",
                    self.number(scope, depth - 1),
                    self.number(scope, depth - 1)
                )
            }
            _ if !numbers.is_empty() => self.pick(&numbers).path,
            _ => self.below(5).to_string(),
        }
    }
}

/// A scope in which one number is known.
fn number(name: &str) -> Scope {
    let known = vec![Known { path: name.into(), kind: Use::Number }];
    Scope { known, taken: vec![name.into()], ..Scope::default() }
}

/// The scope of an element whose first fields the caller writes.
fn self_contained(scope: &Scope) -> Scope {
    Scope { taken: vec!["n".into(), "go".into()], depth: scope.depth + 2, ..scope.clone() }
}
