#!/usr/bin/env python3
"""What filters must match in the recorded sessions, by what the recorded end points themselves logged.

Each row has a filter and the same condition in Python, over the end points' own decoding of the packets
(`captures/**/NAME.truth.jsonl.gz`). Nothing of midwire is used. Prints expected.jsonl:

    {"capture":"mc-1.20.4-offline","counts":{"1c":100}}                  packets that the log has
    {"capture":"mc-1.20.4-offline","filter":"..","matches":["1c3"]}      connection, direction, number

A packet is named by its connection (from 1), `c` or `s` (where it goes: client, server) and its number in that
direction (from 0).
"""
import gzip, json, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MINECRAFT = ["mc-1.8.8-offline", "mc-1.12.2-offline", "mc-1.12.2-terrain", "mc-1.16.5-offline",
             "mc-1.18.2-terrain", "mc-1.20.4-offline", "mc-1.21.4-offline", "mc-1.21.11-offline",
             "mc-26.1-offline"]
NUMBER = {"1.8.8": 47, "1.12.2": 340, "1.16.5": 754, "1.18.2": 758, "1.20.4": 765, "1.21.4": 769,
          "1.21.11": 774, "26.1": 775}
ROWS = []


def row(filter, condition, captures=None):
    ROWS.append((filter, condition, captures or MINECRAFT))


def minecraft(name):
    """Packets in order, as tests/support/truth.rs reads them."""
    path = ROOT / "captures/minecraft" / f"{name}.truth.jsonl.gz"
    names = {"c": [], "s": []}
    counts, packets = {}, []
    for line in gzip.open(path, "rt"):
        d = json.loads(line)
        to = "s" if d["at"] == "server" else "c"
        if d["conn"] not in names[to]:
            names[to].append(d["conn"])
        if d["act"] != "recv":
            continue
        end = f"{names[to].index(d['conn']) + 1}{to}"
        n = counts.get(end, 0)
        counts[end] = n + 1
        state = "handshake" if d["state"] == "handshaking" else d["state"]
        version = re.match(r"mc-([0-9.]+)-", name).group(1)
        packets.append(Packet(f"{end}{n}", to, state, d["name"], d["id"], d["len"], plain(d["params"]), version))
    return counts, packets


def plain(value):
    if isinstance(value, dict):
        if set(value) == {"$i64"}:
            return int(value["$i64"])
        if set(value) == {"$f"}:
            return float(value["$f"].replace("Infinity", "inf"))
        if set(value) == {"$hex"}:
            return bytes.fromhex(value["$hex"])
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


class Packet:
    def __init__(self, key, to, state, name, id, length, params, version):
        self.key, self.to, self.state, self.name = key, to, state, name
        self.id, self.length, self.params, self.version = id, length, params, NUMBER[version]

    def get(self, name, path):
        """A field of a packet of that name; None if it is another packet, or has no such field."""
        if self.name != name:
            return None
        value = self.params
        for step in path.split("."):
            if isinstance(value, list):
                if not step.isdigit() or int(step) >= len(value):
                    return None
                value = value[int(step)]
            elif isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, list)


def number(compare):
    return lambda value: is_number(value) and compare(value)


def text(compare):
    return lambda value: isinstance(value, str) and compare(value)


def field(name, path, test):
    return lambda p: p.get(name, path) is not None and test(p.get(name, path))


def nbt(value):
    """prismarine-nbt's form without the types."""
    if isinstance(value, dict) and set(value) == {"type", "value"}:
        inner = value["value"]
        if value["type"] == "list":
            return [nbt({"type": inner["type"], "value": v}) for v in inner["value"]]
        if value["type"] == "compound":
            return {k: nbt(v) for k, v in inner.items()}
        return inner
    return value


def words(value):
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            pass
    value = nbt(value)
    out = component(value)
    return re.sub("§.", "", out)


def component(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(component(v) for v in value)
    if not isinstance(value, dict):
        return str(value)
    out = ""
    if "text" in value:
        out = component(value["text"])
    elif "translate" in value:
        known = {"chat.type.text": "<%s> %s", "chat.type.emote": "* %s %s", "chat.type.announcement": "[%s] %s"}
        pattern = known[value["translate"]]
        for arg in value.get("with", []):
            pattern = pattern.replace("%s", component(arg), 1)
        out = pattern
    if "extra" in value:
        out += component(value["extra"])
    return out


def chat(p):
    """The text of what players call chat, and whether it is that at all."""
    if p.state != "play":
        return None
    at = {("c", "chat"): "message", ("c", "system_chat"): "content", ("s", "chat"): "message",
          ("s", "chat_message"): "message", ("s", "chat_command"): "command", ("c", "player_chat"): "plainMessage",
          ("c", "profileless_chat"): "message", ("s", "chat_command_signed"): "command"}.get((p.to, p.name))
    if at is None:
        return None
    value = p.params[at]
    return words(value) if p.to == "c" and p.name != "player_chat" else value


def said(test):
    return lambda p: chat(p) is not None and test(chat(p))


# --- the envelope
row("serverbound", lambda p: p.to == "s")
row("c2s", lambda p: p.to == "s")
row("clientbound", lambda p: p.to == "c")
row("not s2c", lambda p: p.to != "c")
row("packet.direction == serverbound", lambda p: p.to == "s")
row("packet.direction != \"clientbound\"", lambda p: p.to != "c")
row("packet.id == 0", lambda p: p.id == 0)
row("packet.id in {1, 3, 5..9}", lambda p: p.id in (1, 3) or 5 <= p.id <= 9)
row("packet.id in 0x10..0x1F", lambda p: 16 <= p.id <= 31)
row("packet.id % 2 == 1", lambda p: p.id % 2 == 1)
row("packet.id >= 0b10_0000", lambda p: p.id >= 32)
row("packet.length > 1_000", lambda p: p.length > 1000)
row("packet.length <= 3", lambda p: p.length <= 3)
row("packet.length * 2 - 1 < 9", lambda p: p.length * 2 - 1 < 9)
row("packet.length in 10..20 and serverbound", lambda p: 10 <= p.length <= 20 and p.to == "s")
row("packet.length / 10 == 2", lambda p: p.length // 10 == 2)
row("packet.length - packet.id == 4", lambda p: p.length - p.id == 4)
row("packet.length + packet.id > 100 or packet.id == 2", lambda p: p.length + p.id > 100 or p.id == 2)
row("packet.state == play", lambda p: p.state == "play")
row("packet.state != play", lambda p: p.state != "play")
row("packet.state in {handshake, login}", lambda p: p.state in ("handshake", "login"))
row("packet.state == 'login' and clientbound", lambda p: p.state == "login" and p.to == "c")
row("packet.name == \"position\"", lambda p: p.name == "position")
row("packet.name == Position_Look", lambda p: p.name == "position_look")
row("packet.name in {\"look\", flying, position}", lambda p: p.name in ("look", "flying", "position"))
row("packet.name contains \"entity\"", lambda p: "entity" in p.name)
row("packet.name startswith \"set_\"", lambda p: p.name.startswith("set_"))
row("packet.name endswith \"look\"", lambda p: p.name.endswith("look"))
row("packet.name matches /^(pos|spawn)_?/", lambda p: re.search("^(pos|spawn)_?", p.name) is not None)
row("packet.name matches /LOOK$/i", lambda p: re.search("look$", p.name) is not None)
row("packet.name contains \"CHAT\" nocase", lambda p: "chat" in p.name)
row("session.version == \"1.20.4\"", lambda p: p.version == 765)
row("session.version >= 1.16.5", lambda p: p.version >= 754)
row("session.version < 765 and serverbound", lambda p: p.version < 765 and p.to == "s")
row("session.version in 340..758", lambda p: 340 <= p.version <= 758)
row("session.version != 47", lambda p: p.version != 47)
row("session.version > 500", lambda p: p.version > 500)
row("session.version <= 600", lambda p: p.version <= 600)
# one packet of mc-1.21.4-offline is malformed, which its log does not say
ROUND = [name for name in MINECRAFT if name != "mc-1.21.4-offline"]
row("malformed", lambda p: False, ROUND)
row("unknown", lambda p: False)
row("injected or changed", lambda p: False)
row("not malformed and packet.length > 100", lambda p: p.length > 100, ROUND)
row("bytes[0] == 0", lambda p: p.id == 0)
row("bytes[0..1] == hex \"0e\"", lambda p: p.id == 14)
row("count(bytes) > 500", lambda p: p.length > 500)
row("session.id == 2", lambda p: p.key.startswith("2"))
row("client.ip == 127.0.0.1", lambda p: True)
row("client.ip in 10.0.0.0/8", lambda p: False)
row("client.ip in {10.0.0.0/8, 127.0.0.0/8} and packet.id == 1", lambda p: p.id == 1)
row("server.ip == \"127.0.0.1\" and packet.id == 3", lambda p: p.id == 3)
row("server.ip != 127.0.0.1", lambda p: False)
row("true", lambda p: True)
row("false or not true", lambda p: False)

# --- names
row("position", lambda p: p.name == "position")
row("clientbound and position", lambda p: p.to == "c" and p.name == "position")
row("POSITION and serverbound", lambda p: p.to == "s" and p.name == "position")
row("setprotocol", lambda p: p.name == "set_protocol")
row("look or position_look", lambda p: p.name in ("look", "position_look"))
row("not (map_chunk or serverbound)", lambda p: not (p.name == "map_chunk" or p.to == "s"))
row("update_health or update_time or held_item_slot",
    lambda p: p.name in ("update_health", "update_time", "held_item_slot"))
row("packet.name == \"keep_alive\" and clientbound", lambda p: p.name == "keep_alive" and p.to == "c")

# --- numbers
row("set_protocol.protocol_version > 100", field("set_protocol", "protocolVersion", number(lambda n: n > 100)))
row("set_protocol.protocolVersion == 765", field("set_protocol", "protocolVersion", number(lambda n: n == 765)))
row("set_protocol.next_state == 2", field("set_protocol", "nextState", number(lambda n: n == 2)))
row("set_protocol.next_state != 2", field("set_protocol", "nextState", number(lambda n: n != 2)))
row("set_protocol and next_state in {1, 2}", field("set_protocol", "nextState", number(lambda n: n in (1, 2))))
row("set_protocol.server_port >= 46000", field("set_protocol", "serverPort", number(lambda n: n >= 46000)))
row("set_protocol.server_port % 2 == 0", field("set_protocol", "serverPort", number(lambda n: n % 2 == 0)))
row("position.x > 20", field("position", "x", number(lambda n: n > 20)))
row("position.x > 20 and serverbound",
    lambda p: p.to == "s" and field("position", "x", number(lambda n: n > 20))(p))
row("position.y == 5", field("position", "y", number(lambda n: n == 5)))
row("position.y != 5", field("position", "y", number(lambda n: n != 5)))
row("not (position.y == 5)", lambda p: not field("position", "y", number(lambda n: n == 5))(p))
row("position.x in 15.5..20.25", field("position", "x", number(lambda n: 15.5 <= n <= 20.25)))
row("position.x - position.z > 0",
    lambda p: p.name == "position" and p.params["x"] - p.params["z"] > 0)
row("position.x < position.z", lambda p: p.name == "position" and p.params["x"] < p.params["z"])
row("(position.x + position.z) / 2 >= 20",
    lambda p: p.name == "position" and (p.params["x"] + p.params["z"]) / 2 >= 20)
row("position and x > 16 and z > 16", lambda p: p.name == "position" and p.params["x"] > 16 and p.params["z"] > 16)
row("x > 16 and position", lambda p: p.name == "position" and p.params["x"] > 16)
row("-position.x < -18", field("position", "x", number(lambda n: -n < -18)))
row("look.yaw > 40", field("look", "yaw", number(lambda n: n > 40)))
row("look.pitch < 0.0", field("look", "pitch", number(lambda n: n < 0)))
row("look.yaw in {0, 90.0, 180}", field("look", "yaw", number(lambda n: n in (0, 90, 180))))
row("position_look.yaw == 0", field("position_look", "yaw", number(lambda n: n == 0)))
row("position_look.x >= 1e1", field("position_look", "x", number(lambda n: n >= 10)))
row("update_health.health == 20", field("update_health", "health", number(lambda n: n == 20)))
row("update_health.food < 20", field("update_health", "food", number(lambda n: n < 20)))
row("update_health.food >= 20 and update_health.health > 1.5",
    lambda p: p.name == "update_health" and p.params["food"] >= 20 and p.params["health"] > 1.5)
row("map_chunk.x == 0", field("map_chunk", "x", number(lambda n: n == 0)))
row("map_chunk.x == map_chunk.z", lambda p: p.name == "map_chunk" and p.params["x"] == p.params["z"])
row("map_chunk.x < 0 or map_chunk.z < 0",
    lambda p: p.name == "map_chunk" and (p.params["x"] < 0 or p.params["z"] < 0))
row("map_chunk.x in {-1, 1} and map_chunk.z in -1..1",
    lambda p: p.name == "map_chunk" and p.params["x"] in (-1, 1) and -1 <= p.params["z"] <= 1)
row("map_chunk.x * map_chunk.z > 3", lambda p: p.name == "map_chunk" and p.params["x"] * p.params["z"] > 3)
row("rel_entity_move.d_x < 0", field("rel_entity_move", "dX", number(lambda n: n < 0)))
row("rel_entity_move.dX > 100 or rel_entity_move.dZ > 100",
    lambda p: p.name == "rel_entity_move" and (p.params["dX"] > 100 or p.params["dZ"] > 100))
row("rel_entity_move.entity_id == 2", field("rel_entity_move", "entityId", number(lambda n: n == 2)))
row("entity_head_rotation.head_yaw >= 40", field("entity_head_rotation", "headYaw", number(lambda n: n >= 40)))
row("entity_head_rotation.head_yaw < 0", field("entity_head_rotation", "headYaw", number(lambda n: n < 0)))
row("entity_look.yaw == 40", field("entity_look", "yaw", number(lambda n: n == 40)))
row("entity_look.yaw != 40", field("entity_look", "yaw", number(lambda n: n != 40)))
row("entity_status.entity_status == 23", field("entity_status", "entityStatus", number(lambda n: n == 23)))
row("compress.threshold >= 256", field("compress", "threshold", number(lambda n: n >= 256)))
row("login.entity_id == 1 and clientbound", field("login", "entityId", number(lambda n: n == 1)))
row("login.max_players == 40", field("login", "maxPlayers", number(lambda n: n == 40)))
row("experience.level == 0", field("experience", "level", number(lambda n: n == 0)))
row("held_item_slot.slot > 0", field("held_item_slot", "slot", number(lambda n: n > 0)))
row("held_item_slot.slot_id > 0", field("held_item_slot", "slotId", number(lambda n: n > 0)))
row("block_change.location.x > 17", field("block_change", "location.x", number(lambda n: n > 17)))
row("block_change.location.y == 4", field("block_change", "location.y", number(lambda n: n == 4)))
row("block_change.type == air", field("block_change", "type", number(lambda n: n == 0)))
row("block_change.type != 0", field("block_change", "type", number(lambda n: n != 0)))
row("block_dig.status == 0", field("block_dig", "status", number(lambda n: n == 0)))
row("block_dig.location.z in 10..40", field("block_dig", "location.z", number(lambda n: 10 <= n <= 40)))
row("set_slot.slot == 36", field("set_slot", "slot", number(lambda n: n == 36)))
row("set_slot.item.item_count > 0", field("set_slot", "item.itemCount", number(lambda n: n > 0)))
row("has set_slot.item.item_count", field("set_slot", "item.itemCount", lambda n: True))
row("spawn_position.location.y == 5", field("spawn_position", "location.y", number(lambda n: n == 5)))
row("sound_effect.volume == 1", field("sound_effect", "volume", number(lambda n: n == 1)))
row("named_sound_effect.pitch > 40", field("named_sound_effect", "pitch", number(lambda n: n > 40)))
row("settings.view_distance == 12", field("settings", "viewDistance", number(lambda n: n == 12)))
row("settings.skin_parts == 0x7f", field("settings", "skinParts", number(lambda n: n == 127)))
row("window_click.slot == 36", field("window_click", "slot", number(lambda n: n == 36)))
row("teleport_confirm.teleport_id > 1", field("teleport_confirm", "teleportId", number(lambda n: n > 1)))
row("keep_alive and packet.length > 5", lambda p: p.name == "keep_alive" and p.length > 5)

# --- true and false, flags
TRUTH = ["mc-1.8.8-offline", "mc-1.12.2-offline", "mc-1.16.5-offline", "mc-1.20.4-offline"]
row("flying.on_ground", field("flying", "onGround", lambda v: v is True), TRUTH)
row("not flying.on_ground and flying", lambda p: p.name == "flying" and p.params["onGround"] is False, TRUTH)
row("position.on_ground == false", field("position", "onGround", lambda v: v is False), TRUTH)
row("position.on_ground != true", field("position", "onGround", lambda v: v is False), TRUTH)
row("look.on_ground in {true}", field("look", "onGround", lambda v: v is True), TRUTH)
row("rel_entity_move.on_ground", field("rel_entity_move", "onGround", lambda v: v is True))
row("entity_look.on_ground == rel_entity_move.on_ground", lambda p: False)
row("settings.chat_colors", field("settings", "chatColors", lambda v: v is True))
row("login.reduced_debug_info == false", field("login", "reducedDebugInfo", lambda v: v is False))
row("system_chat.is_action_bar", field("system_chat", "isActionBar", lambda v: v is True))
row("system_chat and not is_action_bar", field("system_chat", "isActionBar", lambda v: v is False))
NEW = ["mc-1.21.4-offline", "mc-1.21.11-offline", "mc-26.1-offline"]
row("flying.flags.on_ground", field("flying", "flags.onGround", lambda v: v is True), NEW)
row("position.flags.on_ground and serverbound",
    lambda p: p.to == "s" and field("position", "flags.onGround", lambda v: v is True)(p), NEW)
row("look.flags.has_horizontal_collision", field("look", "flags.hasHorizontalCollision", lambda v: v is True), NEW)
row("look.flags == 1", field("look", "flags._value", lambda v: v == 1), NEW)
ADDING = ["mc-1.20.4-offline", "mc-1.21.4-offline", "mc-1.21.11-offline", "mc-26.1-offline"]
row("player_info.action.add_player", field("player_info", "action.add_player", lambda v: v is True), ADDING)
row("player_info.action.update_latency", field("player_info", "action.update_latency", lambda v: v is True), ADDING)
row("player_info.action == 1", field("player_info", "action._value", lambda v: v == 1), ADDING)

# --- enums
OLD_INFO = ["mc-1.16.5-offline", "mc-1.18.2-terrain", "mc-1.8.8-offline", "mc-1.12.2-offline"]
row("player_info.action == add_player", lambda p: p.name == "player_info" and p.params["action"] in (0, "add_player"), OLD_INFO)
row("player_info.action != \"add_player\"",
    lambda p: p.name == "player_info" and p.params["action"] not in (0, "add_player"), OLD_INFO)
row("player_info.action in {remove_player, add_player}",
    lambda p: p.name == "player_info" and p.params["action"] in (0, 4, "add_player", "remove_player"), OLD_INFO)
row("sound_effect.sound_category == master", field("sound_effect", "soundCategory", lambda v: v in ("master", 0)))
row("sound_effect.sound_category in {music, weather}",
    field("sound_effect", "soundCategory", lambda v: v in ("music", "weather", 1, 3)))

# --- texts
row("login_start.username == \"Alva\"", field("login_start", "username", text(lambda t: t == "Alva")))
row("login_start.username != 'Alva'", field("login_start", "username", text(lambda t: t != "Alva")))
row("login_start.username == \"ALVA\" nocase", field("login_start", "username", text(lambda t: t.lower() == "alva")))
row("login_start.username in {\"Alva\", 'Bo'}", field("login_start", "username", text(lambda t: t in ("Alva", "Bo"))))
row("login_start.username in {'aLVA', \"x\"} nocase", field("login_start", "username", text(lambda t: t.lower() in ("alva", "x"))))
row("login_start.username contains \"o\"", field("login_start", "username", text(lambda t: "o" in t)))
row("login_start.username startswith 'Al'", field("login_start", "username", text(lambda t: t.startswith("Al"))))
row("login_start.username endswith \"va\"", field("login_start", "username", text(lambda t: t.endswith("va"))))
row("login_start.username matches /^[A-Z][a-z]{3}$/",
    field("login_start", "username", text(lambda t: re.search("^[A-Z][a-z]{3}$", t) is not None)))
row("login_start.username matches \"l.a\"",
    field("login_start", "username", text(lambda t: re.search("l.a", t) is not None)))
row("count(login_start.username) == 4", field("login_start", "username", text(lambda t: len(t) == 4)))
row("count(login_start.username) < 3", field("login_start", "username", text(lambda t: len(t) < 3)))
row("login_start.username[0..2] == \"Al\"", field("login_start", "username", text(lambda t: t[:2] == "Al")))
row("login_start.username[1..] == \"o\"", field("login_start", "username", text(lambda t: t[1:] == "o")))
row("set_protocol.server_host == \"127.0.0.1\"", field("set_protocol", "serverHost", text(lambda t: t == "127.0.0.1")))
row("set_protocol.server_host matches /^\\d+\\.\\d+/",
    field("set_protocol", "serverHost", text(lambda t: re.search(r"^\d+\.\d+", t) is not None)))
row("settings.locale == \"EN_us\" nocase", field("settings", "locale", text(lambda t: t.lower() == "en_us")))
row("settings.locale == \"en_US\"", field("settings", "locale", text(lambda t: t == "en_US")))
row("custom_payload.channel contains \"brand\" nocase",
    field("custom_payload", "channel", text(lambda t: "brand" in t.lower())))
row("custom_payload.channel endswith \"brand\"", field("custom_payload", "channel", text(lambda t: t.endswith("brand"))))
row("named_sound_effect.sound_name startswith \"dig\"",
    field("named_sound_effect", "soundName", text(lambda t: t.startswith("dig"))))
row("success.username == \"Alva\" and packet.state == login", field("success", "username", text(lambda t: t == "Alva")))
row("success.username + \"!\" == \"Alva!\"", field("success", "username", text(lambda t: t == "Alva")))

# --- bytes and UUIDs
row("custom_payload.data == hex \"07 76616e696c6c61\"",
    field("custom_payload", "data", lambda v: v == bytes.fromhex("0776616e696c6c61")))
row("custom_payload.data[0] == 12", field("custom_payload", "data", lambda v: v[0] == 12))
row("custom_payload.data[1..3] == hex \"76 61\"", field("custom_payload", "data", lambda v: v[1:3] == b"va"))
row("custom_payload.data contains \"squid\"", field("custom_payload", "data", lambda v: b"squid" in v))
row("custom_payload.data contains hex '2d 73'", field("custom_payload", "data", lambda v: b"-s" in v))
row("custom_payload.data startswith hex '0c'", field("custom_payload", "data", lambda v: v.startswith(b"\x0c")))
row("custom_payload.data endswith 'illa'", field("custom_payload", "data", lambda v: v.endswith(b"illa")))
row("custom_payload.data matches /[x-z]ing/", field("custom_payload", "data", lambda v: re.search(b"[x-z]ing", v) is not None))
row("count(custom_payload.data) == 8", field("custom_payload", "data", lambda v: len(v) == 8))
UUIDS = ["mc-1.16.5-offline", "mc-1.18.2-terrain", "mc-1.20.4-offline", "mc-1.21.4-offline"]
ALVA = "c7456f87-14b8-3402-9ab9-da5f3572771c"
row(f"success.uuid == \"{ALVA}\"", field("success", "uuid", lambda v: v == ALVA), UUIDS)
row(f"success.uuid != \"{ALVA.replace('-', '')}\"", field("success", "uuid", lambda v: v != ALVA), UUIDS)
row(f"login_start.player_uuid in {{'{ALVA}'}}", field("login_start", "playerUUID", lambda v: v == ALVA))
row(f"spawn_entity.object_uuid == '{ALVA.upper()}'", field("spawn_entity", "objectUUID", lambda v: v == ALVA), ["mc-1.20.4-offline", "mc-1.21.4-offline"])
row(f"any(player_info.data, it.uuid == '{ALVA}')",
    lambda p: p.name == "player_info" and any(d.get("uuid", d.get("UUID")) == ALVA for d in p.params["data"]))

# --- chat, groups
row("group:chat", lambda p: chat(p) is not None)
row("group:chat and clientbound", lambda p: chat(p) is not None and p.to == "c")
row("group:chat.text contains \"joined\"", said(lambda t: "joined" in t))
row("group:chat and text contains \"joined\"", said(lambda t: "joined" in t))
row("group:chat.text contains \"JOINED\"", said(lambda t: "JOINED" in t))
row("group:chat.text contains \"JOINED the\" nocase", said(lambda t: "joined the" in t.lower()))
row("group:chat.text contains 'NAÏVE' nocase", said(lambda t: "naïve" in t.lower()))
row("group:chat.text contains 'naïve ♫'", said(lambda t: "naïve ♫" in t))
row("group:chat.text matches /na.ve/", said(lambda t: re.search("na.ve", t) is not None))
row("group:chat.text matches /\\bAlva\\b/", said(lambda t: re.search(r"\bAlva\b", t) is not None))
row("group:chat.text startswith \"tp\"", said(lambda t: t.startswith("tp")))
row("group:chat.text endswith \"game.\"", said(lambda t: t.endswith("game.")))
row("has group:chat.text", said(lambda t: True))
row("count(group:chat.text) > 30", said(lambda t: len(t) > 30))
row("serverbound and group:chat.text contains \"e\"", lambda p: p.to == "s" and said(lambda t: "e" in t)(p))
row("text(system_chat.content) contains \"joined\"",
    field("system_chat", "content", lambda v: "joined" in words(v)))
row("system_chat.content.text startswith \"&e\"",
    field("system_chat", "content", lambda v: isinstance(nbt(v), dict) and str(nbt(v).get("text", "")).startswith("&e")),
    ["mc-1.20.4-offline", "mc-1.21.4-offline"])
row("has system_chat.content.extra",
    field("system_chat", "content", lambda v: isinstance(nbt(v), dict) and "extra" in nbt(v)),
    ["mc-1.20.4-offline", "mc-1.21.4-offline"])
row("text(kick_disconnect.reason) == \"you are out: ☃ #7\"",
    field("kick_disconnect", "reason", lambda v: words(v) == "you are out: ☃ #7"))
row("text(kick_disconnect.reason) endswith '\\u{2603} #7'",
    field("kick_disconnect", "reason", lambda v: words(v).endswith("☃ #7")))
row("text(kick_disconnect.reason) matches /out: \\S #\\d$/",
    field("kick_disconnect", "reason", lambda v: re.search(r"out: \S #\d$", words(v)) is not None))
row("group:disconnect.text contains \"OUT\" nocase",
    lambda p: p.name == "kick_disconnect" and "out" in words(p.params["reason"]).lower())
row("text(playerlist_header.header) == \"head\"", field("playerlist_header", "header", lambda v: words(v) == "head"))
row("text(playerlist_header.footer) != \"foot\"", field("playerlist_header", "footer", lambda v: words(v) != "foot"))
row("group:screen.text == 'head'", lambda p: p.name == "playerlist_header" and words(p.params["header"]) == "head")


def moves(test, *names):
    def condition(p):
        packets = {"s": ("position", "position_look", "look", "flying", "vehicle_move"),
                   "c": ("position", "vehicle_move", "player_rotation")}[p.to]
        if p.state != "play" or p.name not in packets:
            return False
        values = [p.params.get(name) for name in names]
        return None not in values and test(*values)
    return condition


row("group:movement", moves(lambda: True))
row("group:movement.x > 20", moves(lambda x: x > 20, "x"))
row("group:movement and x > 20 and y == 5", moves(lambda x, y: x > 20 and y == 5, "x", "y"))
row("group:movement.yaw != 0", moves(lambda yaw: yaw != 0, "yaw"))
row("has group:movement.pitch", moves(lambda pitch: True, "pitch"))
row("group:movement and not has x", lambda p: moves(lambda: True)(p) and p.params.get("x") is None)

# --- lists
row("count(player_info.data) == 1", lambda p: p.name == "player_info" and len(p.params["data"]) == 1)
row("count(player_info.data) > 1", lambda p: p.name == "player_info" and len(p.params["data"]) > 1)
row("count(entity_destroy.entity_ids) == 0", lambda p: p.name == "entity_destroy" and len(p.params["entityIds"]) == 0,
    ["mc-1.8.8-offline", "mc-1.12.2-offline", "mc-1.16.5-offline", "mc-1.20.4-offline", "mc-1.21.4-offline"])
DESTROY = ["mc-1.8.8-offline", "mc-1.12.2-offline", "mc-1.16.5-offline", "mc-1.20.4-offline", "mc-1.21.4-offline"]
row("entity_destroy.entity_ids == 2", lambda p: p.name == "entity_destroy" and 2 in p.params["entityIds"], DESTROY)
row("entity_destroy.entity_ids != 2",
    lambda p: p.name == "entity_destroy" and any(i != 2 for i in p.params["entityIds"]), DESTROY)
row("entity_destroy.entity_ids in {3, 7..9}",
    lambda p: p.name == "entity_destroy" and any(i in (3, 7, 8, 9) for i in p.params["entityIds"]), DESTROY)
row("entity_destroy.entity_ids * 2 > 5",
    lambda p: p.name == "entity_destroy" and any(i * 2 > 5 for i in p.params["entityIds"]), DESTROY)
row("any(entity_destroy.entity_ids, it > 1)",
    lambda p: p.name == "entity_destroy" and any(i > 1 for i in p.params["entityIds"]), DESTROY)
row("all(entity_destroy.entity_ids, it > 1)",
    lambda p: p.name == "entity_destroy" and all(i > 1 for i in p.params["entityIds"]), DESTROY)
row("entity_destroy.entity_ids[0] >= 1",
    lambda p: p.name == "entity_destroy" and len(p.params["entityIds"]) > 0 and p.params["entityIds"][0] >= 1, DESTROY)
row("has entity_destroy.entity_ids[1]", lambda p: p.name == "entity_destroy" and len(p.params["entityIds"]) > 1, DESTROY)
row("not any(entity_destroy.entity_ids, it < 4) and entity_destroy",
    lambda p: p.name == "entity_destroy" and not any(i < 4 for i in p.params["entityIds"]), DESTROY)
LISTED = ["mc-1.8.8-offline", "mc-1.12.2-offline", "mc-1.16.5-offline", "mc-1.18.2-terrain"]
row("player_info.data.name == \"Bo\"",
    lambda p: p.name == "player_info" and any(d.get("name") == "Bo" for d in p.params["data"]), LISTED)
row("player_info.data.name != \"Bo\"",
    lambda p: p.name == "player_info" and any(d.get("name") not in (None, "Bo") for d in p.params["data"]), LISTED)
row("not (player_info.data.name == \"Bo\") and player_info",
    lambda p: p.name == "player_info" and not any(d.get("name") == "Bo" for d in p.params["data"]), LISTED)
row("all(player_info.data, it.name == \"Alva\")",
    lambda p: p.name == "player_info" and all(d.get("name") == "Alva" for d in p.params["data"]), LISTED)
row("any(player_info.data, it.name startswith \"A\" and it.ping == 0)",
    lambda p: p.name == "player_info" and any(str(d.get("name", "")).startswith("A") and d.get("ping") == 0 for d in p.params["data"]), LISTED)
row("player_info.data[1].name == \"Bo\"",
    lambda p: p.name == "player_info" and len(p.params["data"]) > 1 and p.params["data"][1].get("name") == "Bo", LISTED)
row("player_info.data.player.name == \"Bo\"",
    lambda p: p.name == "player_info" and any((d.get("player") or {}).get("name") == "Bo" for d in p.params["data"]), ADDING)
row("any(player_info.data, it.player.name matches /^A/ and has it.uuid)",
    lambda p: p.name == "player_info" and any(str((d.get("player") or {}).get("name", "")).startswith("A") for d in p.params["data"]), ADDING)
row("count(player_info.data.player.properties) == 0",
    lambda p: p.name == "player_info" and any("player" in d and len(d["player"]["properties"]) == 0 for d in p.params["data"]), ADDING)
TAGS = ["mc-1.20.4-offline", "mc-1.21.4-offline"]
row("count(tags.tags) > 3", lambda p: p.name == "tags" and len(p.params["tags"]) > 3, TAGS)
row("tags.tags.tag_type == \"minecraft:item\"",
    lambda p: p.name == "tags" and any(t["tagType"] == "minecraft:item" for t in p.params["tags"]), TAGS)
row("all(tags.tags, it.tag_type startswith \"minecraft:\")",
    lambda p: p.name == "tags" and all(t["tagType"].startswith("minecraft:") for t in p.params["tags"]), TAGS)
row("tags.tags.tags.entries == 39",
    lambda p: p.name == "tags" and any(39 in u["entries"] for t in p.params["tags"] for u in t["tags"]), TAGS)
row("any(tags.tags, any(it.tags, it.entries == 39 and it.tag_name contains \"no_item\"))",
    lambda p: p.name == "tags" and any(39 in u["entries"] and "no_item" in u["tagName"] for t in p.params["tags"] for u in t["tags"]), TAGS)
row("any(tags.tags, count(it.tags) == 0)", lambda p: p.name == "tags" and any(len(t["tags"]) == 0 for t in p.params["tags"]), TAGS)
row("login.world_names == \"minecraft:nether\"",
    lambda p: p.name == "login" and "minecraft:nether" in p.params["worldNames"], TAGS + ["mc-1.16.5-offline"])
row("login.world_names[0] endswith \"overworld\"",
    lambda p: p.name == "login" and p.params["worldNames"][0].endswith("overworld"), TAGS + ["mc-1.16.5-offline"])
row("all(login.world_names, it matches /^minecraft:/)",
    lambda p: p.name == "login" and all(n.startswith("minecraft:") for n in p.params["worldNames"]), TAGS + ["mc-1.16.5-offline"])
row("feature_flags.features contains \"vanilla\"",
    lambda p: p.name == "feature_flags" and any("vanilla" in f for f in p.params["features"]), TAGS)
row("registry_data.id matches /biome$/", field("registry_data", "id", text(lambda t: t.endswith("biome"))), ["mc-1.21.4-offline"])
row("count(registry_data.entries) > 10", lambda p: p.name == "registry_data" and len(p.params["entries"]) > 10, ["mc-1.21.4-offline"])
row("any(registry_data.entries, it.key == \"minecraft:plains\")",
    lambda p: p.name == "registry_data" and any(e["key"] == "minecraft:plains" for e in p.params["entries"]), ["mc-1.21.4-offline"])


def entries(test):
    return lambda p: p.name == "registry_data" and any(
        test(nbt(e["value"])) for e in p.params["entries"] if e.get("value") is not None)


row("registry_data.entries.value.temperature > 1.5",
    entries(lambda v: isinstance(v, dict) and is_number(v.get("temperature")) and v["temperature"] > 1.5), ["mc-1.21.4-offline"])
row("registry_data.entries.value.effects.music.max_delay == 24000",
    entries(lambda v: isinstance(v, dict) and isinstance(v.get("effects"), dict)
            and isinstance(v["effects"].get("music"), dict) and v["effects"]["music"].get("max_delay") == 24000),
    ["mc-1.21.4-offline"])
row("registry_data.entries.value.has_precipitation == 1 and registry_data.id contains \"biome\"",
    lambda p: p.name == "registry_data" and "biome" in p.params["id"] and entries(
        lambda v: isinstance(v, dict) and v.get("has_precipitation") == 1)(p), ["mc-1.21.4-offline"])
row("entity_equipment.equipments.slot.slot == 0",
    lambda p: p.name == "entity_equipment" and any(e["slot"] % 128 == 0 for e in p.params["equipments"]), TAGS)

# --- together
row("serverbound and (position.x > 19 or look.yaw > 0) and not packet.length > 40",
    lambda p: p.to == "s" and (field("position", "x", number(lambda n: n > 19))(p)
                               or field("look", "yaw", number(lambda n: n > 0))(p)) and not p.length > 40)
row("not not not position", lambda p: p.name != "position")
row("(((position)))", lambda p: p.name == "position")
row("position.x > 1 and position.x > 2 and position.x > 3 and position.x > 17.5",
    field("position", "x", number(lambda n: n > 17.5)))
row("map_chunk and packet.length > 5000 or chat or system_chat",
    lambda p: p.name == "map_chunk" and p.length > 5000 or p.name in ("chat", "system_chat"))
row("update_health.health / 0 == 1 or update_health.food % 0 == 0", lambda p: False)
row("not (update_health.health / 0 == 1)", lambda p: True)
row("position.x == 23 or\n  position.x == 19 // comments are blanks\n",
    field("position", "x", number(lambda n: n in (23, 19))))


# --- Terraria: the log has the first bytes of each packet, which are cut here by hand
def terraria():
    counts, packets, before, most, last = {}, [], 0, 0, -1
    for line in gzip.open(ROOT / "captures/terraria/terraria.truth.jsonl.gz", "rt"):
        d = json.loads(line)
        if d["seq"] < last:
            before = most
        last = d["seq"]
        connection = before + int(d["conn"][1:]) + 1
        most = max(most, connection)
        to = "s" if d["dir"] == "c2s" else "c"
        n = counts.get(f"{connection}{to}", 0)
        counts[f"{connection}{to}"] = n + 1
        packets.append((f"{connection}{to}{n}", to, d["id"], d["len"] - 2, bytes.fromhex(d["hex"] or "")))
    return counts, packets


TERRARIA = [
    ("serverbound", lambda to, id, n, b: to == "s"),
    ("packet.id == 5", lambda to, id, n, b: id == 5),
    ("packet.length == 9", lambda to, id, n, b: n == 9),
    ("Hello", lambda to, id, n, b: id == 1),
    ("packet.id in {4, 16, 42, 50} and serverbound", lambda to, id, n, b: id in (4, 16, 42, 50) and to == "s"),
    ("Hello.version startswith \"Terraria\"", lambda to, id, n, b: id == 1 and b[1:9] == b"Terraria"),
    ("Hello.version == \"Terraria318\"", lambda to, id, n, b: id == 1 and b[1:] == b"Terraria318"),
    ("bytes[0] == 1", lambda to, id, n, b: id == 1),
    ("bytes[1..3] == hex '0b 54'", lambda to, id, n, b: b[:2] == b"\x0b\x54"),
    ("bytes[0..2] == hex '05 00'", lambda to, id, n, b: id == 5 and b[:1] == b"\0"),
    ("count(bytes) > 40", lambda to, id, n, b: n > 40),
]


def main():
    out = []
    logs = {name: minecraft(name) for name in MINECRAFT}
    for name, (counts, _) in logs.items():
        out.append({"capture": name, "counts": counts})
    for filter, condition, captures in ROWS:
        for name in captures:
            matches = [p.key for p in logs[name][1] if condition(p)]
            out.append({"capture": name, "filter": filter, "matches": matches})
    counts, packets = terraria()
    out.append({"capture": "terraria", "counts": counts})
    for filter, condition in TERRARIA:
        matches = [p[0] for p in packets if condition(*p[1:])]
        out.append({"capture": "terraria", "filter": filter, "matches": matches})
    for line in out:
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    print(len({l["filter"] for l in out if "filter" in l}), "filters,", len(out), "lines", file=sys.stderr)


main()
