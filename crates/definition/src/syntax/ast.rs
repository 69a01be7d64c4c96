//! The syntax tree of a definition file: what was written, where, and nothing about what it means.
//!
//! Every node that a message may have to point at carries its [`Span`]. Names are kept as written;
//! [`Name::key`] gives the form they are looked up by.

/// A byte range in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Which file of the [`Sources`](crate::Sources) this is in.
    pub file: u16,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that holds both; both must be of one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A node and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The node.
    pub node: T,
    /// Where it was written.
    pub span: Span,
}

/// A name as written (without back-ticks), and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The written form; what must not reach a screen as an escape.
    pub text: String,
    /// Where it was written.
    pub span: Span,
}

impl Name {
    /// The form names are compared by: lower case, without `_`.
    pub fn key(&self) -> String {
        lookup_key(&self.text)
    }

    /// Whether it is the same name as another.
    pub fn is(&self, other: &str) -> bool {
        same_name(&self.text, other)
    }
}

/// The form in which names are compared everywhere: lower case, without `_`.
pub fn lookup_key(name: &str) -> String {
    if name.is_ascii() {
        let mut key = String::with_capacity(name.len());
        key.extend(name.bytes().filter(|b| *b != b'_').map(|b| char::from(b.to_ascii_lowercase())));
        return key;
    }
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// Whether two names have one [`lookup_key`].
pub fn same_name(a: &str, b: &str) -> bool {
    // Most are written as they are defined; and what begins differently is another name.
    a == b
        || match (a.as_bytes().first(), b.as_bytes().first()) {
            (Some(x), Some(y)) if x.is_ascii_alphanumeric() && y.is_ascii_alphanumeric() => {
                x.eq_ignore_ascii_case(y) && letters(a).eq(letters(b))
            }
            _ => letters(a).eq(letters(b)),
        }
}

fn letters(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase)
}

/// One parsed file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// Its items, in order.
    pub items: Vec<Item>,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `protocol name "Title" { .. }`
    Protocol(ProtocolItem),
    /// `extend name { versions { 778 "26.4" } }`
    Extend(ExtendItem),
    /// `include "file.wire"`
    Include(Spanned<String>),
    /// `type Name @gate (T) { .. }`
    Type(TypeItem),
    /// `table name from "file"` or `table name { .. }`
    Table(TableItem),
    /// `packet ..`
    Packet(PacketItem),
    /// `ids state direction { .. }`
    Ids(IdsItem),
    /// `on state direction Name { .. }`
    On(OnItem),
    /// `group name { .. }`
    Group(GroupItem),
    /// `test .. { hex => .. }`
    Test(TestItem),
}

impl Item {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Item::Protocol(item) => item.span,
            Item::Extend(item) => item.span,
            Item::Include(file) => file.span,
            Item::Type(item) => item.span,
            Item::Table(item) => item.span,
            Item::Packet(item) => item.span,
            Item::Ids(item) => item.span,
            Item::On(item) => item.span,
            Item::Group(item) => item.span,
            Item::Test(item) => item.span,
        }
    }
}

/// Which way, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directions {
    /// Client to server.
    Serverbound,
    /// Server to client.
    Clientbound,
    /// Both.
    Both,
}

/// A version as written in a gate or a table.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionRef {
    /// A wire number.
    Number(i64),
    /// A key or a release, in quotes.
    Key(String),
}

/// A range of versions; both ends included, an absent end is open.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRange {
    /// First version.
    pub from: Option<Spanned<VersionRef>>,
    /// Last version.
    pub to: Option<Spanned<VersionRef>>,
    /// Where it was written.
    pub span: Span,
}

/// One gate: `@..764|766..` or `@clientbound`.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// Any of these version ranges.
    Versions(Vec<VersionRange>, Span),
    /// Only in packets that go this way (never [`Directions::Both`]).
    Direction(Directions, Span),
}

/// `@ref item`, `@secret`, `@unit "px"`: an attribute and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name, without the `@`.
    pub name: Name,
    /// Its arguments: a bare name is [`ExprKind::Path`].
    pub args: Vec<Expr>,
    /// The type of `@open Type`.
    pub ty: Option<Type>,
}

/// `protocol name "Title" { .. }`
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolItem {
    /// The doc comment, lines joined by newlines.
    pub doc: String,
    /// The name that the command line takes.
    pub name: Name,
    /// The name that people are shown.
    pub title: Option<Spanned<String>>,
    /// What stands in the braces, in order.
    pub entries: Vec<ProtocolEntry>,
    /// From the keyword to the closing brace.
    pub span: Span,
}

/// `extend name { .. }`: the file adds to a definition that is elsewhere, and replaces parts of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtendItem {
    /// The name of the protocol.
    pub name: Name,
    /// What stands in the braces, in order; none where there are no braces.
    pub entries: Vec<ProtocolEntry>,
    /// From the keyword to the closing brace.
    pub span: Span,
}

/// One line of a `protocol` block.
#[derive(Debug, Clone, PartialEq)]
pub enum ProtocolEntry {
    /// `endian big`; true for little.
    Endian { little: bool, span: Span },
    /// `versions from "file"`
    VersionsFrom(Spanned<String>),
    /// `versions { 248 "1.4.3.6", .. }`
    Versions(Vec<(Spanned<i64>, Option<Spanned<String>>)>),
    /// `port 7777`
    Port(Spanned<i64>),
    /// `states handshake, status, ..`
    States(Vec<Name>),
    /// `start handshake`
    Start(Name),
    /// `frame { .. }` or `frame none` (`None`), outside a stack
    Frame(Option<Vec<FrameField>>, Span),
    /// `stack { .. }`: from the socket inwards
    Stack(Vec<Stage>, Span),
    /// `version from serverbound Hello.version matching "Terraria{n}"`
    VersionFrom(VersionFrom),
    /// `conn { me: u8 }`
    Conn(Vec<Variable>),
    /// `detect serverbound Hello where version startswith "Game"`
    Detect(DetectItem),
}

/// How the first bytes of a direction look.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectItem {
    /// Which way they go.
    pub direction: Directions,
    /// What they are.
    pub what: DetectWhat,
    /// The whole line.
    pub span: Span,
}

/// What the first bytes of a direction are.
#[derive(Debug, Clone, PartialEq)]
pub enum DetectWhat {
    /// `hex "fe 01"`; with `alone` nothing follows them.
    Bytes { bytes: Spanned<Vec<u8>>, alone: bool },
    /// A whole packet, in the start state, of which this holds.
    Packet { packet: Name, signs: Vec<Sign> },
}

/// What is to hold of a field, for its packet to be a sign of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// As written, e.g. `pairs[0].key`; `[..]` is any element.
    pub path: Spanned<String>,
    /// What is to hold.
    pub test: SignTest,
}

/// What is to hold of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum SignTest {
    /// `startswith "x"`
    StartsWith(Spanned<String>),
    /// `== 1`, `== "x"`
    Compare(Compare, Spanned<Literal>),
    /// `in 1..3`, both included
    In(i128, i128),
}

/// `version from [state.]direction [state] Packet.field matching ".."`
#[derive(Debug, Clone, PartialEq)]
pub struct VersionFrom {
    /// The protocol state, in a protocol that has states.
    pub state: Option<Name>,
    /// Which way the packet goes.
    pub direction: Directions,
    /// The packet.
    pub packet: Name,
    /// The field, as a path.
    pub field: Vec<Name>,
    /// The text with `{n}` in the number's place.
    pub matching: Option<Spanned<String>>,
    /// The whole line.
    pub span: Span,
}

/// A connection variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name after `conn.`.
    pub name: Name,
    /// Its type: an integer or bool primitive.
    pub ty: Type,
    /// The value at the start; 0 where absent.
    pub initial: Option<Expr>,
    /// `@ref` and the like.
    pub attributes: Vec<Attribute>,
}

/// A layer between socket and packet.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `frame { .. }`; `None` for `frame none`
    Frame(Option<Vec<FrameField>>, Span),
    /// `id: varint`
    Id(Type, Span),
    /// `compression: zlib_threshold off`
    Named { name: Name, kind: Name, on: bool },
}

/// A field of the frame's header.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameField {
    /// `length` and `id` are special.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// `counts whole`: the length includes the header; else what follows the length.
    pub counts_whole: bool,
    /// `max n`
    pub max: Option<Spanned<i64>>,
    /// `= expr`: a constant it must have, or how to compute it
    pub value: Option<Expr>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

/// `type Name @gate (T, n) = ..`
#[derive(Debug, Clone, PartialEq)]
pub struct TypeItem {
    /// The doc comment.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Versions in which this declaration counts.
    pub gates: Vec<Gate>,
    /// Parameters: Capitalised ones stand for types, the others for values.
    pub params: Vec<Name>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// What it is.
    pub body: Type,
    /// From the keyword to the end.
    pub span: Span,
}

/// `table name { 3..5, 24 "name" }` or `table name from "file"`
#[derive(Debug, Clone, PartialEq)]
pub struct TableItem {
    /// The doc comment.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Versions in which this declaration counts.
    pub gates: Vec<Gate>,
    /// The entries.
    pub source: TableSource,
    /// From the keyword to the end.
    pub span: Span,
}

/// Where a table's entries come from.
#[derive(Debug, Clone, PartialEq)]
pub enum TableSource {
    /// A file beside the definition.
    File(Spanned<String>),
    /// Written in place.
    Inline(Vec<TableEntry>),
}

/// One entry of a table: a number or a range, with or without a name.
#[derive(Debug, Clone, PartialEq)]
pub struct TableEntry {
    /// First number.
    pub first: i64,
    /// Last number.
    pub last: i64,
    /// The name of it.
    pub name: Option<String>,
    /// Where it was written.
    pub span: Span,
}

/// `packet play clientbound system_chat { .. }`, `packet Hello = 1 serverbound { .. }`
#[derive(Debug, Clone, PartialEq)]
pub struct PacketItem {
    /// The doc comment.
    pub doc: String,
    /// The protocol state, where the protocol has states.
    pub state: Option<Name>,
    /// Which way it goes.
    pub directions: Directions,
    /// Its name.
    pub name: Name,
    /// Versions in which this declaration counts (gates after the name and after the head).
    pub gates: Vec<Gate>,
    /// A title for people.
    pub title: Option<Spanned<String>>,
    /// Its ids, each with gates; empty where an `ids` table has them.
    pub ids: Vec<(Spanned<i64>, Vec<Gate>)>,
    /// Attributes of the packet.
    pub attributes: Vec<Attribute>,
    /// Its fields; `None`: opaque.
    pub body: Option<Struct>,
    /// From the keyword to the end.
    pub span: Span,
}

/// `ids play clientbound { 764: a b c  765: + d after b }`
#[derive(Debug, Clone, PartialEq)]
pub struct IdsItem {
    /// The protocol state.
    pub state: Option<Name>,
    /// Which way.
    pub direction: Directions,
    /// The lines, in order of version.
    pub lines: Vec<IdsLine>,
    /// From the keyword to the end.
    pub span: Span,
}

/// One line of an id table.
#[derive(Debug, Clone, PartialEq)]
pub struct IdsLine {
    /// From this version on.
    pub version: Spanned<VersionRef>,
    /// What changes.
    pub change: IdsChange,
}

/// The base, or edits of the line before.
#[derive(Debug, Clone, PartialEq)]
pub enum IdsChange {
    /// All names in order, counting from 0 or from the written id.
    Base(Vec<(Name, Option<Spanned<i64>>)>),
    /// Edits of the list of the version before, in order.
    Edits(Vec<IdsEdit>),
}

/// One edit of an id table.
#[derive(Debug, Clone, PartialEq)]
pub enum IdsEdit {
    /// `+ name after other`, `+ name first`, `+ name = 7`
    Add { name: Name, place: IdsPlace },
    /// `- name`
    Remove(Name),
    /// `move name after other`
    Move { name: Name, place: IdsPlace },
    /// `rename old to new`
    Rename { from: Name, to: Name },
}

/// Where in an id table.
#[derive(Debug, Clone, PartialEq)]
pub enum IdsPlace {
    /// Directly behind this one.
    After(Name),
    /// In front of all.
    First,
    /// At this id, in front of what has it.
    Id(Spanned<i64>),
}

/// `on login clientbound success @..763 { state = play }`
#[derive(Debug, Clone, PartialEq)]
pub struct OnItem {
    /// The protocol state.
    pub state: Option<Name>,
    /// Which way the packet goes.
    pub direction: Directions,
    /// The packet.
    pub packet: Name,
    /// Versions.
    pub gates: Vec<Gate>,
    /// Only when this holds.
    pub condition: Option<Expr>,
    /// What happens.
    pub actions: Vec<Action>,
    /// From the keyword to the end.
    pub span: Span,
}

/// What an `on` event does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `state = expr`, `state clientbound = expr`; the expression gives a state's name
    State { direction: Option<Directions>, value: Expr, span: Span },
    /// `conn.me = expr`
    Assign { variable: Name, value: Expr },
    /// `compression.on(threshold)`
    Call { stage: Name, method: Name, args: Vec<Expr>, span: Span },
}

/// `group chat { text: str, clientbound chat { text = message } }`
#[derive(Debug, Clone, PartialEq)]
pub struct GroupItem {
    /// The doc comment.
    pub doc: String,
    /// Its name.
    pub name: Name,
    /// Named views and their kind (`str`, `int`, ..).
    pub views: Vec<(Name, Name)>,
    /// The packets in it.
    pub members: Vec<GroupMember>,
    /// From the keyword to the end.
    pub span: Span,
}

/// One packet of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMember {
    /// The protocol state.
    pub state: Option<Name>,
    /// Which way.
    pub directions: Directions,
    /// The packet.
    pub packet: Name,
    /// Versions.
    pub gates: Vec<Gate>,
    /// `view = expr`
    pub views: Vec<(Name, Expr)>,
}

/// `test play clientbound system_chat @765 { 0a 00 00 => is_action_bar: false }`
#[derive(Debug, Clone, PartialEq)]
pub struct TestItem {
    /// The protocol state.
    pub state: Option<Name>,
    /// Which way; absent where the packet goes one way only.
    pub direction: Option<Directions>,
    /// The packet.
    pub packet: Name,
    /// The version; the newest where absent.
    pub version: Option<Spanned<VersionRef>>,
    /// The body's bytes after the id.
    pub bytes: Spanned<Vec<u8>>,
    /// What must come of it.
    pub expect: TestExpectation,
    /// From the keyword to the end.
    pub span: Span,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq)]
pub enum TestExpectation {
    /// Decoding fails, and the message contains this text.
    Error(Option<Spanned<String>>),
    /// These fields have these values; the bytes are used up.
    Fields(Vec<Expectation>),
}

/// `item.count: 1`
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The path as written, e.g. `args[2].text`.
    pub path: Spanned<String>,
    /// The value.
    pub value: Spanned<Literal>,
}

/// A value in a test.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `5`
    Int(i128),
    /// `1.5`
    Float(f64),
    /// `"x"`
    Str(String),
    /// `true`
    Bool(bool),
    /// `hex "00 01"`
    Bytes(Vec<u8>),
    /// An enum's or flag's name.
    Name(String),
    /// `[1, 2]`
    List(Vec<Spanned<Literal>>),
    /// `absent`
    Absent,
}

/// `{ .. }`
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// With the braces.
    pub span: Span,
}

/// One entry of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The doc comment.
    pub doc: String,
    /// All must hold.
    pub gates: Vec<Gate>,
    /// What it is.
    pub kind: FieldKind,
    /// From the gate to the end.
    pub span: Span,
}

/// What an entry of a struct is.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// `name: type = expr @attributes`
    Named { name: Name, ty: Type, value: Option<Expr>, attributes: Vec<Attribute> },
    /// `if expr { .. } else { .. }`; an `else if` is a struct that holds one `If`
    If { condition: Expr, then: Struct, otherwise: Option<Struct> },
    /// `match expr { labels => { .. } }`
    Match { subject: Expr, arms: Vec<FieldArm> },
    /// `let name = expr`
    Let { name: Name, value: Expr },
    /// `pad n`
    Pad(Spanned<i64>),
    /// `...`: an unknown tail
    Tail,
    /// `...Name(args)`: the fields of that struct type, flattened
    Flat(Type),
}

/// An arm of a flat match.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldArm {
    /// The doc comment.
    pub doc: String,
    /// All must hold.
    pub gates: Vec<Gate>,
    /// What it is for.
    pub labels: Labels,
    /// Its fields; empty for `nothing`. `...T` is a struct of one [`FieldKind::Flat`].
    pub body: Struct,
    /// From the gate to the end.
    pub span: Span,
}

/// What an arm is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// `else`
    Else(Span),
    /// One or more labels.
    Any(Vec<Spanned<Label>>),
}

/// One label.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// `5`; a range of one
    Int(i128),
    /// `5..9`, both ends included
    Range(i128, i128),
    /// `"x"`
    Str(String),
    /// `true`
    Bool(bool),
    /// A bare name: an entry of the matched enum.
    Name(String),
    /// `(x)`: an argument or a field
    Expr(Expr),
}

/// A type.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where it was written.
    pub span: Span,
}

/// What a type is.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// A primitive, a declared type or a parameter, with arguments.
    Name { name: Name, args: Vec<Arg> },
    /// `[count] T`
    Array { count: Count, element: Box<Type> },
    /// `opt T`
    Opt(Box<Type>),
    /// `str[count]` and its kin; no count: a view's type in a group
    Str { encoding: Encoding, count: Option<Count> },
    /// `bytes[count]`
    Bytes(Count),
    /// `sized[count] T`, `zlib[count] T`, ..
    Block { transform: Transform, count: Count, inner: Box<Type> },
    /// `enum varint { a b = 3 }`
    Enum { repr: Box<Type>, entries: Vec<Entry> },
    /// `flags u8 { a b = 3 }`: numbers of bits
    Flags { repr: Box<Type>, entries: Vec<Entry> },
    /// `bits u8 lsb { a: u3, pad 5 }`
    Bits { repr: Box<Type>, lsb_first: bool, members: Vec<BitMember> },
    /// `packed(width, count) in u64`
    Packed { width: Box<Expr>, count: Box<Expr>, unit: Option<Name>, crossing: bool },
    /// `match expr { labels => T }`
    Match { subject: Box<Expr>, arms: Vec<TypeArm> },
    /// `if expr then T else U`
    If { condition: Box<Expr>, then: Box<Type>, otherwise: Box<Type> },
    /// `native name`
    Native(Name),
    /// `nothing`
    Nothing,
    /// `{ .. }`
    Struct(Struct),
}

/// An argument of a type. A bare name may be either: the parameter's case decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// Certainly a type: `[varint] Slot`, `opt nbt`, `{ .. }`.
    Type(Type),
    /// Certainly a value: a literal, an operator, a dotted path.
    Expr(Expr),
    /// A bare name, or a name with arguments.
    Name(Type),
}

/// How text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `str`: UTF-8
    Utf8,
    /// `latin1`
    Latin1,
    /// `mutf8`: Java's modified UTF-8
    Mutf8,
    /// `utf16`: in the protocol's byte order; lengths count code units
    Utf16,
}

/// What is done to a block's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    /// `sized`: nothing
    Sized,
    /// `zlib`
    Zlib,
    /// `deflate`: without a header
    Deflate,
    /// `gzip`
    Gzip,
}

/// What stands in the brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// How the number is known.
    pub kind: CountKind,
    /// `max n`
    pub max: Option<Spanned<i64>>,
    /// With the brackets.
    pub span: Span,
}

/// How a number of elements or bytes is known.
#[derive(Debug, Clone, PartialEq)]
pub enum CountKind {
    /// `..`: the rest
    Rest,
    /// `varint`: a primitive in front. Only for names that are primitives; the parser decides by name.
    Prefix(Box<Type>),
    /// An earlier field, a constant, an expression.
    Expr(Expr),
    /// `until u16 == 0`: ends at a value of this primitive, which is consumed. `until 127` is u8.
    UntilValue { prim: Name, compare: Compare, value: Expr },
    /// `until sum(expr) >= expr`: elements until the running total of the first expression says so
    UntilSum { each: Expr, compare: Compare, total: Expr },
    /// `while expr`: after each element, go on while it holds
    While(Expr),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// A named number of an enum or a flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The doc comment.
    pub doc: String,
    /// All must hold.
    pub gates: Vec<Gate>,
    /// Its name.
    pub name: Name,
    /// Its number, or its text in an enum over a string.
    pub value: Option<Spanned<Literal>>,
}

/// A member of a `bits` field.
#[derive(Debug, Clone, PartialEq)]
pub struct BitMember {
    /// The doc comment.
    pub doc: String,
    /// All must hold.
    pub gates: Vec<Gate>,
    /// Its name; `None` for `pad`.
    pub name: Option<Name>,
    /// Two's complement.
    pub signed: bool,
    /// Its width in bits.
    pub width: Spanned<i64>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

/// An arm of a `match` type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeArm {
    /// The doc comment.
    pub doc: String,
    /// All must hold.
    pub gates: Vec<Gate>,
    /// What it is for.
    pub labels: Labels,
    /// Its type.
    pub ty: Type,
    /// From the gate to the end.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it was written.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `5`, `0xff`
    Int(i128),
    /// `1.5`
    Float(f64),
    /// `"x"`
    Str(String),
    /// `true`
    Bool(bool),
    /// `a.b.c`; the first may be `it`, `outer`, `conn`, `remaining`, `version`
    Path(Vec<Name>),
    /// `not e`
    Not(Box<Expr>),
    /// `-e`
    Negate(Box<Expr>),
    /// `~e`
    Complement(Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a == b`
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// `a in {1, 2}`
    InSet(Box<Expr>, Vec<Expr>),
    /// `a in 1..5`, both ends included
    InRange(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `a in table`
    InTable(Box<Expr>, Name),
    /// `table[e]`
    Lookup(Name, Box<Expr>),
    /// `name(args)`
    Call(Name, Vec<Expr>),
    /// `has path`
    Has(Vec<Name>),
    /// `match e { 1 => a, else => b }`
    Match(Box<Expr>, Vec<(Labels, Expr)>),
}

/// An operator with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `*`
    Multiply,
    /// `/`: towards zero
    Divide,
    /// `%`
    Remainder,
    /// `&`
    BitAnd,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_without_case_and_underlines() {
        for (a, b, same) in [
            ("hasVelocity", "has_velocity", true),
            ("ÄB", "ä_b", true),
            ("_a", "A", true),
            ("a", "ab", false),
            ("", "_", true),
            ("velocity", "velocitx", false),
        ] {
            assert_eq!(same_name(a, b), same, "{a} {b}");
            assert_eq!(lookup_key(a) == lookup_key(b), same, "{a} {b}");
        }
    }
}
