//! Welch's t-test, which decides whether two classes of times differ. The method is dudect's (Reparaz, Balasch and
//! Verbauwhede, "Dude, is my code constant time?", 2017).
//!
//! Noise makes measurements longer. The test is therefore repeated without the longest times of both classes, with a
//! different limit each time, and the largest |t| is the result. If the classes do not differ, |t| stays small, however
//! many times are measured. If they differ, |t| grows with the square root of the number of times.

/// From this |t| on, two classes may differ, and more measurements are needed.
pub const MAYBE: f64 = 4.5;
/// From this |t| on, two classes differ.
pub const LEAKS: f64 = 10.0;

/// The number of different limits with which the test is repeated.
const CROPPINGS: i32 = 100;
/// The minimum number of times per class for a test.
const ENOUGH: usize = 100;

/// The result of the test.
#[derive(Debug, Clone, Copy)]
pub struct Welch {
    /// The t with the largest absolute value. It is positive if the second class takes longer.
    pub t: f64,
    /// The mean of the second class minus the mean of the first, in nanoseconds, among the times from which `t` was
    /// computed.
    pub difference: f64,
    /// The smallest difference, in nanoseconds, that would lead to a |t| of [`LEAKS`] among these times.
    pub detectable: f64,
}

/// The number of values, their mean, and the sum of their squared deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Uses Welford's algorithm, which is numerically stable.
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        numbers.fold(Self::default(), |Self { count, mean, squares }, number| {
            let count = count + 1.0;
            let step = (number - mean) / count;
            Self { count, mean: mean + step, squares: squares + (number - mean) * (number - mean - step) }
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
    /// If there are too few times.
    pub fn test(classes: [&[f64]; 2]) -> Self {
        let mut all = classes.concat();
        all.sort_unstable_by(f64::total_cmp);
        let shares = (1..=CROPPINGS).map(|n| 1.0 - 0.5_f64.powf(10.0 * f64::from(n) / f64::from(CROPPINGS)));
        let tests = shares.chain([1.0]).filter_map(|share| Self::of(classes, quantile(&all, share)));
        tests.max_by(|one, other| one.t.abs().total_cmp(&other.t.abs())).expect("enough times")
    }

    /// Tests the times that are at most `longest`. Returns `None` if there are too few.
    fn of(classes: [&[f64]; 2], longest: f64) -> Option<Self> {
        let [one, other] =
            classes.map(|times| Moments::of(times.iter().copied().filter(|time| *time <= longest)));
        let enough = f64::from(u32::try_from(ENOUGH).expect("a small number"));
        if one.count < enough || other.count < enough {
            return None;
        }
        let error = (one.variance_of_mean() + other.variance_of_mean()).sqrt();
        let difference = other.mean - one.mean;
        // With a coarse clock, all times may be equal. The quotient would then be NaN.
        let t = if difference == 0.0 { 0.0 } else { difference / error };
        Some(Self { t, difference, detectable: LEAKS * error })
    }
}

/// Returns the largest time in the given share of the sorted times.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share of a count is between 0 and that count"
    )]
    let count = (sorted.len() as f64 * share) as usize;
    sorted[count.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    /// Returns random times around `mean`, some of them with noise.
    fn times(rng: &mut StdRng, mean: f64) -> Vec<f64> {
        let mut time = || {
            let noise = if rng.random_bool(0.05) { rng.random_range(0.0..10_000.0) } else { 0.0 };
            mean + rng.random_range(-20.0..20.0) + noise
        };
        (0..20_000).map(|_| time()).collect()
    }

    #[test]
    fn t_equals_a_reference_implementation() {
        // The expected values are from Python: `(mean(b) - mean(a)) / sqrt(variance(a) / len(a) + variance(b) /
        // len(b))`, with `statistics`.
        let one: Vec<f64> = (0..100).map(f64::from).collect();
        let other: Vec<f64> = (0..200).map(|n| 2.0 * f64::from(n)).collect();
        let welch = Welch::of([&one, &other], f64::INFINITY).expect("enough");
        assert!((welch.t - 17.215_019_78).abs() < 1e-6, "{welch:?}");
        assert!((welch.difference - 149.5).abs() < 1e-9, "{welch:?}");
    }

    #[test]
    fn t_is_small_for_equal_classes_and_large_for_different_ones_despite_noise() {
        let rng = &mut StdRng::seed_from_u64(1);
        let [one, same, longer] = [100.0, 100.0, 102.0].map(|mean| times(rng, mean));
        let welch = Welch::test([&one, &same]);
        assert!(welch.t.abs() < MAYBE, "{welch:?}");
        let welch = Welch::test([&one, &longer]);
        assert!(welch.t > LEAKS, "{welch:?}");
        assert!(Welch::test([&longer, &one]).t < -LEAKS);
    }
}
