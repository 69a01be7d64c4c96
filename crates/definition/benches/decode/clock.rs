//! Two ways of doing the same thing, timed by turns in one run.
//!
//! CPU time of this thread, not time on the wall; each round runs one batch of either side, so whatever
//! else the machine does meets both. What counts is the median of the rounds' ratios.

use std::time::Duration;

use cpu_time::ThreadTime;

/// CPU time of one batch: long enough for the clock, short enough for both sides to meet the same noise.
const BATCH: Duration = Duration::from_micros(400);
const ROUNDS: usize = 151;

/// One side: goes so many times through all its packets, and tells how many those were.
pub(crate) type Side<'a> = Box<dyn FnMut(usize) -> usize + 'a>;

/// What was measured, in nanoseconds of one time.
pub(crate) struct Measured {
    pub(crate) hand: f64,
    pub(crate) plan: f64,
    /// First quartile, median and third quartile of the rounds' ratios.
    pub(crate) ratio: [f64; 3],
}

/// Times two sides by turns.
pub(crate) fn compare(mut hand: Side<'_>, mut plan: Side<'_>) -> Measured {
    let (hand_times, plan_times) = (times_in_a_batch(&mut hand), times_in_a_batch(&mut plan));
    let (mut hands, mut plans, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (h, p) = if round % 2 == 0 {
            let h = time(&mut hand, hand_times);
            (h, time(&mut plan, plan_times))
        } else {
            let p = time(&mut plan, plan_times);
            (time(&mut hand, hand_times), p)
        };
        hands.push(h);
        plans.push(p);
        ratios.push(p / h);
    }
    let ratio = [1, 2, 3].map(|quarter| quantile(&mut ratios, quarter));
    Measured { hand: quantile(&mut hands, 2), plan: quantile(&mut plans, 2), ratio }
}

fn times_in_a_batch(side: &mut Side<'_>) -> usize {
    let mut times = 1;
    loop {
        let start = ThreadTime::now();
        side(times);
        let took = start.elapsed();
        if took >= BATCH {
            return times;
        }
        times *= 2;
    }
}

fn time(side: &mut Side<'_>, times: usize) -> f64 {
    let start = ThreadTime::now();
    let packets = side(times);
    start.elapsed().as_nanos() as f64 / packets as f64
}

fn quantile(values: &mut [f64], quarter: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * quarter / 4]
}
