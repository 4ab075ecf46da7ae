//! Options of `calibrate`.

use std::path::PathBuf;

use arbitrage_router::Policy;
use arbitrage_router::calibrate::Goal;
use clap::{Args, ValueEnum};

use super::{HiddenStateOptions, LimitOptions, PairOptions, ProblemOptions};

/// Options of `calibrate`.
#[derive(Args)]
pub(crate) struct CalibrateOptions {
    /// Folder of the router. Calibration, threshold and promise are written to its card.
    #[arg(long, required_unless_present_any = ["policy", "splits"])]
    pub router: Option<PathBuf>,
    /// A policy without a folder, such as logprob, in place of the router: its threshold for `loss:SHARE` is only printed. `learned` is
    /// the pair's own trained router.
    #[arg(long, conflicts_with = "router")]
    pub policy: Option<Policy>,
    /// What the threshold has to meet: accept:SHARE (of the steps), budget:B (escalations per problem), latency:SHARE (of the time that
    /// the target alone takes), or loss:SHARE (at most so many of the problems that the target solves are lost). The first three are
    /// judged by --traces; the last one by --runs, or by runs on --problems or --mini that are made in --out.
    #[arg(long)]
    pub goal: Goal,
    /// Confidence with which `loss:SHARE` is to be shown, above 0 and below 1.
    #[arg(long, default_value_t = 0.95)]
    pub confidence: f64,
    /// Traces of `collect`, of problems that the router was not trained on.
    #[arg(long, num_args = 1.., conflicts_with_all = ["runs", "out"])]
    pub traces: Vec<PathBuf>,
    /// Traces of `run` or `eval` on the same problems: one of the policy `target`, and one of the router at each of several thresholds that
    /// were chosen beforehand.
    #[arg(long, num_args = 1.., conflicts_with = "out")]
    pub runs: Vec<PathBuf>,
    /// Folder for the runs of the target and of the router at one threshold after the other. An interrupted calibration is resumed.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Number of thresholds that are tested at most, besides the safest one. They come from the router's estimates on a tenth of the
    /// problems, which are not counted; each escalates the same share less than the one before it.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    pub thresholds: u16,
    /// Thresholds to be tested, in place of those from a tenth of the problems.
    #[arg(long, num_args = 1.., allow_negative_numbers = true, value_name = "TAU")]
    pub taus: Vec<f32>,
    /// Checks the method in place of choosing a threshold: divides the problems of --runs at random, so many times, calibrates on one part,
    /// and counts how often more problems are lost on the other part than promised.
    #[arg(long, requires = "runs")]
    pub splits: Option<usize>,
    /// Share of the problems that calibrate in a split.
    #[arg(long, default_value_t = 0.25, requires = "splits")]
    pub split_share: f64,
    /// Writes all figures of `loss:SHARE` to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// How the router's estimates are turned into probabilities; with --traces.
    #[arg(long, alias = "by", value_enum, default_value_t = CalibrationMethod::Isotonic)]
    pub calibration: CalibrationMethod,
    /// Safetensors file that caches the hidden states of the steps in --traces, so that later commands on the same traces need not compute
    /// them again. An interrupted computation is resumed.
    #[arg(long)]
    pub states: Option<PathBuf>,
    /// The models of runs. Of a calibration by --traces, only the draft is used, for probes that read its hidden states.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems of runs, with their answers.
    #[command(flatten)]
    pub problems: ProblemOptions,
}

impl CalibrateOptions {
    /// How the hidden states of collected steps are computed.
    pub(crate) fn states(&self) -> HiddenStateOptions {
        let PairOptions { draft, placement, .. } = &self.models;
        HiddenStateOptions { draft: draft.clone(), states: self.states.clone(), device: placement.device.clone() }
    }
}

/// How estimates are turned into probabilities.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CalibrationMethod {
    /// Not at all.
    None,
    /// Platt scaling: a logistic curve.
    Platt,
    /// Isotonic regression: a monotone step function.
    Isotonic,
}
