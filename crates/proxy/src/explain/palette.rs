//! The colours of fields.

/// Colours of neighbouring fields, by their number among the 256 of terminals. They are of middling brightness,
/// so that they can be read on black and on white, and bluish ones stand beside yellowish ones, which the
/// colour-blind tell apart.
const COLORS: [(u8, &str); 5] = [
    (32, "\x1b[38;5;32m"),
    (166, "\x1b[38;5;166m"),
    (133, "\x1b[38;5;133m"),
    (136, "\x1b[38;5;136m"),
    (29, "\x1b[38;5;29m"),
];

/// What could not be read.
pub(super) const BAD: &str = "\x1b[31m";

/// The colour with this number, counted round.
pub(super) fn color(number: usize) -> &'static str {
    COLORS[number % COLORS.len()].1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How bright one of the terminals' 216 colours is, from 0 to 1.
    /// <https://www.w3.org/TR/WCAG21/#dfn-relative-luminance>
    fn luminance(number: u8) -> f64 {
        let levels = [0u8, 95, 135, 175, 215, 255];
        let number = usize::from(number) - 16;
        let part = |level: usize| {
            let part = f64::from(levels[level]) / 255.0;
            if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(number / 36) + 0.7152 * part(number / 6 % 6) + 0.0722 * part(number % 6)
    }

    #[test]
    fn every_colour_can_be_read_on_black_and_on_white() {
        for (number, code) in COLORS {
            let light = luminance(number);
            let (on_white, on_black) = (1.05 / (light + 0.05), (light + 0.05) / 0.05);
            assert!(on_white >= 3.0 && on_black >= 3.0, "{number}: {on_white} {on_black}");
            assert_eq!(code, format!("\x1b[38;5;{number}m"));
        }
    }

    #[test]
    fn neighbours_differ_when_counted_round_too() {
        for number in 0..COLORS.len() {
            assert_ne!(color(number), color(number + 1));
        }
    }
}
