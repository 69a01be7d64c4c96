//! A scripted Terraria session through the program, both ends of which speak by terrustia-proto, a
//! codec that shares nothing with midwire: what one end encoded is what the other end decodes, and
//! what the JSON log shows.
//!
//! MIDWIRE names the binary.
#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Debug;

use serde_json::{Value, json};
use support::ends::{Ending, Ends, Server};
use support::program::Program;
use support::recording::Direction::{self, Clientbound, Serverbound};
use terrustia_proto::inventory::SyncEquipment;
use terrustia_proto::net_module::{self, IncomingChat, LiquidChange, Pylon, PylonMessage};
use terrustia_proto::npc::{DamageNpc, SyncNpc};
use terrustia_proto::packets::{self, *};
use terrustia_proto::projectile::{KillProjectile, ProjectileKey, SyncProjectile};
use terrustia_proto::section::{self, ChestInfo, SignInfo};
use terrustia_proto::square::TileSquare;
use terrustia_proto::{
    ItemStack, Liquid, NetworkText, PacketReader, PacketWriter, Result, SectionBounds,
    SectionExtras, Tile, TileFlags, id,
};

/// Decodes a payload and gives its values as text.
type Reader = fn(&[u8]) -> String;

/// A packet of the script.
struct Packet {
    direction: Direction,
    name: &'static str,
    frame: Vec<u8>,
    /// What the log must show, at least.
    fields: Value,
    /// What terrustia reads from the payload at the far end, and what was written.
    read_back: Option<(Reader, String)>,
}

impl Packet {
    fn new(
        direction: Direction,
        name: &'static str,
        frame: Result<Vec<u8>>,
        fields: Value,
    ) -> Self {
        Self { direction, name, frame: frame.expect("it can be encoded"), fields, read_back: None }
    }

    /// Adds a check: `read` gives `written` again at the far end.
    fn reads_as(mut self, written: &impl Debug, read: Reader) -> Self {
        self.read_back = Some((read, format!("{written:?}")));
        self
    }
}

#[test]
fn both_ends_and_the_log_agree_on_every_value() {
    let script = script();
    let server = Server::start();
    let (program, proxy) = Program::proxy("terraria", server.address, &["--json", "--all"]);
    let mut ends = Ends::open(proxy, &server);
    for direction in Direction::BOTH {
        assert!(script.iter().any(|packet| packet.direction == direction));
    }

    let mut sent = [Vec::new(), Vec::new()];
    for packet in &script {
        let sent = &mut sent[packet.direction as usize];
        let before = sent.len();
        sent.extend_from_slice(&packet.frame);
        ends.sender(packet.direction).send(&packet.frame);
        let arrived = ends.receiver(packet.direction).expect(sent);
        let payload = &arrived[before + 3..];
        if let Some((read, written)) = &packet.read_back {
            assert_eq!(read(payload), *written, "{}", packet.name);
        }
    }
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);

    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let log = ended.json();
    let logged: Vec<&Value> = log.iter().filter(|line| line["type"] == "packet").collect();
    for direction in Direction::BOTH {
        let mut lines = logged.iter().filter(|line| line["direction"] == direction.name());
        for packet in script.iter().filter(|packet| packet.direction == direction) {
            let line = lines.next().unwrap_or_else(|| panic!("no {} in the log", packet.name));
            assert_eq!(line["name"], packet.name, "{line}");
            assert!(line.get("error").is_none(), "{line}");
            assert_eq!(line["wire_length"], packet.frame.len(), "{line}");
            if let Err(reason) = contains(&line["fields"], &packet.fields) {
                panic!("{} {}: {reason}\n{}", direction.name(), packet.name, line["fields"]);
            }
        }
        assert!(lines.next().is_none(), "more packets in the log than were sent");
    }
    let section = logged.iter().find(|line| line["name"] == "TileSection").expect("a section");
    assert_eq!(tiles_of(&section["fields"]["section"]), world());
}

/// Does `shown` have every value of `wanted`? Numbers are compared as numbers; a value whose bytes
/// could have been shorter is shown with them.
fn contains(shown: &Value, wanted: &Value) -> std::result::Result<(), String> {
    let shown = if shown.get("$raw").is_some() { &shown["value"] } else { shown };
    match (shown, wanted) {
        (Value::Object(shown), Value::Object(wanted)) => {
            wanted.iter().try_for_each(|(key, value)| {
                let found = shown.get(key).ok_or_else(|| format!("{key} is missing"))?;
                contains(found, value).map_err(|reason| format!("{key}: {reason}"))
            })
        }
        (Value::Array(shown), Value::Array(wanted)) if shown.len() == wanted.len() => {
            let mut pairs = shown.iter().zip(wanted).enumerate();
            pairs.try_for_each(|(place, (shown, wanted))| {
                contains(shown, wanted).map_err(|reason| format!("[{place}]: {reason}"))
            })
        }
        (Value::Number(shown), Value::Number(wanted)) if shown.as_f64() == wanted.as_f64() => {
            Ok(())
        }
        (shown, wanted) if shown == wanted => Ok(()),
        (shown, wanted) => Err(format!("{shown} is shown, {wanted} was sent")),
    }
}

fn script() -> Vec<Packet> {
    let mut script = joining();
    script.extend(playing());
    script.extend(chatting());
    script.extend(modules());
    script.push(Packet::new(
        Clientbound,
        "Kick",
        packets::kick(&nested_text()),
        json!({"reason": nested_text_shown()}),
    ));
    script
}

fn joining() -> Vec<Packet> {
    let status = NetworkText::literal("Receiving tile data");
    let world = world_data();
    vec![
        Packet::new(
            Serverbound,
            "Hello",
            written(id::HELLO, |w| {
                w.string(id::VERSION_STRING);
            }),
            json!({"version": "Terraria326"}),
        ),
        Packet::new(
            Clientbound,
            "RequestPassword",
            packets::empty(id::REQUEST_PASSWORD),
            json!({}),
        ),
        Packet::new(
            Serverbound,
            "SendPassword",
            written(id::SEND_PASSWORD, |w| {
                w.string("open sesame");
            }),
            json!({"password": {"secret": 11}}),
        ),
        Packet::new(
            Clientbound,
            "PlayerInfo",
            packets::player_info(3, true),
            json!({"player_slot": 3, "server_wants_to_run_check_bytes_in_client_loop": true}),
        ),
        Packet::new(
            Serverbound,
            "RequestWorldData",
            packets::empty(id::REQUEST_WORLD_DATA),
            json!({}),
        ),
        Packet::new(
            Clientbound,
            "WorldData",
            world.encode(),
            json!({
                "time": 27_000, "day_info": ["day_time"], "moon_phase": 3,
                "max_tiles_x": 4200, "max_tiles_y": 1200, "spawn_x": 2100, "spawn_y": 300,
                "world_surface": 350, "rock_layer": 480, "world_id": 71_234_567,
                "world_name": "Föhrenwald", "game_mode": "expert",
                "world_unique_id": "30313233343536373839616263646566",
                "world_generator_version": 1_400_159_338_497_u64, "moon_type": 2,
                "backgrounds": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
                "ice_back_style": 1, "jungle_back_style": 2, "hell_back_style": 0,
                "wind_speed_target": -0.375, "cloud_count": 40, "tree_x": [1000, 2000, 3000],
                "tree_style": [1, 2, 3, 4], "cave_back_x": [1100, 2200, 3300],
                "cave_back_style": [4, 3, 2, 1],
                "tree_top_styles": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
                "max_raining": 0.5, "world_flags1": ["shadow_orb_smashed"],
                "world_flags2": ["crimson"], "world_flags11": [], "sundial_cooldown": 3,
                "moondial_cooldown": 0, "ore_tiers": [7, 6, 9, 8, -1, -1, -1],
                "invasion_type": 0, "lobby_id": 0, "sandstorm_severity": 0.0,
                "extra_spawns": [{"x": 100, "y": 200}, {"x": -5, "y": 6}],
                "dungeon_x": 700, "dungeon_y": 280
            }),
        )
        .reads_as(&world, |payload| shown(WorldData::decode(payload))),
        Packet::new(
            Serverbound,
            "SpawnTileData",
            written(id::SPAWN_TILE_DATA, |w| {
                w.i32(-1).i32(-1).u8(2);
            }),
            json!({"x": -1, "y": -1, "team": "green"}),
        ),
        Packet::new(
            Clientbound,
            "StatusTextSize",
            packets::status_text(15, &status, 2),
            json!({
                "max": 15,
                "text": {"mode": "literal", "text": "Receiving tile data"},
                "flags": ["text_has_shadows"]
            }),
        ),
        tile_section(),
        Packet::new(Clientbound, "InitialSpawn", packets::empty(id::INITIAL_SPAWN), json!({})),
        player_spawn(),
        Packet::new(
            Clientbound,
            "FinishedConnectingToServer",
            packets::empty(id::FINISHED_CONNECTING_TO_SERVER),
            json!({}),
        ),
    ]
}

fn player_spawn() -> Packet {
    let spawn = PlayerSpawn {
        player: 3,
        spawn_x: -1,
        spawn_y: -1,
        respawn_timer: 600,
        deaths_pve: 12,
        deaths_pvp: 1,
        team: 4,
        context: PlayerSpawn::CONTEXT_SPAWNING_INTO_WORLD,
    };
    let fields = json!({
        "player": 3, "spawn_x": -1, "spawn_y": -1, "respawn_timer": 600, "deaths_pve": 12,
        "deaths_pvp": 1, "team": "yellow", "context": "spawning_into_world"
    });
    Packet::new(Serverbound, "PlayerSpawn", spawn.encode(), fields)
        .reads_as(&spawn, |payload| shown(PlayerSpawn::decode(payload)))
}

/// What either end sends while the game goes on; most of it the server hands to the other players.
fn playing() -> Vec<Packet> {
    let life = PlayerHealth { player: 3, life: 87, life_max: 400 };
    let mana = PlayerMana { player: 3, mana: 20, mana_max: 200 };
    let equipment = SyncEquipment {
        player: 3,
        slot: 58,
        item: ItemStack::new(757, 1, 81),
        favorited: true,
        blocked: false,
    };
    let dig = TileManipulation { action: 1, x: 2101, y: 299, arg: 30, style: 0 };
    let hit = DamageNpc {
        index: 17,
        generation: 4,
        damage: 132,
        knockback: 5.5,
        direction: -1,
        crit: true,
    };
    let buff = AddNpcBuff { index: 17, buff: 24, ticks: 180 };
    let key = ProjectileKey { owner: 3, index: 511, generation: 9000 };
    let shot = SyncProjectile {
        key,
        position: (33_600.5, 4_784.0),
        velocity: (-8.25, 0.0),
        projectile_type: 1,
        ai: [0.0, 2.5, 1.0],
        banner: 0,
        damage: 45,
        knockback: 3.0,
        original_damage: 40,
    };
    let gone = KillProjectile { key, position: (33_500.0, 4_790.25) };
    let key_shown = json!({"spawner": 3, "index": 511, "generation": 9000});
    let clock = TimeSet { day_time: true, time: 27_001, sun_mod_y: 0, moon_mod_y: 0 };
    let mut packets = Vec::new();
    for direction in Direction::BOTH {
        packets.extend([
            Packet::new(
                direction,
                "PlayerLifeMana",
                life.encode(),
                json!({"player": 3, "life": 87, "life_max": 400}),
            )
            .reads_as(&life, |payload| shown(PlayerHealth::decode(payload))),
            Packet::new(
                direction,
                "PlayerMana",
                mana.encode(),
                json!({"player": 3, "mana": 20, "mana_max": 200}),
            )
            .reads_as(&mana, |payload| shown(PlayerMana::decode(payload))),
            Packet::new(
                direction,
                "SyncEquipment",
                equipment.encode(),
                json!({
                    "player": 3, "slot": 58, "stack": 1, "prefix": 81, "item_type": 757,
                    "flags": ["favorited"]
                }),
            )
            .reads_as(&equipment, |payload| shown(SyncEquipment::decode(payload))),
            player_controls(direction),
            Packet::new(
                direction,
                "TileManipulation",
                dig.encode(),
                json!({"action": "place_tile", "x": 2101, "y": 299, "arg": 30, "style": 0}),
            )
            .reads_as(&dig, |payload| shown(TileManipulation::decode(payload))),
            Packet::new(
                direction,
                "DamageNPC",
                hit.encode(),
                json!({
                    "npc": 17, "generation": 4, "damage": 132, "knockback": 5.5,
                    "hit_direction": 0, "crit": 1
                }),
            )
            .reads_as(&hit, |payload| shown(DamageNpc::decode(payload))),
            Packet::new(
                direction,
                "AddNPCBuff",
                buff.encode(),
                json!({"npc": 17, "buff": 24, "time": 180}),
            )
            .reads_as(&buff, |payload| shown(AddNpcBuff::decode(payload))),
            Packet::new(
                direction,
                "SyncProjectile",
                shot.encode(),
                json!({
                    "key": key_shown,
                    "position": {"x": 33_600.5, "y": 4_784.0},
                    "velocity": {"x": -8.25, "y": 0.0},
                    "projectile_type": 1,
                    "flags": [
                        "has_ai1", "has_flags2", "has_damage", "has_knockback",
                        "has_original_damage"
                    ],
                    "flags2": ["has_ai2"],
                    "ai1": 2.5, "ai2": 1.0, "damage": 45, "knockback": 3.0,
                    "original_damage": 40
                }),
            )
            .reads_as(&shot, |payload| shown(SyncProjectile::decode(payload))),
            Packet::new(
                direction,
                "KillProjectile",
                gone.encode(),
                json!({"key": key_shown, "position": {"x": 33_500.0, "y": 4_790.25}}),
            )
            .reads_as(&gone, |payload| shown(KillProjectile::decode(payload))),
            tile_square(direction),
        ]);
    }
    packets.extend([
        sync_npc(),
        Packet::new(
            Clientbound,
            "NPCBuffs",
            packets::npc_buffs(17, [(24, 180), (69, 70_000)]),
            json!({"npc": 17}),
        ),
        Packet::new(
            Clientbound,
            "PlayerActive",
            packets::player_active(5, true),
            json!({"player": 5, "active": 1}),
        ),
        Packet::new(
            Clientbound,
            "NpcHome",
            packets::npc_home(17, 2099, 301, HouseholdStatus::Homeless),
            json!({"npc": 17, "x": 2099, "y": 301, "household_status": "homeless"}),
        ),
        Packet::new(
            Clientbound,
            "UniqueTownNPCInfoSyncRequest",
            packets::town_npc_name(17, "Andrew", 1),
            json!({"npc": 17, "name": "Andrew", "variation": 1}),
        ),
        Packet::new(
            Clientbound,
            "SetCountsAsHostForGameplay",
            packets::counts_as_host(3, true),
            json!({"player": 3, "is_host": true}),
        ),
        Packet::new(
            Clientbound,
            "SetTime",
            clock.encode(),
            json!({"day_time": true, "time": 27_001, "sun_mod_y": 0, "moon_mod_y": 0}),
        ),
    ]);
    packets
}

fn player_controls(direction: Direction) -> Packet {
    let controls = PlayerControls {
        player: 3,
        control_flags: [0b0101_1000, 0b0001_0100, 0, 1],
        selected_item: 9,
        position: (33_601.5, 4_770.0),
        velocity: Some((2.75, -5.01)),
    };
    let frame = written(id::PLAYER_CONTROLS, |w| {
        w.u8(controls.player).bytes(&controls.control_flags).u8(controls.selected_item);
        w.vec2(33_601.5, 4_770.0).vec2(2.75, -5.01);
    });
    let fields = json!({
        "player": 3,
        "control": ["right", "jump", "facing_right"],
        "misc1": ["has_velocity", "gravity_normal"],
        "misc2": [],
        "misc3": ["sleeping"],
        "selected_item": 9,
        "position": {"x": 33_601.5, "y": 4_770.0},
        "velocity": {"x": 2.75}
    });
    Packet::new(direction, "PlayerControls", frame, fields)
        .reads_as(&controls, |payload| shown(PlayerControls::decode(payload)))
}

fn sync_npc() -> Packet {
    let npc = SyncNpc {
        index: 17,
        generation: 4,
        position: (33_000.0, 4_700.5),
        velocity: (1.5, 0.0),
        target: 3,
        direction: 1,
        direction_y: 1,
        sprite_direction: -1,
        ai: [0.0, 300.0, 0.0, 7.0],
        // A zombie.
        net_id: 3,
        life: 31,
        life_max: 45,
        release_owner: 0,
    };
    let fields = json!({
        "npc": 17, "generation": 4,
        "position": {"x": 33_000.0, "y": 4_700.5}, "velocity": {"x": 1.5, "y": 0.0},
        "target": 3,
        "flags1": ["direction_right", "direction_y_down", "has_ai1", "has_ai3"],
        "ai1": 300.0, "ai3": 7.0, "net_id": 3, "life": 31
    });
    Packet::new(Clientbound, "SyncNPC", npc.encode(), fields)
}

fn tile_square(direction: Direction) -> Packet {
    let mut painted = Tile::block(38).with_wall(5);
    painted.color = 13;
    painted.slope = 2;
    painted.flags.set(TileFlags::WIRE_RED, true);
    let square = TileSquare {
        x: 2100,
        y: 300,
        width: 1,
        height: 3,
        change_type: 0,
        tiles: vec![Tile::framed(21, 36, 18), painted, Tile::AIR.with_liquid(Liquid::Honey, 200)],
    };
    let fields = json!({
        "x": 2100, "y": 300, "width": 1, "height": 3, "change_type": "none",
        "cells": [
            {"flags1": ["active"], "tile_type": 21, "frame_x": 36, "frame_y": 18},
            {
                "flags1": ["active", "has_wall", "wire_red"],
                "tile_color": 13, "tile_type": 38, "wall": 5
            },
            {"flags1": ["has_liquid"], "liquid_amount": 200, "liquid_type": "honey"}
        ]
    });
    Packet::new(direction, "AreaTileChange", square.encode(), fields)
        .reads_as(&square, |payload| shown(TileSquare::decode(payload)))
}

fn chatting() -> Vec<Packet> {
    let said = IncomingChat { command: "Say".into(), text: "hallå där ☃".into() };
    vec![
        Packet::new(
            Serverbound,
            "NetModules",
            written(id::NET_MODULES, |w| {
                w.u16(net_module::MODULE_TEXT).string(&said.command).string(&said.text);
            }),
            json!({"module_id": "Text", "body": {"command": "Say", "text": "hallå där ☃"}}),
        )
        .reads_as(&Some(said), |payload| shown(IncomingChat::decode(payload))),
        Packet::new(
            Clientbound,
            "NetModules",
            net_module::chat_broadcast(3, &nested_text(), [255, 240, 20]),
            json!({
                "module_id": "Text",
                "body": {
                    "author": 3,
                    "message": nested_text_shown(),
                    "color": {"r": 255, "g": 240, "b": 20}
                }
            }),
        )
        .reads_as(&nested_text(), |payload| {
            shown(NetworkText::read(&mut PacketReader::new(&payload[3..])))
        }),
    ]
}

fn modules() -> Vec<Packet> {
    let changes = vec![
        LiquidChange { x: 2100, y: 310, amount: 255, kind: 1 },
        LiquidChange { x: 2101, y: 310, amount: 16, kind: 3 },
    ];
    let pylon = Pylon { x: 2090, y: 295, kind: 1 };
    vec![
        Packet::new(
            Clientbound,
            "NetModules",
            net_module::liquid_changes(&changes),
            json!({
                "module_id": "Liquid",
                "body": {"changes": [
                    {"x": 2100, "y": 310, "amount": 255, "liquid_type": "lava"},
                    {"x": 2101, "y": 310, "amount": 16, "liquid_type": "shimmer"}
                ]}
            }),
        )
        .reads_as(&Some(changes), |payload| shown(net_module::decode_liquid_changes(payload))),
        Packet::new(
            Serverbound,
            "NetModules",
            net_module::pylon_message(PylonMessage::RequestTeleport, pylon),
            json!({
                "module_id": "TeleportPylon",
                "body": {"action": "request_teleport", "x": 2090, "y": 295, "pylon_type": "jungle"}
            }),
        )
        .reads_as(&Some((PylonMessage::RequestTeleport, pylon)), |payload| {
            shown(net_module::decode_pylon_message(payload))
        }),
        Packet::new(
            Clientbound,
            "NetModules",
            net_module::banner_kill_count(3, 49),
            json!({
                "module_id": "Banners",
                "body": {"message_type": "kill_count_update", "banner_id": 3, "kill_count": 49}
            }),
        ),
        Packet::new(
            Clientbound,
            "NetModules",
            net_module::creative_power_slider(8, 0.25),
            json!({
                "module_id": "CreativePowers",
                "body": {"power": "modify_time_rate", "slider": 0.25}
            }),
        ),
    ]
}

/// A localised text within a localised text.
fn nested_text() -> NetworkText {
    let inner = NetworkText::key("NPCName.Zombie", Vec::new());
    NetworkText::key("DeathText.Slain", vec![NetworkText::literal("Alva ☃"), inner])
}

fn nested_text_shown() -> Value {
    json!({
        "mode": "localization_key",
        "text": "DeathText.Slain",
        "substitutions": [
            {"mode": "literal", "text": "Alva ☃"},
            {"mode": "localization_key", "text": "NPCName.Zombie", "substitutions": []}
        ]
    })
}

fn world_data() -> WorldData {
    WorldData {
        time: 27_000,
        day_time: true,
        blood_moon: false,
        eclipse: false,
        moon_phase: 3,
        max_tiles_x: 4200,
        max_tiles_y: 1200,
        spawn_tile_x: 2100,
        spawn_tile_y: 300,
        world_surface: 350,
        rock_layer: 480,
        world_id: 71_234_567,
        world_name: "Föhrenwald".into(),
        game_mode: 1,
        unique_id: *b"0123456789abcdef",
        world_gen_version: 1_400_159_338_497,
        moon_type: 2,
        backgrounds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ice_back_style: 1,
        jungle_back_style: 2,
        hell_back_style: 0,
        wind_speed_target: -0.375,
        num_clouds: 40,
        tree_x: [1000, 2000, 3000],
        tree_style: [1, 2, 3, 4],
        cave_back_x: [1100, 2200, 3300],
        cave_back_style: [4, 3, 2, 1],
        tree_tops: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        max_raining: 0.5,
        flags: WorldFlags([1, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        sundial_cooldown: 3,
        moondial_cooldown: 0,
        ore_tiers: [7, 6, 9, 8, -1, -1, -1],
        invasion_type: 0,
        lobby_id: 0,
        sandstorm_severity: 0.0,
        extra_spawn_points: vec![(100, 200), (-5, 6)],
        dungeon_x: 700,
        dungeon_y: 280,
    }
}

const BOUNDS: SectionBounds = SectionBounds { x: 2000, y: 300, width: 200, height: 150 };

/// A tile of the section that is sent: sky, a lake of lava, a chest, walls, and stone of two kinds.
fn tile(x: i32, y: i32) -> Tile {
    match (x - BOUNDS.x, y - BOUNDS.y) {
        (10..12, 8..10) => {
            Tile::framed(21, 18 * (x - BOUNDS.x - 10) as i16, 18 * (y - BOUNDS.y - 8) as i16)
        }
        (_, 0..10) => Tile::AIR,
        (50..90, 10..14) => Tile::AIR.with_liquid(Liquid::Lava, 255),
        (_, 10..40) => Tile::block(1),
        (20..25, 40..50) => Tile::AIR.with_wall(4),
        (column, _) if column % 7 == 0 => Tile::block(367),
        _ => Tile::block(0).with_wall(2),
    }
}

/// What a tile is to the test: type, frame, wall, liquid.
type Shown = (Option<u64>, Option<(i64, i64)>, u64, u64);

fn world() -> Vec<Shown> {
    let (width, height) = (i32::from(BOUNDS.width), i32::from(BOUNDS.height));
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places
        .map(|(x, y)| {
            let tile = tile(BOUNDS.x + x, BOUNDS.y + y);
            let frame = tile.frames_are_sent();
            (
                tile.is_active().then_some(u64::from(tile.block)),
                frame.then_some((i64::from(tile.frame_x), i64::from(tile.frame_y))),
                u64::from(tile.wall),
                u64::from(tile.liquid),
            )
        })
        .collect()
}

/// The same from the log's records, each of which stands for a run of tiles.
fn tiles_of(section: &Value) -> Vec<Shown> {
    let number = |record: &Value, name: &str| record[name].as_u64().unwrap_or(0);
    let records = section["tiles"].as_array().expect("an array of records");
    let mut tiles = Vec::new();
    for record in records {
        let block = number(record, "type_lo") | number(record, "type_hi") << 8;
        let frame = record["frame_x"].as_i64().zip(record["frame_y"].as_i64());
        let wall = number(record, "wall_lo") | number(record, "wall_hi") << 8;
        let active = record.get("type_lo").is_some();
        let tile = (active.then_some(block), frame, wall, number(record, "liquid_amount"));
        tiles.extend(std::iter::repeat_n(tile, 1 + number(record, "repeat") as usize));
    }
    tiles
}

fn tile_section() -> Packet {
    let extras = SectionExtras {
        chests: vec![ChestInfo { id: 7, x: 2010, y: 308, name: "Erz".into() }],
        signs: vec![SignInfo { id: 2, x: 2030, y: 305, text: "Vorsicht, Lava".into() }],
        tile_entities: Vec::new(),
    };
    let fields = json!({"section": {
        "x": 2000, "y": 300, "width": 200, "height": 150,
        "chests": [{"chest_id": 7, "x": 2010, "y": 308, "name": "Erz"}],
        "signs": [{"sign_id": 2, "x": 2030, "y": 305, "text": "Vorsicht, Lava"}],
        "entities": []
    }});
    let frame = section::encode_section_packet(BOUNDS, &extras, tile);
    let sent = (BOUNDS, extras);
    Packet::new(Clientbound, "TileSection", frame, fields).reads_as(&sent, |payload| {
        let stream = section::inflate_section_payload(payload).expect("it inflates");
        let (bounds, _, extras) = section::decode_section_stream(&stream).expect("it decodes");
        format!("{:?}", (bounds, extras))
    })
}

/// A frame for which terrustia has only a decoder.
fn written(id: u8, write: impl FnOnce(&mut PacketWriter)) -> Result<Vec<u8>> {
    let mut writer = PacketWriter::new(id);
    write(&mut writer);
    writer.finish()
}

fn shown<T: Debug>(read: Result<T>) -> String {
    format!("{:?}", read.expect("terrustia reads what it wrote"))
}
