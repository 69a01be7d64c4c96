//! The types of ProtoDef, one by one.

use serde_json::Value;

use super::paths::is_integer;
use super::{Carried, DEPTH_MAX, Reader};
use crate::folder::Edition;
use crate::names::snake;
use crate::shape::{Arm, EntryKind, EntryValue, EnumEntry, Label, Part, Shape};

impl<'a> Reader<'a> {
    /// A type.
    pub(super) fn shape(&mut self, ty: &'a Value) -> Carried<Shape> {
        match ty {
            Value::String(name) => self.simple(name),
            Value::Array(list) => match list.as_slice() {
                [Value::String(kind), args] => {
                    if self.here.depth >= DEPTH_MAX {
                        return Err(format!("types are nested deeper than {DEPTH_MAX}"));
                    }
                    self.here.depth += 1;
                    let shape = self.construct(kind, args);
                    self.here.depth -= 1;
                    shape
                }
                [Value::String(name)] if name == "enum_size_based_on_values_len" => {
                    // It counts the values in front of it, by a name of its own.
                    Ok(Shape::Width(self.count_of("values_len")?))
                }
                [Value::String(name)] => self.simple(name),
                _ => Err("a type is a name, or a list of a name and its arguments".into()),
            },
            _ => Err("a type is a name, or a list of a name and its arguments".into()),
        }
    }

    /// A type without arguments.
    fn simple(&mut self, name: &str) -> Carried<Shape> {
        if name == "void" {
            return Ok(Shape::Nothing);
        }
        match self.find(name) {
            Some((space, ty)) if ty.as_str() != Some("native") => {
                Ok(Shape::named(self.declared(name, space, ty)?))
            }
            Some(_) => self.native(name).ok_or_else(|| {
                format!("`{name}` is built into the JavaScript reader; the wire language has no such type")
            }),
            None => self.native(name).ok_or_else(|| format!("there is no type `{name}`")),
        }
    }

    /// What a built-in type is in the wire language.
    fn native(&self, name: &str) -> Option<Shape> {
        let bedrock = self.edition == Edition::Bedrock;
        Some(match name {
            "bool" | "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64" | "f32"
            | "f64" | "varint" | "zigzag32" | "zigzag64" | "varint128" | "u24" | "i24" => {
                Shape::named(name)
            }
            "li8" => Shape::named("i8"),
            "lu8" => Shape::named("u8"),
            "li16" | "lu16" | "li24" | "lu24" | "li32" | "lu32" | "li64" | "lu64" | "lf32"
            | "lf64" => Shape::named(format!("{}le", &name[1..])),
            "varlong" | "varint64" => Shape::named("varlong"),
            "UUID" | "uuid" => Shape::named("uuid"),
            "restBuffer" => Shape::Bytes("..".into()),
            "byterot" => Shape::named("u8"),
            "nbt" if !bedrock => Shape::named("named_nbt"),
            "optionalNbt" if !bedrock => Shape::named("opt_named_nbt"),
            "nbt" => Shape::named("NetworkNbt"),
            "lnbt" => Shape::named("LittleNbt"),
            "nbtLoop" => Shape::Array("until 0".into(), Box::new(Shape::named("NetworkNbt"))),
            "anonymousNbt" => Shape::named("nbt"),
            "anonOptionalNbt" => Shape::named("opt_nbt"),
            "compressedNbt" => Shape::named("CompressedNbt"),
            "lpVec3" => Shape::named("LpVec3"),
            // 0.30c: texts and arrays of a fixed size, filled up with spaces and zeroes.
            "string" => Shape::Text("latin1", "64".into()),
            "byte_array" => Shape::Bytes("1024".into()),
            _ => return None,
        })
    }

    fn construct(&mut self, kind: &str, args: &'a Value) -> Carried<Shape> {
        let inner = |key: &str| args.get(key).ok_or_else(|| format!("`{kind}` without `{key}`"));
        match kind {
            "container" => self.structure(args),
            "switch" => self.switch(args),
            "option" => match self.shape(args)? {
                // The byte is there, whatever it says.
                Shape::Nothing => Ok(Shape::named("bool")),
                shape => Ok(Shape::Opt(Box::new(shape))),
            },
            "array" | "maybeIncompleteArray" => {
                if kind == "maybeIncompleteArray" {
                    return Err("an array that may end early".into());
                }
                let count = self.count(args)?;
                self.list(count, inner("type")?)
            }
            "count" => self.shape(inner("type")?),
            "buffer" => {
                if args.get("rest").and_then(Value::as_bool) == Some(true) {
                    return Ok(Shape::Bytes("..".into()));
                }
                Ok(Shape::Bytes(self.count(args)?))
            }
            "pstring" => {
                let encoding = match args.get("encoding").and_then(Value::as_str) {
                    None | Some("utf8" | "utf-8") => "str",
                    Some("latin1" | "binary") => "latin1",
                    Some(other) => return Err(format!("text in the encoding `{other}`")),
                };
                Ok(Shape::Text(encoding, self.count(args)?))
            }
            "mapper" => self.mapper(inner("type")?, inner("mappings")?),
            "bitfield" => bitfield(args),
            "bitflags" => self.bitflags(args),
            "encapsulated" => {
                let length = self.prefix(inner("lengthType")?)?;
                let shape = self.shape(inner("type")?)?;
                Ok(Shape::Sized(length, Box::new(shape)))
            }
            "optionalOnRemaining" => {
                let body = self.shape(inner("type")?)?;
                let arm = Arm { set: Default::default(), label: Label::Bool(true), body };
                Ok(Shape::Match("remaining > 0".into(), vec![arm]))
            }
            "entityMetadataLoop" => {
                let end = inner("endVal")?.as_u64().ok_or("`endVal` is no number")?;
                self.list(format!("until {end}"), inner("type")?)
            }
            "topBitSetTerminatedArray" => self.top_bit(inner("type")?),
            "registryEntryHolder" => {
                let value = self.shape(inner("otherwise")?.get("type").unwrap_or(&Value::Null))?;
                Ok(Shape::Name("Holder".into(), vec![value]))
            }
            "registryEntryHolderSet" => {
                let of = |key| Ok::<_, String>(inner(key)?.get("type").unwrap_or(&Value::Null));
                let (base, otherwise) = (self.shape(of("base")?)?, self.shape(of("otherwise")?)?);
                Ok(Shape::Name("HolderSet".into(), vec![base, otherwise]))
            }
            name => self.macro_call(name, args),
        }
    }

    /// A declared type with arguments, laid out where it is used.
    fn macro_call(&mut self, name: &str, args: &'a Value) -> Carried<Shape> {
        let Some((_, ty)) = self.find(name).filter(|(_, ty)| ty.as_str() != Some("native")) else {
            return Err(format!("there is no type `{name}` with arguments"));
        };
        let Some(args) = args.as_object() else {
            return Err(format!("the arguments of `{name}` are no object"));
        };
        let mut given = std::collections::HashMap::new();
        for (key, value) in args {
            let Some(text) = value.as_str() else {
                return Err(format!("the argument `{key}` of `{name}` is no path"));
            };
            let text = self.here.arguments.get(text).cloned().unwrap_or_else(|| text.to_owned());
            given.insert(format!("${key}"), text);
        }
        let outer = std::mem::replace(&mut self.here.arguments, given);
        let shape = self.shape(ty);
        self.here.arguments = outer;
        shape
    }

    /// An array whose elements can be told apart.
    fn list(&mut self, count: String, element: &'a Value) -> Carried<Shape> {
        let shape = self.shape(element)?;
        if self.is_open(&shape) {
            return Err("its elements cannot be read to their end".into());
        }
        match shape {
            Shape::Nothing => Err("an array of nothing".into()),
            Shape::Name(name, _) if name == "u8" && !count.starts_with("until") => {
                Ok(Shape::Bytes(count))
            }
            shape => Ok(Shape::Array(count, Box::new(shape))),
        }
    }

    /// An array that goes on as long as the top bit of its elements' first byte is set.
    fn top_bit(&mut self, element: &'a Value) -> Carried<Shape> {
        let wanted = "an array ended by a top bit needs elements that begin with an i8 or u8";
        let Shape::Struct(mut entries) = self.shape(element)? else { return Err(wanted.into()) };
        let Some(EntryKind::Field(name, first)) = entries.first_mut().map(|e| &mut e.kind) else {
            return Err(wanted.into());
        };
        if *first != Shape::named("i8") && *first != Shape::named("u8") {
            return Err(wanted.into());
        }
        let part = |name: &str, width| Part { name: Some(name.into()), width, signed: false };
        let more = if name == "more" { "goes_on" } else { "more" };
        *first = Shape::Bits("u8", vec![part(more, 1), part(name, 7)]);
        let count = format!("while it.{}.{more}", crate::names::written(name));
        let shape = Shape::Struct(entries);
        if self.is_open(&shape) {
            return Err("its elements cannot be read to their end".into());
        }
        Ok(Shape::Array(count, Box::new(shape)))
    }

    /// What stands between the brackets.
    fn count(&mut self, args: &'a Value) -> Carried<String> {
        if let Some(ty) = args.get("countType") {
            return self.prefix(ty);
        }
        match args.get("count") {
            Some(Value::Number(n)) => n
                .as_u64()
                .filter(|n| *n <= u64::from(u32::MAX))
                .map(|n| n.to_string())
                .ok_or_else(|| format!("the count {n}")),
            Some(Value::String(path)) => match path.parse::<u32>() {
                Ok(n) => Ok(n.to_string()),
                Err(_) => {
                    let path =
                        self.here.arguments.get(path).cloned().unwrap_or_else(|| path.clone());
                    self.count_of(&path)
                }
            },
            Some(_) => Err("a count that is neither a number nor a field".into()),
            None => Err("neither `count` nor `countType`".into()),
        }
    }

    /// An integer in front of what it counts.
    fn prefix(&mut self, ty: &'a Value) -> Carried<String> {
        match self.primitive(ty)? {
            name if is_integer(&name) && name != "varint128" => Ok(name),
            name => Err(format!("a length or count of type `{name}`")),
        }
    }

    /// A primitive, through the names of declared types.
    fn primitive(&mut self, ty: &'a Value) -> Carried<String> {
        let mut shape = self.shape(ty)?;
        for _ in 0..DEPTH_MAX {
            let Shape::Name(name, args) = &shape else { break };
            match self.done.get(name).filter(|_| args.is_empty()) {
                Some(declared) => shape = declared.shape.clone(),
                None => return Ok(name.clone()),
            }
        }
        Err("an integer is needed here".into())
    }

    fn mapper(&mut self, ty: &'a Value, mappings: &'a Value) -> Carried<Shape> {
        let Some(mappings) = mappings.as_object() else {
            return Err("the mappings are no object".into());
        };
        let repr = self.shape(ty)?;
        if matches!(self.domain(&repr), super::paths::Domain::Text) {
            let entries = mappings.iter().map(|(text, name)| {
                let name = name.as_str().ok_or_else(|| format!("`{text}` stands for no name"))?;
                let value = EntryValue::Text(text.clone());
                Ok(EnumEntry { set: Default::default(), name: snake(name), value })
            });
            return Ok(Shape::Enum(Box::new(repr), entries.collect::<Carried<_>>()?));
        }
        let repr = self.primitive(ty)?;
        if !is_integer(&repr) {
            return Err(format!("a mapper over `{repr}`"));
        }
        let mut entries = Vec::new();
        for (number, name) in mappings {
            let Some(n) = integer(number) else {
                return Err(format!("`{number}` in a mapper is no number"));
            };
            let Some(name) = name.as_str() else {
                return Err(format!("{number} in a mapper stands for no name"));
            };
            entries.push((n, name));
        }
        entries.sort();
        entries.dedup_by_key(|(n, _)| *n);
        let entry = |(n, name): (i128, &str)| {
            let name = if name.is_empty() { "empty".to_owned() } else { snake(name) };
            EnumEntry { set: Default::default(), name, value: EntryValue::int(n) }
        };
        let entries: Vec<_> = entries.into_iter().map(entry).collect();
        if entries.is_empty() {
            return Ok(Shape::named(repr));
        }
        Ok(Shape::Enum(Box::new(Shape::named(repr)), entries))
    }

    fn bitflags(&mut self, args: &'a Value) -> Carried<Shape> {
        let repr = self.primitive(args.get("type").ok_or("`bitflags` without `type`")?)?;
        if !is_integer(&repr) {
            return Err(format!("flags in a `{repr}`"));
        }
        let shift = args.get("shift").and_then(Value::as_bool) == Some(true);
        let mut bits: Vec<(u32, String)> = Vec::new();
        match args.get("flags") {
            Some(Value::Array(names)) => {
                let names = names.iter().enumerate();
                bits.extend(
                    names.filter_map(|(at, name)| Some((at as u32, snake(name.as_str()?)))),
                );
            }
            Some(Value::Object(masks)) => {
                for (name, mask) in masks {
                    let text = match mask {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    let Some(mask) = integer(&text).filter(|mask| *mask >= 0) else {
                        return Err(format!("the mask of the flag `{name}` is no number"));
                    };
                    match (shift, u128::try_from(mask).unwrap_or(0)) {
                        (true, bit) => bits.push((bit as u32, snake(name))),
                        (false, mask) if mask.is_power_of_two() => {
                            bits.push((mask.trailing_zeros(), snake(name)));
                        }
                        _ => self.remark(format!(
                            "the flag `{name}` is not one bit; its name is left out"
                        )),
                    }
                }
            }
            _ => return Err("`bitflags` without `flags`".into()),
        }
        bits.sort();
        let mut entries: Vec<EnumEntry> = Vec::new();
        for (bit, name) in bits {
            let value = EntryValue::int(bit.into());
            if bit >= width(&repr) {
                self.remark(format!("the flag `{name}` would be bit {bit} of a {repr}; left out"));
            } else if entries.iter().any(|e| e.value == value || e.name == name) {
                self.remark(format!("the flag `{name}` is named twice; left out"));
            } else {
                entries.push(EnumEntry { set: Default::default(), name, value });
            }
        }
        if entries.is_empty() {
            return Ok(Shape::named(repr));
        }
        Ok(Shape::Flags(Box::new(Shape::named(repr)), entries))
    }
}

/// Bits of an integer.
fn width(repr: &str) -> u32 {
    match repr.trim_end_matches("le") {
        "u8" | "i8" => 8,
        "u16" | "i16" => 16,
        "u24" | "i24" => 24,
        "u64" | "i64" | "varlong" | "zigzag64" => 64,
        "u128" | "varint128" => 128,
        _ => 32,
    }
}

fn bitfield(args: &Value) -> Carried<Shape> {
    let Some(list) = args.as_array() else { return Err("a bitfield's parts are no list".into()) };
    let mut parts: Vec<Part> = Vec::new();
    let mut total = 0u32;
    for part in list {
        let width = part.get("size").and_then(Value::as_u64).filter(|n| (1..=64).contains(n));
        let Some(width) = width else { return Err("a bitfield's part without a size".into()) };
        let width = width as u32;
        total += width;
        let name = part.get("name").and_then(Value::as_str).unwrap_or("");
        let padding =
            name.is_empty() || name.trim_matches('_').to_lowercase().starts_with("unused");
        let mut name = (!padding).then(|| snake(name));
        if parts.iter().any(|other| other.name.is_some() && other.name == name) {
            name = None;
        }
        let signed = name.is_some() && part.get("signed").and_then(Value::as_bool) == Some(true);
        parts.push(Part { name, width, signed });
        if total > 64 {
            return Err("a bitfield of more than 64 bits".into());
        }
    }
    let repr = match total {
        8 => "u8",
        16 => "u16",
        24 => "u24",
        32 => "u32",
        64 => "u64",
        _ => return Err(format!("a bitfield of {total} bits")),
    };
    Ok(Shape::Bits(repr, parts))
}

/// A whole number as keys of objects have it: decimal or hexadecimal.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let digits = digits.to_ascii_lowercase();
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok().map(i128::from),
        None => {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()).flatten().map(i128::from)
        }
    }?;
    Some(if negative { -number } else { number })
}
