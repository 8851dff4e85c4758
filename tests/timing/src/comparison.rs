//! The comparison of two cases' times, and its expected result.

use std::fmt;

use crate::welch::{LEAKS, MAYBE, Welch};

/// A comparison of the times of two cases.
pub struct Comparison {
    /// What the cases have in common.
    pub subject: &'static str,
    /// The names of the cases.
    pub cases: [&'static str; 2],
    /// The number of measurements of each case.
    pub counts: [usize; 2],
    pub welch: Welch,
    /// The largest difference that is not a leak, in nanoseconds.
    pub negligible: f64,
    /// True if the times differ on purpose. If the program does not detect that, its other results mean nothing.
    pub is_control: bool,
}

/// A difference in nanoseconds that is too small to be measured by a client. It is a fifth of the smallest difference
/// that was ever measured over a network, 100 ns (Crosby, Wallach and Riedi, "Opportunities and Limits of Remote Timing
/// Attacks", 2009; Van Goethem et al., "Timeless Timing Attacks", 2020).
const UNMEASURABLE: f64 = 20.0;

impl Comparison {
    pub fn new(subject: &'static str, cases: [&'static str; 2], times: [&[f64]; 2]) -> Self {
        let counts = times.map(<[f64]>::len);
        Self { subject, cases, counts, welch: Welch::test(times), negligible: 0.0, is_control: false }
    }

    /// Declares that the times differ on purpose.
    pub fn control(self) -> Self {
        Self { is_control: true, ..self }
    }

    /// Tolerates a difference that a client cannot measure. This is for cases that reveal one fact as a whole, and not
    /// a secret byte by byte: there is no smaller step from which an attacker could continue.
    pub fn tolerating_unmeasurable(self) -> Self {
        Self { negligible: UNMEASURABLE, ..self }
    }

    /// Returns true if the times differ.
    fn leaks(&self) -> bool {
        self.welch.t.abs() >= LEAKS && self.welch.difference.abs() > self.negligible
    }

    /// Returns true if the times differ and this is a control, or if neither is the case.
    pub fn is_as_expected(&self) -> bool {
        self.leaks() == self.is_control
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, cases: [first, second], counts: [first_count, second_count], welch, .. } = self;
        let Welch { t, difference, detectable } = welch;
        let result = match (self.is_as_expected(), self.is_control) {
            (true, true) => "control detected",
            (true, false) if t.abs() >= LEAKS => "too small to be measured by a client",
            (true, false) if t.abs() >= MAYBE => "unclear, needs more measurements",
            (true, false) => "no difference",
            (false, true) => "CONTROL NOT DETECTED",
            (false, false) => "LEAK",
        };
        writeln!(f, "{subject}: {first} ({first_count}), {second} ({second_count})")?;
        writeln!(
            f,
            "    t = {t:+.2}, difference {difference:+.1} ns, detectable from {detectable:.1} ns: {result}"
        )
    }
}
