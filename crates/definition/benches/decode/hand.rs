//! Decoders as one writes them by hand: every read checked, errors that say where, text borrowed.

/// Why bytes are no packet.
#[derive(Debug)]
#[expect(dead_code, reason = "an error's data is for whoever prints it")]
pub(crate) enum Fault {
    Short { at: usize, wanted: usize },
    VarintTooLong { at: usize },
    Negative { at: usize, found: i32 },
}

type Read<T> = Result<T, Fault>;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Behind the packet id.
    fn body(payload: &'a [u8]) -> Self {
        Reader { bytes: payload, at: 1 }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Read<[u8; N]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(raw) => {
                self.at += N;
                Ok(*raw)
            }
            None => {
                let wanted = self.at + N - self.bytes.len();
                Err(Fault::Short { at: self.at, wanted })
            }
        }
    }

    #[inline]
    fn slice(&mut self, len: usize) -> Read<&'a [u8]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(raw) => {
                self.at += len;
                Ok(raw)
            }
            None => {
                let wanted = len - (self.bytes.len() - self.at);
                Err(Fault::Short { at: self.at, wanted })
            }
        }
    }

    #[inline]
    fn u8(&mut self) -> Read<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    #[inline]
    fn u16_le(&mut self) -> Read<u16> {
        self.take().map(u16::from_le_bytes)
    }

    #[inline]
    fn f32_le(&mut self) -> Read<f32> {
        self.take().map(f32::from_le_bytes)
    }

    #[inline]
    fn i16_be(&mut self) -> Read<i16> {
        self.take().map(i16::from_be_bytes)
    }

    #[inline]
    fn varint(&mut self) -> Read<i32> {
        let start = self.at;
        let mut value = 0u32;
        for shift in 0..5 {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << (shift * 7);
            if byte & 0x80 == 0 {
                return Ok(value as i32);
            }
        }
        Err(Fault::VarintTooLong { at: start })
    }

    #[inline]
    fn len(&mut self) -> Read<usize> {
        let at = self.at;
        let found = self.varint()?;
        usize::try_from(found).map_err(|_| Fault::Negative { at, found })
    }

    fn vec2(&mut self) -> Read<Vec2> {
        Ok(Vec2 { x: self.f32_le()?, y: self.f32_le()? })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Vec2 {
    x: f32,
    y: f32,
}

impl Vec2 {
    fn sum(self) -> u64 {
        u64::from(self.x.to_bits()) + u64::from(self.y.to_bits())
    }
}

#[derive(Debug)]
pub(crate) struct PlayerControls {
    player: u8,
    control: u8,
    misc: [u8; 3],
    selected_item: u8,
    position: Vec2,
    velocity: Option<Vec2>,
    mount_type: Option<u16>,
    potion_of_return: Option<(Vec2, Vec2)>,
    net_camera_target: Option<Vec2>,
}

#[inline(never)]
pub(crate) fn player_controls(payload: &[u8]) -> Read<PlayerControls> {
    let mut r = Reader::body(payload);
    let (player, control) = (r.u8()?, r.u8()?);
    let misc = [r.u8()?, r.u8()?, r.u8()?];
    Ok(PlayerControls {
        player,
        control,
        misc,
        selected_item: r.u8()?,
        position: r.vec2()?,
        velocity: if misc[0] & 0x04 != 0 { Some(r.vec2()?) } else { None },
        mount_type: if misc[0] & 0x80 != 0 { Some(r.u16_le()?) } else { None },
        potion_of_return: if misc[1] & 0x40 != 0 { Some((r.vec2()?, r.vec2()?)) } else { None },
        net_camera_target: if misc[2] & 0x20 != 0 { Some(r.vec2()?) } else { None },
    })
}

impl PlayerControls {
    pub(crate) fn sum(&self) -> u64 {
        let bytes = [self.player, self.control, self.selected_item];
        let bytes = bytes.iter().chain(&self.misc).map(|b| u64::from(*b)).sum::<u64>();
        let (used, home) = self.potion_of_return.map_or((0, 0), |(a, b)| (a.sum(), b.sum()));
        bytes
            + self.position.sum()
            + self.velocity.map_or(0, Vec2::sum)
            + self.mount_type.map_or(0, u64::from)
            + used
            + home
            + self.net_camera_target.map_or(0, Vec2::sum)
    }
}

#[derive(Debug)]
pub(crate) struct EntityMove {
    entity_id: i32,
    delta: [i16; 3],
    on_ground: bool,
}

#[inline(never)]
pub(crate) fn entity_move(payload: &[u8]) -> Read<EntityMove> {
    let mut r = Reader::body(payload);
    Ok(EntityMove {
        entity_id: r.varint()?,
        delta: [r.i16_be()?, r.i16_be()?, r.i16_be()?],
        on_ground: r.u8()? != 0,
    })
}

impl EntityMove {
    pub(crate) fn sum(&self) -> u64 {
        let deltas = self.delta.iter().fold(0u64, |sum, d| sum.wrapping_add(*d as u64));
        (self.entity_id as u64).wrapping_add(deltas).wrapping_add(self.on_ground.into())
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Life {
    Full,
    Bytes(u8, i32),
}

#[derive(Debug)]
pub(crate) struct SyncNpc {
    npc: u8,
    generation: u8,
    position: Vec2,
    velocity: Vec2,
    target: u16,
    flags: [u8; 2],
    ai: [Option<f32>; 4],
    net_id: u16,
    scaled_players: Option<u8>,
    difficulty: Option<f32>,
    life: Life,
    release_owner: Option<u8>,
}

#[inline(never)]
pub(crate) fn sync_npc(payload: &[u8]) -> Read<SyncNpc> {
    let mut r = Reader::body(payload);
    let (npc, generation) = (r.u8()?, r.u8()?);
    let (position, velocity) = (r.vec2()?, r.vec2()?);
    let target = r.u16_le()?;
    let flags = [r.u8()?, r.u8()?];
    let mut ai = [None; 4];
    for (i, ai) in ai.iter_mut().enumerate() {
        if flags[0] & 0x04 << i != 0 {
            *ai = Some(r.f32_le()?);
        }
    }
    let net_id = r.u16_le()?;
    let scaled_players = if flags[1] & 0x01 != 0 { Some(r.u8()?) } else { None };
    let difficulty = if flags[1] & 0x04 != 0 { Some(r.f32_le()?) } else { None };
    let life = if flags[0] & 0x80 != 0 {
        Life::Full
    } else {
        match r.u8()? {
            2 => Life::Bytes(2, r.take().map(i16::from_le_bytes)?.into()),
            4 => Life::Bytes(4, r.take().map(i32::from_le_bytes)?),
            size => Life::Bytes(size, (r.u8()? as i8).into()),
        }
    };
    let release_owner = if r.at < r.bytes.len() { Some(r.u8()?) } else { None };
    Ok(SyncNpc {
        npc,
        generation,
        position,
        velocity,
        target,
        flags,
        ai,
        net_id,
        scaled_players,
        difficulty,
        life,
        release_owner,
    })
}

impl SyncNpc {
    pub(crate) fn sum(&self) -> u64 {
        let bytes = [self.npc, self.generation, self.flags[0], self.flags[1]];
        let ai = self.ai.iter().flatten().map(|f| u64::from(f.to_bits())).sum::<u64>();
        let life = match self.life {
            Life::Full => 0,
            Life::Bytes(size, life) => u64::from(size).wrapping_add(life as u64),
        };
        (bytes.iter().map(|b| u64::from(*b)).sum::<u64>() + ai)
            .wrapping_add(self.position.sum() + self.velocity.sum())
            .wrapping_add(u64::from(self.target))
            .wrapping_add((self.net_id as i16) as u64)
            .wrapping_add(self.scaled_players.map_or(0, u64::from))
            .wrapping_add(self.difficulty.map_or(0, |f| f.to_bits().into()))
            .wrapping_add(life)
            .wrapping_add(self.release_owner.map_or(0, u64::from))
    }
}

/// Into a list that is used again: the quickest that one can write.
#[inline(never)]
pub(crate) fn strings<'a>(payload: &'a [u8], out: &mut Vec<&'a [u8]>) -> Read<()> {
    let mut r = Reader::body(payload);
    let count = r.len()?;
    out.clear();
    for _ in 0..count {
        let len = r.len()?;
        out.push(r.slice(len)?);
    }
    Ok(())
}

/// Into a list that is used again: the quickest that one can write.
#[inline(never)]
pub(crate) fn varints(payload: &[u8], out: &mut Vec<i32>) -> Read<()> {
    let mut r = Reader::body(payload);
    let count = r.len()?;
    out.clear();
    for _ in 0..count {
        out.push(r.varint()?);
    }
    Ok(())
}
