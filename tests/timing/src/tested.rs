//! Two classes whose times were compared, and what is expected of them.

use std::fmt;

use crate::welch::{LEAKS, MAYBE, Welch};

/// Two classes whose times were compared.
pub struct Tested {
    /// What has them.
    pub what: &'static str,
    /// What the one is.
    pub one: &'static str,
    /// What the other is.
    pub other: &'static str,
    /// How many times of each were compared.
    pub counts: [usize; 2],
    /// What the test says.
    pub welch: Welch,
    /// By how many nanoseconds they may differ.
    pub negligible: f64,
    /// Whether they differ on purpose: what can't find that could find nothing else.
    pub is_control: bool,
}

/// What nobody can tell from outside, in nanoseconds: a fifth of the least that was ever told apart over a network, 100 ns
/// (Crosby, Wallach and Riedi, "Opportunities and Limits of Remote Timing Attacks", 2009; Van Goethem et al., "Timeless
/// Timing Attacks", 2020).
const UNTOLD: f64 = 20.0;

impl Tested {
    /// Compares the times of two classes.
    pub fn new(what: &'static str, [one, other]: [&'static str; 2], times: [&[f64]; 2]) -> Self {
        let counts = times.map(<[f64]>::len);
        Self { what, one, other, counts, welch: Welch::test(times), negligible: 0.0, is_control: false }
    }

    /// The same, of classes that differ on purpose.
    pub fn on_purpose(self) -> Self {
        Self { is_control: true, ..self }
    }

    /// The same, of classes between which there is no way from one step to the next: whoever tells them apart has
    /// learned all there is to learn, so it takes as much as can be told from outside.
    pub fn once(self) -> Self {
        Self { negligible: UNTOLD, ..self }
    }

    /// Whether they differ.
    fn leaks(&self) -> bool {
        self.welch.t.abs() >= LEAKS && self.welch.difference.abs() > self.negligible
    }

    /// Whether it is as it should be: they don't differ, unless on purpose.
    pub fn is_well(&self) -> bool {
        self.leaks() == self.is_control
    }
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, one, other, counts: [count, other_count], welch, .. } = self;
        let Welch { t, difference, detectable } = welch;
        let verdict = match (self.is_well(), self.is_control) {
            (true, true) => "found, as it has to be",
            (true, false) if t.abs() >= LEAKS => "less than can be told from outside",
            (true, false) if t.abs() >= MAYBE => "perhaps: measure for longer",
            (true, false) => "tells nothing",
            (false, true) => "NOT FOUND",
            (false, false) => "LEAKS",
        };
        writeln!(f, "{what}: {one} ({count}), {other} ({other_count})")?;
        writeln!(
            f,
            "    t = {t:+.2}, {difference:+.1} ns; {detectable:.1} ns would make |t| = {LEAKS}: {verdict}"
        )
    }
}
