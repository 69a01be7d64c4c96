//! Every packet of the built-in definitions, at versions that differ much, in an order that stays.

use std::sync::{Arc, LazyLock};

use midwire_definition::{PacketDefinition, builtin};

pub struct Known {
    pub definition: Arc<PacketDefinition>,
    pub conn: Vec<i64>,
}

const VERSIONS: [(&str, &[i64]); 2] =
    [("minecraft", &[47, 340, 758, 765, 769, 775]), ("terraria", &[156, 228, 279, 318, 326])];

static ALL: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (name, numbers) in VERSIONS {
        let protocol = builtin(name).expect("it is built in");
        for number in numbers {
            let dialect = protocol.dialect(protocol.versions.by_number(*number).0);
            let mut packets: Vec<_> = dialect.packets().filter(|p| p.plan.is_some()).collect();
            packets.sort_by_key(|p| (p.state, p.direction.index(), p.id));
            all.extend(packets.into_iter().map(|definition| Known {
                definition: definition.clone(),
                conn: protocol.initial_conn(),
            }));
        }
    }
    all
});

/// The packet of a selector: all have one.
pub fn packet(selector: u16) -> &'static Known {
    &ALL[usize::from(selector) % ALL.len()]
}
