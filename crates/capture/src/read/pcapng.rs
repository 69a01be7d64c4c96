//! Blocks of pcapng.

use std::io::{self, Read};
use std::ops::Range;

use super::context::{InterfaceContext, Resolution};
use super::item::{Damage, Options, Problem};
use super::order::Order;
use super::{Found, FoundPacket, INTERFACES_MAX, ReadError, Reader, Step};
use crate::format::{BYTE_ORDER, INTERFACE, LinkType, PACKET, SECTION, TIME_RESOLUTION};

const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const TIME_OFFSET: u16 = 14;

/// A block that is searched behind damage is not longer than this.
const SEARCHED_LEN_MAX: u32 = 1 << 20;

/// The least length of a block, where the type is one of those that are searched behind damage.
const fn len_min(kind: u32) -> Option<u32> {
    match kind {
        SECTION => Some(28),
        INTERFACE => Some(20),
        OLD_PACKET | PACKET => Some(32),
        SIMPLE_PACKET => Some(16),
        // Names, statistics, secrets.
        4 | 10 => Some(12),
        5 => Some(24),
        _ => None,
    }
}

impl<R: Read> Reader<R> {
    /// The block that starts here.
    pub(super) fn block(&mut self) -> Result<Step, ReadError> {
        let there = self.window.fill(12)?;
        let bytes = self.window.bytes();
        if bytes.is_empty() || !there && self.growing {
            return Ok(Step::End);
        }
        if !there {
            let found = bytes.len() as u64;
            return Ok(self.lose(Problem::Cut { wanted: 12, found }));
        }
        let Some(context) = &self.context else { return Ok(Step::End) };
        let mut order = context.order;
        let kind = order.u32(bytes, 0);
        if kind == SECTION {
            let mark = Order::Little.u32(bytes, 8);
            order = match mark {
                BYTE_ORDER => Order::Little,
                _ if mark.swap_bytes() == BYTE_ORDER => Order::Big,
                _ => return Ok(self.lose(Problem::ByteOrder(mark))),
            };
        }
        let len = order.u32(bytes, 4);
        if len < 12 || len % 4 != 0 {
            return Ok(self.lose(Problem::BlockLength(len)));
        }
        if len > self.block_len_max {
            return Ok(self.lose(Problem::TooLong { len, max: self.block_len_max }));
        }
        if !self.window.fill(len as usize)? {
            if self.growing {
                return Ok(Step::End);
            }
            let found = self.window.bytes().len() as u64;
            return Ok(self.lose(Problem::Cut { wanted: u64::from(len), found }));
        }
        let end = len as usize;
        let second = order.u32(self.window.bytes(), end - 4);
        if second != len {
            let problem = Problem::Trailer { first: len, second };
            // A length that is repeated rightly ends a block that this one would swallow.
            let start = end.checked_sub(second as usize).filter(|start| *start > 0);
            let swallows = start.is_some_and(|start| {
                second >= 12 && order.u32(self.window.bytes(), start + 4) == second
            });
            if swallows || self.holds_section(end)? || !self.block_follows(end, order)? {
                return Ok(self.lose(problem));
            }
            let offset = self.window.offset() + end as u64 - 4;
            self.damage = Some(Damage { offset, len: 0, problem });
        }
        match kind {
            SECTION => Ok(self.section(end, order)),
            _ => {
                self.taken = end;
                let found = self.body(kind, end);
                Ok(found.map_or_else(
                    |problem| {
                        let (offset, len) = (self.window.offset(), end as u64);
                        Step::Found(Found::Damage(Damage { offset, len, problem }))
                    },
                    Step::Found,
                ))
            }
        }
    }

    fn section(&mut self, end: usize, order: Order) -> Step {
        let bytes = self.window.bytes();
        if end < 28 {
            return self.lose(Problem::BlockContent { kind: SECTION });
        }
        let version = order.u16(bytes, 12);
        if version != 1 {
            return self.lose(Problem::Version(version));
        }
        if let Some(context) = &mut self.context {
            context.order = order;
            context.section = context.section.wrapping_add(1);
            context.interfaces.clear();
        }
        self.context_number += 1;
        self.taken = end;
        Step::Found(Found::Section { options: 24..end - 4 })
    }

    /// What is in a block of `end` bytes in all.
    fn body(&mut self, kind: u32, end: usize) -> Result<Found, Problem> {
        let too_short = Problem::BlockContent { kind };
        if len_min(kind).is_some_and(|min| end < min as usize) {
            return Err(too_short);
        }
        let (bytes, body_end) = (self.window.bytes(), end - 4);
        let Some(context) = &mut self.context else { return Err(too_short) };
        let order = context.order;
        let interface = |index: u32| {
            let described = context.interfaces.get(index as usize);
            described.ok_or(Problem::Interface(index))
        };
        match kind {
            PACKET | OLD_PACKET => {
                let index = match kind {
                    PACKET => order.u32(bytes, 8),
                    _ => u32::from(order.u16(bytes, 8)),
                };
                let interface = interface(index)?;
                let time = u64::from(order.u32(bytes, 12)) << 32 | u64::from(order.u32(bytes, 16));
                let data_len = order.u32(bytes, 20) as usize;
                let data = within(28, data_len, body_end).ok_or(too_short)?;
                Ok(Found::Packet(FoundPacket {
                    interface: index,
                    link: interface.link,
                    at: Some(interface.time(time)),
                    original_len: order.u32(bytes, 24),
                    options: data.end.next_multiple_of(4).min(body_end)..body_end,
                    data,
                }))
            }
            SIMPLE_PACKET => {
                let interface = interface(0)?;
                let original_len = order.u32(bytes, 8);
                let kept = match interface.snap_len {
                    0 => original_len,
                    snap_len => snap_len.min(original_len),
                };
                let data_len = (kept as usize).min(body_end - 12);
                Ok(Found::Packet(FoundPacket {
                    interface: 0,
                    link: interface.link,
                    at: None,
                    data: 12..12 + data_len,
                    original_len,
                    options: 0..0,
                }))
            }
            INTERFACE => {
                let index = context.interfaces.len() as u32;
                if index >= INTERFACES_MAX {
                    return Err(Problem::TooManyInterfaces { max: INTERFACES_MAX });
                }
                let options = Options { bytes: &bytes[16..body_end], order };
                let resolution = options.find(TIME_RESOLUTION, |value| value.first().copied());
                let offset = options.find(TIME_OFFSET, |value| {
                    (value.len() == 8).then(|| order.u64(value, 0).cast_signed())
                });
                let link = LinkType(u32::from(order.u16(bytes, 8)));
                context.interfaces.push(InterfaceContext {
                    link,
                    snap_len: order.u32(bytes, 12),
                    resolution: resolution.map_or(Resolution::MICROS, Resolution),
                    offset: offset.unwrap_or(0),
                });
                self.context_number += 1;
                Ok(Found::Interface { index, link, options: 16..body_end })
            }
            _ => Ok(Found::Other { kind, body: 8..body_end }),
        }
    }

    /// Whether a block may start `at` bytes further, or the file ends there.
    fn block_follows(&mut self, at: usize, order: Order) -> io::Result<bool> {
        let there = self.window.fill(at + 12)?;
        let bytes = self.window.bytes().get(at..).unwrap_or_default();
        Ok(bytes.is_empty() || there && may_be_block(bytes, order, self.block_len_max))
    }

    /// Whether a section begins within a block: what was cut off, and then appended to.
    fn holds_section(&mut self, end: usize) -> io::Result<bool> {
        self.window.fill(end + 12)?;
        let bytes = self.window.bytes();
        let magic = SECTION.to_le_bytes();
        let starts = memchr::memmem::find_iter(&bytes[..bytes.len().min(end + 3)], &magic);
        Ok(starts.skip_while(|start| *start == 0).any(|start| {
            bytes
                .get(start..start + 12)
                .is_some_and(|head| may_be_block(head, Order::Little, u32::MAX))
        }))
    }

    pub(super) fn may_be_block(&self, bytes: &[u8]) -> bool {
        let order = self.context.as_ref().map_or(Order::Little, |context| context.order);
        may_be_block(bytes, order, SEARCHED_LEN_MAX.min(self.block_len_max))
    }

    /// Whether what may be a block is one, as far as can be seen.
    pub(super) fn is_block(&mut self) -> io::Result<bool> {
        let Some(context) = &self.context else { return Ok(false) };
        let (bytes, mut order) = (self.window.bytes(), context.order);
        let interfaces = context.interfaces.len();
        let kind = order.u32(bytes, 0);
        if kind == SECTION && Order::Little.u32(bytes, 8) != BYTE_ORDER {
            order = Order::Big;
        } else if kind == SECTION {
            order = Order::Little;
        }
        let len = order.u32(bytes, 4);
        if !self.window.fill(len as usize)? {
            return Ok(false);
        }
        let bytes = self.window.bytes();
        let end = len as usize;
        let fits = kind != PACKET
            || within(28, order.u32(bytes, 20) as usize, end - 4).is_some()
                && (order.u32(bytes, 8) as usize) < interfaces;
        Ok(fits && order.u32(bytes, end - 4) == len)
    }
}

/// `len` bytes from `start` on, if they end at `end` at the latest.
fn within(start: usize, len: usize, end: usize) -> Option<Range<usize>> {
    let range = start..start.checked_add(len)?;
    (range.end <= end).then_some(range)
}

/// Whether 12 bytes look like the start of a block.
fn may_be_block(bytes: &[u8], order: Order, len_max: u32) -> bool {
    let kind = order.u32(bytes, 0);
    let Some(min) = len_min(kind) else { return false };
    let order = match (kind, Order::Little.u32(bytes, 8)) {
        (SECTION, BYTE_ORDER) => Order::Little,
        (SECTION, mark) if mark.swap_bytes() == BYTE_ORDER => Order::Big,
        (SECTION, _) => return false,
        _ => order,
    };
    let len = order.u32(bytes, 4);
    len >= min && len % 4 == 0 && len <= len_max
}
