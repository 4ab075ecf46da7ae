//! `arbitrage`: step-level speculative reasoning on the command line.

mod batch;
mod calibrate;
mod cli;
mod collect;
mod compare;
mod compare_runs;
mod cross_validate;
mod devices;
mod disagreements;
mod eval;
mod figures;
mod files;
mod fit;
mod grade;
mod head;
mod hidden_states;
mod interrupt;
mod labelled_steps;
mod limits;
mod live_view;
mod method_table;
mod mini;
mod model;
mod model_path;
mod models;
mod pair;
mod placement;
mod problem_set;
mod profile;
mod progress;
mod promise;
mod remote_address;
mod replay;
mod report;
mod rescore;
mod rollouts;
mod run;
mod run_notes;
mod score;
mod scorer;
mod scorer_choice;
mod sequential;
mod serve;
mod sinks;
mod solve;
mod speed_comparison;
mod step_ids;
mod summary;
mod train;
mod training_data;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;

/// Any error of the command: its text is shown to the user.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let result = match cli::Cli::parse().command {
        cli::Command::Solve(options) => solve::run(&options),
        cli::Command::Models(command) => models::run(&command),
        cli::Command::Devices => devices::run(),
        cli::Command::Collect(options) => collect::run(&options),
        cli::Command::Train(command) => train::run(&command),
        cli::Command::Score(options) => score::run(&options),
        cli::Command::Calibrate(options) => calibrate::run(&options),
        cli::Command::Run(options) => run::run(&options),
        cli::Command::Eval(options) => eval::run(&options),
        cli::Command::Merge(options) => eval::merge(&options),
        cli::Command::Regrade(options) => eval::regrade(&options),
        cli::Command::Report(options) => report::run(&options),
        cli::Command::Replay(options) => replay::run(&options),
        cli::Command::Compare(options) => compare::run(&options),
        cli::Command::CrossValidate(options) => cross_validate::run(&options),
        cli::Command::Grade(options) => grade::run(&options),
        cli::Command::Fit(options) => fit::run(*options),
        cli::Command::Serve(options) => serve::run(&options),
        cli::Command::Mini(command) => mini::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}error:{:#} {error}", cli::ERROR, cli::ERROR);
            interrupt::check().map_or_else(|interrupted| interrupted.code().into(), |()| ExitCode::FAILURE)
        }
    }
}

/// Whether the reader of the output has closed the pipe, as `head` does after some lines. That is no failure.
fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_broken_pipe =
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
    is_broken_pipe || error.source().is_some_and(is_closed_pipe)
}
