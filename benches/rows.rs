//! What a pass over several rows costs, by instruction set: the curve from one row to 32, prefill, decoding of several sequences,
//! and how much of the memory's speed decoding uses.
//!
//! Each instruction set has a process of its own, which keeps the model loaded; the sets take turns within a round, and the next
//! round starts with another one. The medians of all rounds are printed as Markdown, with the processor, its flags, and the load
//! of the machine. `benches/rows.sh` builds and runs it.

use std::fmt;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use arbitrage_benches::engines::{Ours, decode, prefill, step};
use arbitrage_benches::lean::{Lean, open};
use arbitrage_benches::machine::{Bandwidth, load_average, processor, threads};
use arbitrage_benches::report::{percent, table};
use arbitrage_benches::{Failure, finish, median};
use arbitrage_models::{Cache, Decoder, Outputs, Span};
use clap::Parser;
use serde::{Deserialize, Serialize};

/// Measures passes over several rows, by instruction set.
#[derive(Parser)]
struct Options {
    /// A GGUF file.
    model: PathBuf,
    /// Rounds, of which medians are printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Instruction sets to compare, as ARBITRAGE_ISA names them; the last is measured against the others. By default all that the
    /// processor has from 256-bit VNNI on.
    #[arg(long, value_delimiter = ',')]
    sets: Vec<String>,
    /// Lengths of the passes of the curve.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32")]
    rows: Vec<usize>,
    /// Prompt lengths.
    #[arg(long, value_delimiter = ',', default_value = "32,512")]
    prompts: Vec<usize>,
    /// Sequences that decode together.
    #[arg(long, value_delimiter = ',', default_value = "1,8,16")]
    sequences: Vec<usize>,
    /// Contexts at which one sequence decodes, such as 128,4096: the position of the last decoded token.
    #[arg(long, value_delimiter = ',')]
    contexts: Vec<usize>,
    /// How the model is made smaller.
    #[command(flatten)]
    lean: Lean,
    /// Tokens decoded a sequence.
    #[arg(long, default_value_t = 16)]
    tokens: usize,
    /// Measures a round for each line of standard input; the parent process sets this.
    #[arg(long, hide = true)]
    worker: bool,
}

/// Tokens in the cache before a pass or decoding.
const DEPTH: usize = 32;
/// Times that a pass of the curve is run in a round; the median counts.
const PASSES: usize = 3;

/// What one process measured in one round, in the order of the options.
#[derive(Deserialize, Serialize)]
struct Round {
    /// Seconds a pass.
    passes: Vec<f64>,
    /// Tokens a second.
    prefills: Vec<f64>,
    /// Tokens a second of all sequences together.
    decodes: Vec<f64>,
    /// Tokens a second of one sequence at each context.
    contexts: Vec<f64>,
    /// Bytes of weights as they lie in memory, of which decoding a token reads all.
    bytes: usize,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if options.sets.is_empty() {
        options.sets = default_sets(&processor());
    }
    finish(if options.worker { work(&options) } else { run(&options) })
}

/// The sets from 256-bit VNNI on that a processor with the instructions in `found` has.
fn default_sets(found: &str) -> Vec<String> {
    let needs = [("vnni", "avx512_vnni"), ("vnni512", "avx512_vnni"), ("amx", "amx_int8")];
    let sets: Vec<_> = needs.iter().filter(|(_, flag)| found.contains(flag)).map(|(set, _)| set.to_string()).collect();
    if sets.is_empty() { vec!["avx2".to_owned()] } else { sets }
}

/// Loads the model, and measures a round for each line of standard input.
fn work(options: &Options) -> Result<(), Failure> {
    let ours = Ours::new(open(&options.model, &options.lean)?)?;
    println!("loaded");
    let longest = long_cache(ours.decoder(), options)?;
    for line in std::io::stdin().lines() {
        line?;
        println!("{}", serde_json::to_string(&measure(ours.decoder(), &longest, options)?)?);
    }
    Ok(())
}

/// A cache for the longest of the contexts, whose beginnings serve for the others.
fn long_cache(decoder: &Decoder, options: &Options) -> Result<Cache, Failure> {
    let longest = options.contexts.iter().copied().max().unwrap_or(0);
    match longest.saturating_sub(options.tokens) {
        0 => Ok(decoder.cache()),
        depth => Ok(prefill(decoder, depth)?.0),
    }
}

/// Tokens a second of one sequence whose last token has position `context`.
fn decode_at(decoder: &Decoder, longest: &Cache, context: usize, tokens: usize) -> Result<f64, Failure> {
    let mut caches = [longest.fork(context.saturating_sub(tokens))];
    step(decoder, &mut caches, 0)?;
    let start = Instant::now();
    for index in 1..tokens {
        step(decoder, &mut caches, index)?;
    }
    Ok((tokens.max(2) - 1) as f64 / start.elapsed().as_secs_f64())
}

fn measure(decoder: &Decoder, longest: &Cache, options: &Options) -> Result<Round, Failure> {
    let each = |values: &[usize], of: &dyn Fn(usize) -> Result<f64, Failure>| values.iter().map(|&n| of(n)).collect();
    let passes: Result<Vec<f64>, _> = each(&options.rows, &|rows| pass(decoder, rows));
    let prefills: Result<Vec<f64>, _> = each(&options.prompts, &|length| Ok(prefill(decoder, length)?.1));
    let decodes: Result<Vec<f64>, _> =
        each(&options.sequences, &|sequences| decode(decoder, sequences, DEPTH, options.tokens));
    let contexts: Result<Vec<f64>, _> =
        each(&options.contexts, &|context| decode_at(decoder, longest, context, options.tokens));
    let (passes, prefills, decodes, contexts) = (passes?, prefills?, decodes?, contexts?);
    Ok(Round { passes, prefills, decodes, contexts, bytes: decoder.bytes_per_token() })
}

/// Seconds of a pass of `rows` tokens behind [`DEPTH`] others, with the logits of all: the verification of a draft.
fn pass(decoder: &Decoder, rows: usize) -> Result<f64, Failure> {
    let (mut cache, _) = prefill(decoder, DEPTH)?;
    let tokens: Vec<u32> = (0..rows as u32).map(|i| 100 + i * 31).collect();
    let mut seconds = Vec::new();
    for _ in 0..PASSES {
        cache.truncate(DEPTH);
        let start = Instant::now();
        let span = Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::All };
        black_box(decoder.forward(&mut [span])?.map(|output| output.logits.into_data_as::<f32>()));
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(median(seconds))
}

/// A process with the model loaded.
struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(set: &str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).arg("--worker").env("ARBITRAGE_ISA", set);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("a process has no pipes".into());
        };
        let mut worker = Self { process, input, output: BufReader::new(output) };
        match worker.line()?.trim() {
            "loaded" => Ok(worker),
            _ => Err(format!("instruction set {set}: the model could not be loaded").into()),
        }
    }

    fn measure(&mut self) -> Result<Round, Failure> {
        writeln!(self.input, "measure")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let before = load_average();
    let mut workers = options.sets.iter().map(|set| Worker::start(set)).collect::<Result<Vec<_>, _>>()?;
    let bandwidth = Bandwidth::default();
    let mut rounds: Vec<Vec<Round>> = workers.iter().map(|_| Vec::new()).collect();
    let mut limit = 0.0f64;
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for turn in 0..workers.len() {
            let set = (round + turn) % workers.len();
            limit = limit.max(bandwidth.measure(threads()));
            rounds[set].push(workers[set].measure()?);
        }
    }
    println!("{}", RowsReport { options, rounds, limit, loads: [before, load_average()] });
    Ok(())
}

struct RowsReport<'a> {
    options: &'a Options,
    /// By instruction set.
    rounds: Vec<Vec<Round>>,
    /// Bytes a second.
    limit: f64,
    /// Load averages before and after.
    loads: [Option<String>; 2],
}

impl RowsReport<'_> {
    /// The medians of one figure, by instruction set.
    fn medians(&self, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(|rounds| median(rounds.iter().map(&figure).collect())).collect()
    }

    /// A row of a table: the medians, and the last set's as a multiple of each other's.
    fn row(&self, label: String, digits: usize, medians: &[f64], higher_is_better: bool) -> Vec<String> {
        let last = medians.last().copied().unwrap_or(f64::NAN);
        let ratio = |other: &f64| if higher_is_better { last / other } else { other / last };
        let mut row = vec![label];
        row.extend(medians.iter().map(|median| format!("{median:.digits$}")));
        row.extend(medians[..medians.len() - 1].iter().map(|other| format!("{:.2}", ratio(other))));
        row
    }

    /// A table of the medians of one figure, as multiples of the one for the first count.
    fn against_first(
        &self,
        what: &str,
        unit: &str,
        counts: &[usize],
        figure: impl Fn(&Round, usize) -> f64,
    ) -> Vec<Vec<String>> {
        let mut table = vec![vec![format!("{what}, against {} {unit}", counts[0])]];
        table[0].extend(self.options.sets.iter().cloned());
        let first = self.medians(|round| figure(round, 0));
        for (at, count) in counts.iter().enumerate() {
            let medians = self.medians(|round| figure(round, at));
            let ratios = medians.iter().zip(&first).map(|(median, first)| format!("{:.2}", median / first));
            table.push(std::iter::once(format!("{count} {unit}")).chain(ratios).collect());
        }
        table
    }

    fn titles(&self, first: &str) -> Vec<String> {
        let sets = &self.options.sets;
        let (last, others) = sets.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
        let ratios = others.iter().map(|other| format!("{last} ÷ {other}"));
        std::iter::once(first.to_owned()).chain(sets.iter().cloned()).chain(ratios).collect()
    }
}

impl fmt::Display for RowsReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { model, rounds, rows, prompts, sequences, .. } = self.options;
        let name = model.file_name().unwrap_or_default().to_string_lossy();
        let [before, after] = &self.loads;
        let load = |load: &Option<String>| load.clone().unwrap_or_else(|| "unknown".to_owned());
        writeln!(f, "{name}: {} threads, medians of {rounds} rounds", threads())?;
        writeln!(f, "processor: {}", processor())?;
        writeln!(f, "load average before {}, after {}\n", load(before), load(after))?;

        let mut rates = vec![self.titles("tokens/s")];
        for (at, length) in prompts.iter().enumerate() {
            let medians = self.medians(|round| round.prefills[at]);
            rates.push(self.row(format!("prefill, {length} tokens"), 1, &medians, true));
        }
        for (at, count) in sequences.iter().enumerate() {
            let medians = self.medians(|round| round.decodes[at]);
            rates.push(self.row(format!("decode, {count} sequences, in all"), 1, &medians, true));
        }
        for (at, context) in self.options.contexts.iter().enumerate() {
            let medians = self.medians(|round| round.contexts[at]);
            rates.push(self.row(format!("decode, 1 sequence, context {context}"), 1, &medians, true));
        }
        table(f, &rates)?;

        let mut curve = vec![self.titles("ms a pass with all logits")];
        for (at, count) in rows.iter().enumerate() {
            let milliseconds = self.medians(|round| round.passes[at] * 1e3);
            curve.push(self.row(format!("{count} rows"), 1, &milliseconds, false));
        }
        writeln!(f)?;
        table(f, &curve)?;
        writeln!(f)?;
        table(f, &self.against_first("time of a pass", "rows", rows, |round, at| round.passes[at]))?;
        writeln!(f)?;
        table(f, &self.against_first("decode, in all", "sequences", sequences, |round, at| round.decodes[at]))?;

        let bytes = self.rounds[0].first().map_or(0, |round| round.bytes);
        let mut shares = vec![vec!["decode, of the read limit".to_owned()]];
        shares[0].extend(self.options.sets.iter().cloned());
        for (at, count) in sequences.iter().enumerate() {
            let share = |rate: &f64| percent(rate / *count as f64 * bytes as f64 / self.limit);
            let shares_of = self.medians(|round| round.decodes[at]);
            shares.push(std::iter::once(format!("{count} sequences")).chain(shares_of.iter().map(share)).collect());
        }
        let (megabytes, limit) = (bytes as f64 / 1e6, self.limit / 1e9);
        writeln!(f, "\nweights in memory: {megabytes:.0} MB; read limit, best measured: {limit:.1} GB/s\n")?;
        table(f, &shares)
    }
}
