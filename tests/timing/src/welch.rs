//! Whether two classes of times differ: Welch's t-test, as dudect does it ("Dude, is my code constant time?", Reparaz,
//! Balasch and Verbauwhede, 2017).
//!
//! What disturbs a measurement makes it longer, so the test is done again and again without the longest of both classes,
//! and the largest |t| of all counts. Where the classes do not differ, |t| stays small however many times are measured;
//! where they do, it grows with the root of their number.

/// From here on two classes may differ: they should be measured for longer.
pub const MAYBE: f64 = 4.5;
/// From here on they differ.
pub const LEAKS: f64 = 10.0;

/// How many different shares of the times the test is done on.
const CROPPINGS: i32 = 100;
/// The fewest times of a class that the test is done on.
const ENOUGH: usize = 100;

/// What the test says.
#[derive(Debug, Clone, Copy)]
pub struct Welch {
    /// The t whose amount is the largest. It is positive where the second class takes longer.
    pub t: f64,
    /// By how many nanoseconds the second class takes longer, among the times that `t` is of.
    pub difference: f64,
    /// The smallest difference that would have made a |t| of [`LEAKS`] of them.
    pub detectable: f64,
}

/// How many numbers there are, their mean and their variance.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// After Welford, which does not cancel.
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        numbers.fold(Self::default(), |Self { count, mean, squares }, number| {
            let count = count + 1.0;
            let moved = (number - mean) / count;
            Self { count, mean: mean + moved, squares: squares + (number - mean) * (number - mean - moved) }
        })
    }

    fn variance_of_mean(self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

impl Welch {
    /// Tests two classes of times, in nanoseconds.
    ///
    /// # Panics
    /// When there are too few.
    pub fn test(classes: [&[f64]; 2]) -> Self {
        let mut all = classes.concat();
        all.sort_unstable_by(f64::total_cmp);
        let without_the_longest =
            (1..=CROPPINGS).map(|n| 1.0 - 0.5_f64.powf(10.0 * f64::from(n) / f64::from(CROPPINGS)));
        let tests =
            without_the_longest.chain([1.0]).filter_map(|share| Self::of(classes, longest(&all, share)));
        tests.max_by(|one, other| one.t.abs().total_cmp(&other.t.abs())).expect("enough times")
    }

    /// The test on those times that are no longer than `longest`, where there are enough of them.
    fn of(classes: [&[f64]; 2], longest: f64) -> Option<Self> {
        let [one, other] =
            classes.map(|times| Moments::of(times.iter().copied().filter(|time| *time <= longest)));
        let enough = f64::from(u32::try_from(ENOUGH).expect("a small number"));
        if one.count < enough || other.count < enough {
            return None;
        }
        let error = (one.variance_of_mean() + other.variance_of_mean()).sqrt();
        let difference = other.mean - one.mean;
        // A clock that shows whole steps alone may have shown one time to all.
        let t = if difference == 0.0 { 0.0 } else { difference / error };
        Some(Self { t, difference, detectable: LEAKS * error })
    }
}

/// The longest of this share of all times, which are sorted.
fn longest(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of times is one, too"
    )]
    let count = (sorted.len() as f64 * share) as usize;
    sorted[count.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    /// Times around `around`, of which some are disturbed.
    fn times(rng: &mut StdRng, around: f64) -> Vec<f64> {
        let mut time = || {
            let disturbance = if rng.random_bool(0.05) { rng.random_range(0.0..10_000.0) } else { 0.0 };
            around + rng.random_range(-20.0..20.0) + disturbance
        };
        (0..20_000).map(|_| time()).collect()
    }

    #[test]
    fn it_is_welchs_t() {
        // From Python: `(mean(b) - mean(a)) / sqrt(variance(a) / len(a) + variance(b) / len(b))`, with `statistics`.
        let one: Vec<f64> = (0..100).map(f64::from).collect();
        let other: Vec<f64> = (0..200).map(|n| 2.0 * f64::from(n)).collect();
        let welch = Welch::of([&one, &other], f64::INFINITY).expect("enough");
        assert!((welch.t - 17.215_019_78).abs() < 1e-6, "{welch:?}");
        assert!((welch.difference - 149.5).abs() < 1e-9, "{welch:?}");
    }

    #[test]
    fn what_does_not_differ_stays_small_and_what_does_is_found_beneath_what_disturbs() {
        let rng = &mut StdRng::seed_from_u64(1);
        let [one, same, longer] = [100.0, 100.0, 102.0].map(|around| times(rng, around));
        let welch = Welch::test([&one, &same]);
        assert!(welch.t.abs() < MAYBE, "{welch:?}");
        let welch = Welch::test([&one, &longer]);
        assert!(welch.t > LEAKS, "{welch:?}");
        assert!(Welch::test([&longer, &one]).t < -LEAKS);
    }
}
