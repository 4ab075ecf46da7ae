//! One check for every policy's threshold.

use crate::ConfigError;

/// `tau`, if it lies within `low..=high`. NaN lies nowhere.
pub(super) fn check(policy: &str, tau: f32, (low, high): (f32, f32)) -> Result<f32, ConfigError> {
    if (low..=high).contains(&tau) {
        Ok(tau)
    } else {
        Err(ConfigError::Threshold { policy: policy.to_owned(), low, high, found: tau })
    }
}
