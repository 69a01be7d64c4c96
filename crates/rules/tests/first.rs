use std::time::{Duration, Instant};
use midwire_definition::{Workspace, builtin, Sources, Diagnostics, render};
use midwire_rules::*;

#[test]
fn first() {
    let p = builtin("minecraft").unwrap();
    let t = Instant::now();
    let lexicon = std::sync::Arc::new(Lexicon::new(&p));
    eprintln!("lexicon {:?} for {} versions", t.elapsed(), p.versions.iter().len());
    for text in [
        "update_health.health < 5", "update_health and health < 5", "health < 5", "group:chat.text contains 'x' nocase", "group:chat and text contains 'x'",
        "system_chat.contnt == 'x'", "set_slot.item.added[2].x == 3", "packet.length > 5 and serverbound", "position.on_ground", "packet.state == play and packet.name == \"chat\"",
        "session.version >= 1.20.4", "client.ip in 10.0.0.0/8", "login.game_mode == 300", "any(player_info.data, it.ping > 3)", "system_chat.content contains \"x\"", "text(system_chat.content) contains \"x\"",
        "bogus == 3", "a && b", "update_health.health == \"full\"", "chat.message matches /(/", "chat.message matches /a+/i", "(((", "window_items.items.count > 3", "set_slot",
        "packet.foo == 3", "conn.me == 3", "it > 3", "keys.up", "entity_metadata.metadata.value == 3",
    ] {
        let t = Instant::now();
        match syntax::parse(0, text).and_then(|e| Filter::check(e, &lexicon, Scope::default())) {
            Ok((f, w)) => {
                let dt = t.elapsed();
                let t = Instant::now();
                let c = f.compile(p.versions.by_text("1.20.4").unwrap());
                eprintln!("OK {text}  check {dt:?} compile {:?}", t.elapsed());
                let mut s = Sources::new(); s.add("-Y", text);
                eprintln!("{}", render(&Diagnostics(w), &s, false));
            }
            Err(d) => {
                let mut s = Sources::new(); s.add("-Y", text);
                eprintln!("ERR {text} {:?}\n{}", t.elapsed(), render(&Diagnostics(d), &s, false));
            }
        }
    }
}
