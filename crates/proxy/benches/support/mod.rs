//! What the benches share: programs that are measured, connections through them, numbers.

pub(crate) mod loopback;
pub(crate) mod running;

/// The value that so many parts of the whole are below.
pub(crate) fn quantile(values: &mut [f64], part: usize, whole: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * part / whole]
}
