//! `arbitrage calibrate`: a threshold, chosen for a goal.

mod engines;
mod loss;
mod steps;
mod table;
mod watcher;

use std::path::{Path, PathBuf};

use arbitrage_mini::shipped;
use arbitrage_router::calibrate::Goal;

use crate::Failure;
use crate::cli::CalibrateOptions;
use crate::pair::resolve_router;

/// Chooses τ for the goal and writes it to the router's card: by the estimates of collected steps, or by how many problems are lost.
pub(crate) fn run(options: &CalibrateOptions) -> Result<(), Failure> {
    if let Goal::Loss(share) = options.goal {
        return loss::run(options, share);
    }
    let of_loss = [
        ("--runs", !options.runs.is_empty()),
        ("--out", options.out.is_some()),
        ("--policy", options.policy.is_some()),
    ];
    match of_loss.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(format!("{name}: only for a goal such as loss:0.02, found `{}`", options.goal).into()),
        None => steps::run(options),
    }
}

/// The router's folder, whose card is to be changed.
fn writable_router(router: &Path) -> Result<PathBuf, Failure> {
    if shipped::router(router).is_some() {
        let (name, folder) = (router.display(), resolve_router(router)?);
        return Err(format!(
            "--router {name}: expected a folder that can be changed, found a shipped router; copy {} and name the copy",
            folder.display()
        )
        .into());
    }
    Ok(router.to_owned())
}
