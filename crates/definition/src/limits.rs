//! What a packet may make the program do. Each limit has a name, which errors give.

/// Limits of reading one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `depth_max`: layouts inside each other (blocks, elements, recursive types). Default 64.
    pub depth_max: u32,
    /// `elements_max`: elements of one array; and, all together, elements of varying size or without
    /// bytes, and recursive types. Default 1,048,576.
    pub elements_max: u32,
    /// `inflate_max`: bytes that the compressed blocks of a packet may become, together. Default 8 MiB.
    pub inflate_max: u32,
    /// `nbt_depth_max`: NBT lists and compounds inside each other. Default 512, as the game has it.
    pub nbt_depth_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth_max: 64, elements_max: 1 << 20, inflate_max: 8 << 20, nbt_depth_max: 512 }
    }
}
