//! YaRN (Peng et al., arXiv 2309.00071): rotary wavelengths stretched by how often they turn within the trained context.

/// The numbers of YaRN.
#[derive(Clone, Debug, PartialEq)]
pub struct Yarn {
    /// Divisor of the frequencies that turn seldom, 1 or greater.
    pub factor: f64,
    /// Context before stretching, in positions.
    pub original_context: f64,
    /// Frequencies that turn more often than this within the trained context are kept.
    pub beta_fast: f64,
    /// Frequencies that turn less often than this are divided by the factor; between the two they are interpolated.
    pub beta_slow: f64,
    /// Whether the bounds between the three kinds are rounded outwards to whole frequencies.
    pub rounds: bool,
    /// What sines and cosines are multiplied by.
    pub magnitude: f64,
}

impl Yarn {
    /// Numbers that most files leave out.
    pub(crate) fn new(factor: f64, original_context: f64) -> Self {
        Self {
            factor,
            original_context,
            beta_fast: 32.0,
            beta_slow: 1.0,
            rounds: true,
            magnitude: Self::magnitude_of(factor, 1.0),
        }
    }

    /// `0.1 · scale · ln(factor) + 1`, by which attention stays as sharp over long contexts as it was trained.
    pub(super) fn magnitude_of(factor: f64, scale: f64) -> f64 {
        if factor > 1.0 { 0.1 * scale * factor.ln() + 1.0 } else { 1.0 }
    }

    /// Frequencies for the base `theta`, `[width / 2]`.
    pub(super) fn frequencies(&self, theta: f64, plain: impl Iterator<Item = f64>, width: usize) -> Vec<f64> {
        let width = width as f64;
        // The index of the frequency that turns so often.
        let index =
            |turns: f64| width * (self.original_context / (turns * std::f64::consts::TAU)).ln() / (2.0 * theta.ln());
        let (fast, slow) = (index(self.beta_fast), index(self.beta_slow));
        let (fast, slow) = if self.rounds { (fast.floor(), slow.ceil()) } else { (fast, slow) };
        let (fast, slow) = (fast.max(0.0), slow.min(width - 1.0));
        let span = if fast == slow { 1e-3 } else { slow - fast };
        let stretched = |at: usize| ((at as f64 - fast) / span).clamp(0.0, 1.0);
        let mix = |(at, frequency): (usize, f64)| {
            let share = stretched(at);
            frequency / self.factor * share + frequency * (1.0 - share)
        };
        plain.enumerate().map(mix).collect()
    }

    /// What was expected and what was found, if the numbers have no meaning.
    pub(super) fn problem(&self) -> Option<(String, String)> {
        let Self { factor, original_context, beta_fast, beta_slow, magnitude, .. } = self;
        let all = [factor, original_context, beta_fast, beta_slow, magnitude];
        if let Some(wrong) = all.into_iter().find(|number| !super::is_positive(**number)) {
            return Some(("numbers above 0".to_owned(), wrong.to_string()));
        }
        if *factor < 1.0 {
            return Some(("a factor of 1 or more".to_owned(), factor.to_string()));
        }
        (beta_slow > beta_fast).then(|| (format!("a beta_slow of at most {beta_fast}"), beta_slow.to_string()))
    }
}
