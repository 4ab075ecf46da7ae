//! `arbitrage solve`: one problem, shown while it is solved.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::time::Instant;

use arbitrage_core::router::{AlwaysTarget, Budget};
use arbitrage_core::{AdvantageRouter, Author, Drafter, Engine, Overlap, Problem, Solution};
use arbitrage_mini::{Generator, MiniProblem, Stream, is_solved};
use arbitrage_router::Policy;
use arbitrage_router::calibrate::Promise;

use crate::Failure;
use crate::cli::{OverlapOption, PairOptions, SolveOptions, SpeculationSource};
use crate::live_view::LiveView;
use crate::model::Model;
use crate::pair::{
    DEFAULT_PAIR, LoadedPair, MINI, NeededRoles, RoutedEngine, RouterSource, as_verifier, default_policy,
    default_scorer, open_router, router_folder, seconds_per_token,
};
use crate::promise::promise;
use crate::run_notes::run_notes;
use crate::sinks::Sinks;
use crate::speed_comparison::SpeedComparison;
use crate::summary::{MarkedAnswer, SolutionSummary, SolveTimes, representative_seconds_per_token};

/// Index of the first test problem that pair and target are compared on. Problems with random indices are below it.
const FIRST_COMPARED_PROBLEM: u64 = 100_000;

/// Solves one problem and shows it. After a generated one, more of its kind show what routing gains.
pub(crate) fn run(options: &SolveOptions) -> Result<(), Failure> {
    let ResolvedProblem { pair, problem, generated } = resolve_problem(options)?;
    let models = &PairOptions { pair: Some(pair), ..options.models.clone() };
    let folder = router_folder(models, options.router.as_deref())?;
    let policy = options.policy.unwrap_or_else(|| default_policy(folder.as_deref()));
    let policy = options.tau.map_or(Ok(policy), |tau| policy.with_threshold(tau))?;
    options.limits.limits().validate()?;
    options.limits.segmenter()?;
    policy.check(None)?; // refuses a threshold out of range before a model is loaded
    options.lookahead.check(policy)?;

    let needed = NeededRoles::of(policy, models.speculation, options.budget.is_some());
    let mut pair = LoadedPair::load(models, options.lookahead.with_needed_roles(needed))?;
    // The processor needs no warm-up, and the first step reports what cannot be used.
    if models.placement.backends().is_some() {
        pair = pair.warmed_up()?;
    }
    let idle = pair.share();
    let parts = EngineParts { options, models, policy, folder: folder.as_deref() };
    let (solution, seconds) = solve_visibly(&parts, pair, &problem)?;

    let is_compared = generated.is_some() && !options.json && !matches!(policy, Policy::Draft | Policy::Target);
    let target_seconds_per_token =
        if is_compared { None } else { target_seconds_per_token(&solution, idle.target.share()) };
    let times = SolveTimes { seconds, target_seconds_per_token };
    let expected = generated.as_ref().and_then(|mini| mini.plan.answer()).map(|answer| answer.to_string());
    let is_right = generated.as_ref().map(|mini| is_solved(&mini.problem, &solution.text())).transpose()?;
    let marked = expected.zip(is_right).map(|(expected, is_right)| MarkedAnswer { expected, is_right });
    let summary = SolutionSummary::new(&problem, &solution, policy, times)
        .with_mark(marked)
        .with_promise(parts.promise(&idle, &problem)?);
    let mut out = anstream::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
    } else {
        writeln!(out, "{summary}")?;
    }
    if is_compared {
        writeln!(out, "\n{}", compare(&parts, &idle)?)?;
    }
    Ok(())
}

/// What all engines of a call have in common.
struct EngineParts<'a> {
    options: &'a SolveOptions,
    models: &'a PairOptions,
    policy: Policy,
    /// The folder of the trained router, if there is one.
    folder: Option<&'a Path>,
}

impl EngineParts<'_> {
    /// What is promised of the policy at its threshold.
    fn promise(&self, pair: &LoadedPair, problem: &Problem) -> Result<Option<Promise>, Failure> {
        let Self { options, models, policy, folder } = *self;
        if options.budget.is_some() {
            return Ok(None); // a budget may let the draft write what the router escalates
        }
        let notes = run_notes(models, &options.limits, pair.target.name(), std::slice::from_ref(problem));
        promise(options.lookahead.of(policy), folder, options.limits.limits(), &notes, pair.draft.name())
    }

    /// An engine of the pair under the policy.
    fn engine(&self, LoadedPair { draft, target }: LoadedPair) -> Result<RoutedEngine, Failure> {
        let Self { models, policy, folder, .. } = *self;
        let target = as_verifier(target, &draft, models.speculation)?;
        let scorer = || default_scorer(models, policy, &target);
        let source = RouterSource { folder, placement: &models.placement };
        let (router, draft) = open_router(policy, source, draft, &target, scorer)?;
        let lookahead = &self.options.lookahead;
        let drafts = lookahead.choosing(policy, || default_scorer(models, Policy::Rsd(0.5), &target))?;
        let router = lookahead.hand_over(router);
        let router: Box<dyn AdvantageRouter> = match self.options.budget {
            Some(budget) => Box::new(Budget::new(router, budget)),
            None => router,
        };
        let engine = Engine::new(draft, target, self.options.profile.count_router(router))
            .with_segmenter(self.options.limits.segmenter()?)
            .with_limits(self.options.limits.limits())
            .with_overlap(match self.options.overlap {
                OverlapOption::Off => Overlap::Off,
                OverlapOption::On => Overlap::On,
            });
        Ok(match drafts {
            Some((drafts, by)) => engine.with_drafts(drafts, by),
            None => engine,
        })
    }
}

/// Solves `problem` with the pair, and shows its steps unless JSON is asked for. Returns the seconds that it took, too.
fn solve_visibly(
    parts: &EngineParts<'_>,
    LoadedPair { mut draft, mut target }: LoadedPair,
    problem: &Problem,
) -> Result<(Solution, f64), Failure> {
    let options = parts.options;
    let mut sinks = Sinks::trace(options.trace.as_deref())?;
    if !options.json {
        let view = LiveView::new();
        // With overlap a step that is drafted ahead may be dropped, and would appear in the middle of the target's step; of several drafts
        // it is not known yet which one is chosen.
        if options.overlap == OverlapOption::Off && options.lookahead.drafts == 1 {
            draft = draft.with_listener(view.listener(Author::Draft));
        }
        target = target.with_listener(view.listener(Author::Target));
        sinks = sinks.with(view);
    }
    options.profile.start();
    let mut engine = parts.engine(LoadedPair { draft, target })?.with_sink(sinks);
    let start = Instant::now();
    let solution = engine.solve(problem)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(profile) = options.profile.counted() {
        anstream::eprintln!("\n{profile}");
    }
    Ok((solution, seconds))
}

/// Seconds per token of the target in this solution, or else of a few tokens that it writes for this.
fn target_seconds_per_token(solution: &Solution, mut target: Model) -> Option<f64> {
    representative_seconds_per_token(solution).or_else(|| {
        let measured = seconds_per_token(&mut target);
        measured.inspect_err(|error| anstream::eprintln!("warning: the target could not be timed: {error}")).ok()?
    })
}

/// Solves more generated problems with the pair and with its target alone.
fn compare(parts: &EngineParts<'_>, pair: &LoadedPair) -> Result<SpeedComparison, Failure> {
    let mut routed = parts.engine(pair.share())?;
    let LoadedPair { draft, target } = pair.share();
    let target = as_verifier(target, &draft, SpeculationSource::Off)?;
    let mut target = Engine::new(draft, target, AlwaysTarget)
        .with_segmenter(parts.options.limits.segmenter()?)
        .with_limits(parts.options.limits.limits());
    let generator = Generator::default();
    let problems = (0..).map(|index| generator.problem(Stream::Test, FIRST_COMPARED_PROBLEM + index).problem);
    SpeedComparison::measure(&mut |problem| routed.solve(problem), &mut |problem| target.solve(problem), problems)
}

/// A problem, and the pair that solves it.
struct ResolvedProblem {
    pair: String,
    problem: Problem,
    /// The problem with its solution, where it was generated.
    generated: Option<MiniProblem>,
}

/// A given question is for the default pair unless another one is named. Without a question, a problem is generated for the mini pair.
fn resolve_problem(options: &SolveOptions) -> Result<ResolvedProblem, Failure> {
    let pair = options.models.pair.clone();
    if let Some(question) = question(options)? {
        let problem = Problem::new(question).with_seed(options.seed.unwrap_or(0));
        let pair = pair.unwrap_or_else(|| DEFAULT_PAIR.to_owned());
        return Ok(ResolvedProblem { pair, problem, generated: None });
    }
    let is_mini = pair.as_deref().is_none_or(|name| name == MINI);
    if !is_mini || options.models.draft.is_some() || options.models.target.is_some() {
        return Err("no question: give it as an argument, or on standard input".into());
    }
    let index = options.seed.unwrap_or_else(|| random_number() % FIRST_COMPARED_PROBLEM);
    let generated = Generator::default().problem(Stream::Test, index);
    let problem = generated.problem.clone();
    if !options.json {
        anstream::println!("{} (repeat with --seed {index})\n\n{}\n", problem.id, problem.question);
    }
    Ok(ResolvedProblem { pair: MINI.to_owned(), problem, generated: Some(generated) })
}

/// A number that differs from call to call.
fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

fn question(options: &SolveOptions) -> Result<Option<String>, Failure> {
    if options.question.is_some() || std::io::stdin().is_terminal() {
        return Ok(options.question.clone());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok((!text.trim().is_empty()).then_some(text))
}
