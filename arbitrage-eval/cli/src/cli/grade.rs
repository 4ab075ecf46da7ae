//! Options of `grade`.

use std::path::PathBuf;

use arbitrage_grader::Profile;
use clap::Args;

use super::BadRowOptions;

/// Options of `grade`.
#[derive(Args)]
pub(crate) struct GradeOptions {
    /// JSON lines with `gold` and `pred`, and optionally `kind`: equiv for a bare answer, raw or extract for a whole response, choice-raw
    /// for a response that chooses a letter. Where rows have `should_match`, the share of matching verdicts is printed.
    pub file: PathBuf,
    /// Grading profile: strict, or qwen-compat, which reproduces the grader that Qwen2.5-Math's scores were computed with, its errors
    /// included.
    #[arg(long, default_value = "strict")]
    pub profile: Profile,
    /// Unusable rows.
    #[command(flatten)]
    pub bad_rows: BadRowOptions,
}
