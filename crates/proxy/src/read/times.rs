//! `--from` and `--to`: a time of day, a date with or without one, or seconds into the capture.

use midwire_capture::Timestamp;

use crate::error::usage;

/// Nanoseconds of a second, and of a day.
const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// A moment as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// So many nanoseconds behind the first packet.
    Into(u64),
    /// At this time of the day, in UTC, that is nearest to the first packet.
    OfDay(u64),
    /// At this time.
    At(Timestamp),
}

impl Moment {
    /// Reads what was typed for an option.
    pub(super) fn parse(option: &str, text: &str) -> anyhow::Result<Self> {
        parse(text.trim()).ok_or_else(|| {
            usage(format!(
                "{option} {text}: there is no such time; write seconds into the capture (12.5), a time of \
                 day in UTC (16:05 or 16:05:07.5), or a date of the calendar with it (2026-11-22T16:05:07Z)"
            ))
        })
    }

    /// Whether it is behind another one, whatever the capture.
    pub(super) fn is_behind(self, other: Self) -> bool {
        match (self, other) {
            (Self::Into(at), Self::Into(other)) => at > other,
            (Self::At(at), Self::At(other)) => at > other,
            _ => false,
        }
    }

    /// When that is in a capture whose first packet was then.
    pub(super) fn resolve(self, first: Timestamp) -> Timestamp {
        match self {
            Self::Into(nanos) => Timestamp(first.0.saturating_add(nanos)),
            Self::At(at) => at,
            Self::OfDay(nanos) => {
                let day = first.0 / DAY * DAY;
                let days = [day.checked_sub(DAY), Some(day), day.checked_add(DAY)];
                let times = days.into_iter().flatten().map(|day| day.saturating_add(nanos));
                Timestamp(times.min_by_key(|time| time.abs_diff(first.0)).unwrap_or(first.0))
            }
        }
    }
}

fn parse(text: &str) -> Option<Moment> {
    if let Some((date, time)) = text.split_once(['T', 't', ' ']) {
        let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
        let nanos = date_of(date)?.checked_add(time_of_day(time)?)?;
        return Some(Moment::At(Timestamp(nanos)));
    }
    if text.contains(':') {
        return Some(Moment::OfDay(time_of_day(text)?));
    }
    if text.contains('-') {
        return Some(Moment::At(Timestamp(date_of(text)?)));
    }
    Some(Moment::Into(seconds(text)?))
}

/// Digits alone: a number's own reading takes signs as well.
fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Seconds with or without decimals, as nanoseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let nanos = format!("{decimals:0<9}");
    let nanos = digits(nanos.get(..9)?)?;
    digits(decimals)?;
    digits(whole)?.checked_mul(SECOND)?.checked_add(nanos)
}

fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let nanos = parts.next().map_or(Some(0), seconds)?;
    (hours < 24 && minutes < 60 && nanos < 60 * SECOND)
        .then(|| (hours * 3600 + minutes * 60) * SECOND + nanos)
}

/// The start of a day, by the same count of days as [`crate::print`] shows dates with.
fn date_of(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) =
        (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1970..2554).contains(&year) || !(1..=12).contains(&month) || !(1..=days).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day in front of one is the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)?.checked_mul(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_write_a_time_is_read() {
        let at = |text: &str| parse(text).map(|moment| moment.resolve(Timestamp(0)).0);
        assert_eq!(at("12.5"), Some(12_500_000_000));
        assert_eq!(at("0"), Some(0));
        assert_eq!(at("1970-01-02"), Some(DAY));
        assert_eq!(at("2026-11-22T16:05:07.25Z"), Some(1_795_363_507_250_000_000));
        assert_eq!(at("2000-02-29T00:00:00"), Some(951_782_400 * SECOND));
        assert!(at("2028-02-29").is_some() && at("2026-12-31").is_some());
        let wrong =
            ["", "-1", "+1", "1e3", "25:00", "12:60", "12:00:60", "2026-13-01", "x", "1.2.3", ":"];
        let days =
            ["2026-02-29", "2026-02-30", "2100-02-29", "2026-04-31", "2026-01-32", "2026-01-00"];
        for wrong in wrong.into_iter().chain(days) {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_one_nearest_to_the_first_packet() {
        let noon = Timestamp(20_000 * DAY + DAY / 2);
        let at = |text: &str, first: Timestamp| parse(text).unwrap().resolve(first).0;
        assert_eq!(at("13:00", noon), noon.0 + 3600 * SECOND);
        assert_eq!(at("11:00", noon), noon.0 - 3600 * SECOND);
        let late = Timestamp(20_001 * DAY - SECOND);
        assert_eq!(at("00:10", late), 20_001 * DAY + 600 * SECOND);
    }
}
