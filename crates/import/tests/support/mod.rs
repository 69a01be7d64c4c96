//! Folders in the layout of minecraft-data.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use midwire_definition::syntax::ast::lookup_key;
use midwire_definition::{LoadError, Loader, Protocol};
use midwire_import::{Edition, Options, import};

/// Files by path.
pub struct Folder(pub HashMap<String, String>);

impl Loader for Folder {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| LoadError::NotFound { path: path.to_owned() })
    }
}

/// A folder with these versions: number, and what its play clientbound types are.
pub fn folder(versions: &[(i64, &str)]) -> Folder {
    let mut files = HashMap::new();
    let mut paths = Vec::new();
    for (number, types) in versions {
        let key = format!("1.{number}");
        paths.push(format!(r#""{key}": {{"protocol": "pc/{key}", "version": "pc/{key}"}}"#));
        let version = format!(r#"{{"version": {number}, "minecraftVersion": "{key}"}}"#);
        files.insert(format!("pc/{key}/version.json"), version);
        let natives = r#""varint":"native","u8":"native","i8":"native","i16":"native","bool":"native",
            "f32":"native","buffer":"native","UUID":"native","string":["pstring",{"countType":"varint"}]"#;
        let protocol =
            format!(r#"{{"types":{{{natives}}},"play":{{"toClient":{{"types":{{{types}}}}}}}}}"#);
        files.insert(format!("pc/{key}/protocol.json"), protocol);
    }
    let listed = versions.iter().rev();
    let listed = listed.map(|(n, _)| format!(r#"{{"minecraftVersion": "1.{n}", "version": {n}}}"#));
    let listed = listed.collect::<Vec<_>>().join(",");
    files.insert("pc/common/protocolVersions.json".into(), format!("[{listed}]"));
    files.insert("dataPaths.json".into(), format!(r#"{{"pc": {{{}}}}}"#, paths.join(",")));
    Folder(files)
}

/// The table of packets for these names.
pub fn table(names: &[&str]) -> String {
    let ids: Vec<String> =
        names.iter().enumerate().map(|(id, name)| format!(r#""{id:#04x}":"{name}""#)).collect();
    let bodies: Vec<String> =
        names.iter().map(|name| format!(r#""{name}":"packet_{name}""#)).collect();
    format!(
        r#""packet":["container",[{{"name":"name","type":["mapper",{{"type":"varint","mappings":{{{}}}}}]}},
        {{"name":"params","type":["switch",{{"compareTo":"name","fields":{{{}}}}}]}}]]"#,
        ids.join(","),
        bodies.join(",")
    )
}

/// One text under every name.
pub struct Text(pub String);

impl Loader for Text {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.clone())
    }
}

/// minecraft-data's own files: some packets of 1.20.2 to 1.20.4.
pub fn data() -> Folder {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/minecraft-data");
    let names = [
        "dataPaths.json",
        "pc/common/protocolVersions.json",
        "pc/1.20.2/protocol.json",
        "pc/1.20.2/version.json",
        "pc/1.20.3/protocol.json",
        "pc/1.20.3/version.json",
        "pc/1.20.4/version.json",
    ];
    let read =
        |name: &&str| ((*name).to_owned(), std::fs::read_to_string(root.join(name)).unwrap());
    Folder(names.iter().map(read).collect())
}

/// What a definition and the data differ in at one version: each packet of it, against an import of this
/// version alone.
pub fn differences(files: &Folder, key: &str, definition: &Protocol) -> Vec<String> {
    let versions = Some((Some(key.to_owned()), Some(key.to_owned())));
    let options = Options { edition: Edition::Pc, versions, name: "alone".into() };
    let text = import(files, &options).unwrap().documents.remove(0).text;
    let alone = Protocol::load("alone.wire", &Text(text)).unwrap();
    let data = alone.dialect(alone.versions.by_text(key).unwrap());
    let here = definition.dialect(definition.versions.by_text(key).unwrap());
    let name = |protocol: &Protocol, packet: &midwire_definition::PacketDefinition| {
        let state = protocol.state_name(packet.state).to_owned();
        format!("{state} {} {}", packet.direction, lookup_key(&packet.name))
    };
    let mut found = Vec::new();
    let mut others: HashMap<String, _> =
        here.packets().map(|packet| (name(definition, packet), packet.clone())).collect();
    for packet in data.packets() {
        let name = name(&alone, packet);
        let Some(other) = others.remove(&name) else {
            found.push(format!("{name}: added"));
            continue;
        };
        if other.id != packet.id {
            found.push(format!("{name}: id {} became {}", other.id, packet.id));
        }
        let (from, to) = (other.plan.as_ref().unwrap(), packet.plan.as_ref().unwrap());
        let compared = from.compare(to);
        found.extend(compared.layout.map(|differs| format!("{name}: layout {differs:?}")));
        found.extend(compared.renamed.iter().map(|(a, b)| format!("{name}: renamed {a} to {b}")));
        found.extend(compared.entries.iter().map(|entry| format!("{name}: entry {entry:?}")));
    }
    found.extend(others.into_keys().map(|name| format!("{name}: removed")));
    found.sort();
    found
}
