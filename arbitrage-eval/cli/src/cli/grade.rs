//! Options of `grade`.

use std::path::PathBuf;

use arbitrage_grader::Profile;
use clap::Args;

/// Options of `grade`.
#[derive(Args)]
pub struct GradeOptions {
    /// Rows of `gold` and `pred`, JSON lines, and perhaps `kind`: equiv for a bare answer, raw or extract for a whole response,
    /// choice-raw for one that chooses a letter. With `should_match`, shares are summed up.
    pub file: PathBuf,
    /// Whose conventions decide: strict, or qwen-compat, which repeats the faults of the grader behind Qwen2.5-Math's scores.
    #[arg(long, default_value = "strict")]
    pub profile: Profile,
    /// Leaves rows out that cannot be used, instead of stopping at the first.
    #[arg(long)]
    pub skip_bad_rows: bool,
}
