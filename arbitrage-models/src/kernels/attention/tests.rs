use half::f16;
use proptest::prelude::*;

use super::super::kv_cache::CachePrecision;
use super::*;

/// As [`super::attend`], with memory for the result.
fn attend(
    set: InstructionSet,
    pool: &Pool,
    qkv: &[f32],
    heads: Heads,
    layer: AttentionLayer<'_>,
    caches: &mut [(&mut KvCache, usize)],
) -> Vec<f32> {
    let mut out = vec![0.0; qkv.len() / heads.row() * heads.query * heads.dim];
    super::attend(set, pool, qkv, heads, layer, caches, &mut out);
    out
}

/// A layer that attends to all positions.
fn layer(index: usize, rotation: &Rotation) -> AttentionLayer<'_> {
    AttentionLayer { index, rotation: Some(rotation), window: usize::MAX }
}

struct Case {
    heads: Heads,
    frequencies: Vec<f64>,
    qkv: Vec<f32>,
    rows: usize,
    precision: CachePrecision,
    window: usize,
    rotates: bool,
}

fn case(group: usize, kv: usize, dim: usize, rows: usize, seed: u64) -> Case {
    let heads = Heads { query: group * kv, kv, dim, scale: (dim as f32).powf(-0.5) };
    let mut draw = arbitrage_core::Draw::new(seed);
    let frequencies = (0..dim / 2).map(|i| 10_000f64.powf(-2.0 * i as f64 / dim as f64)).collect();
    let qkv = (0..rows * heads.row()).map(|_| draw.uniform() as f32 * 4.0 - 2.0).collect();
    Case { heads, frequencies, qkv, rows, precision: CachePrecision::Half, window: usize::MAX, rotates: true }
}

impl Case {
    fn cache(&self) -> KvCache {
        KvCache::new(1, self.heads.kv, self.heads.dim).with_precision(self.precision)
    }

    fn layer<'r>(&self, rotation: &'r Rotation) -> AttentionLayer<'r> {
        AttentionLayer { index: 0, rotation: self.rotates.then_some(rotation), window: self.window }
    }

    /// Attends with the next `rows` rows of one sequence.
    fn step(&self, set: InstructionSet, pool: &Pool, cache: &mut KvCache, rows: usize) -> Vec<f32> {
        let start = cache.len();
        let rotation = Rotation::new(start..start + rows, &self.frequencies, 1.0);
        let qkv = &self.qkv[start * self.heads.row()..(start + rows) * self.heads.row()];
        let out = attend(set, pool, qkv, self.heads, self.layer(&rotation), &mut [(cache, rows)]);
        cache.advance(rows);
        out
    }

    /// Runs the rows of one sequence in pieces of the given sizes.
    fn run(&self, set: InstructionSet, pieces: &[usize]) -> Vec<f32> {
        let (pool, mut cache) = (Pool::new(2), self.cache());
        pieces.iter().flat_map(|&rows| self.step(set, &pool, &mut cache, rows)).collect()
    }

    /// Runs the last `rows` rows after all others, divided among `threads` threads in a certain way.
    fn run_last(&self, set: InstructionSet, rows: usize, division: Division, threads: usize) -> Vec<f32> {
        let (pool, mut cache) = (Pool::new(threads), self.cache());
        let start = self.rows - rows;
        self.step(set, &pool, &mut cache, start);
        let rotation = Rotation::new(start..self.rows, &self.frequencies, 1.0);
        let qkv = &self.qkv[start * self.heads.row()..];
        let caches = &mut [(&mut cache, rows)];
        append(set, qkv, self.heads, self.layer(&rotation), caches);
        let mut out = vec![f32::NAN; rows * self.heads.query * self.heads.dim];
        AttentionPass { set, qkv, heads: self.heads, caches, layer: self.layer(&rotation) }
            .run(&pool, division, &mut out);
        out
    }

    /// The same in double precision, from the definition; keys and values rounded to halves.
    fn plain(&self) -> Vec<f64> {
        let Heads { query, kv, dim, .. } = self.heads;
        let turned = |row: usize, head: usize| -> Vec<f64> {
            let x = &self.qkv[row * self.heads.row() + head * dim..][..dim];
            let half = self.frequencies.len();
            let turns = if self.rotates { row as f64 } else { 0.0 };
            let angle = |i: usize| turns * self.frequencies[i % half];
            let partner = |i: usize| if i < half { -f64::from(x[i + half]) } else { f64::from(x[i - half]) };
            let turned = |i: usize| f64::from(x[i]) * angle(i).cos() + partner(i) * angle(i).sin();
            (0..dim).map(|i| if i < 2 * half { turned(i) } else { f64::from(x[i]) }).collect()
        };
        let half = |x: f64| f64::from(f16::from_f64(x).to_f32());
        let mut out = Vec::new();
        for row in 0..self.rows {
            for head in 0..query {
                let (q, kv_head) = (turned(row, head), head / (query / kv));
                let first = (row + 1).saturating_sub(self.window);
                let scores: Vec<f64> = (first..=row)
                    .map(|at| turned(at, query + kv_head).iter().zip(&q).map(|(k, q)| half(*k) * q).sum::<f64>())
                    .map(|score| (score / (dim as f64).sqrt()).exp())
                    .collect();
                let total: f64 = scores.iter().sum();
                for i in 0..dim {
                    let value = |at: usize| self.qkv[at * self.heads.row() + (query + kv + kv_head) * dim + i];
                    let mixed = scores.iter().enumerate().map(|(at, score)| score * half(f64::from(value(first + at))));
                    out.push(mixed.sum::<f64>() / total);
                }
            }
        }
        out
    }
}

const PRECISIONS: [CachePrecision; 2] = [CachePrecision::Half, CachePrecision::Int8];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn fused_is_plain_and_bits_depend_on_neither_the_pieces_nor_the_set(
        group in 1usize..10,
        kv in 1usize..3,
        dim in prop::sample::select(vec![2usize, 6, 8, 16, 20, 40, 64]),
        rows in 1usize..150,
        cut in any::<prop::sample::Index>(),
        window in prop_oneof![Just(usize::MAX), 1usize..160],
        rotates in prop::bool::weighted(0.8),
        rotated in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        for precision in PRECISIONS {
            let mut case = Case { precision, window, rotates, ..case(group, kv, dim, rows, seed) };
            // All pairs in half of the cases, fewer in the others.
            case.frequencies.truncate(rotated.index(dim).clamp(1, dim / 2));
            let exact = case.plain();
            let tolerance = if precision == CachePrecision::Half { 2e-3 } else { 6e-2 };
            let portable = case.run(InstructionSet::Portable, &[rows]);
            for set in InstructionSet::available() {
                let whole = case.run(set, &[rows]);
                prop_assert_eq!(&whole, &portable, "{}", set.name());
                for (ours, exact) in whole.iter().zip(&exact) {
                    prop_assert!((f64::from(*ours) - exact).abs() < tolerance, "{ours} {exact}");
                }
                let cut = cut.index(rows);
                prop_assert_eq!(&case.run(set, &[cut, rows - cut].map(|n| n)), &whole);
                prop_assert_eq!(&case.run(set, &vec![1; rows]), &whole);
                let last = rows - cut;
                for division in [Division::Alone, Division::Blocks, Division::Parts] {
                    let divided = case.run_last(set, last, division, 3);
                    prop_assert_eq!(&divided[..], &whole[whole.len() / rows * cut..], "{:?}", division);
                }
            }
        }
    }
}

#[test]
fn scores_that_fit_no_cache_are_those_of_smaller_blocks() {
    // 13,000 scores of a group of ten queries: blocks of one row, which `Parts` divides by pages.
    let case = case(10, 1, 8, 13_100, 3);
    let set = InstructionSet::best();
    let row = 80;
    let one_by_one = {
        let (pool, mut cache) = (Pool::new(1), case.cache());
        case.step(set, &pool, &mut cache, 13_097);
        (0..3).flat_map(|_| case.step(set, &pool, &mut cache, 1)).collect::<Vec<_>>()
    };
    assert_eq!(one_by_one.len(), 3 * row);
    for division in [Division::Alone, Division::Blocks, Division::Parts] {
        assert_eq!(case.run_last(set, 3, division, 4), one_by_one, "{division:?}");
    }
}

#[test]
fn work_is_divided_where_it_pays() {
    assert_eq!(Division::of(2, 1000, 2), Division::Alone);
    assert_eq!(Division::of(2, 10_000_000, 1), Division::Alone);
    assert_eq!(Division::of(2, 10_000_000, 2), Division::Blocks);
    assert_eq!(Division::of(2, 10_000_000, 16), Division::Parts);
}

#[test]
fn rolling_back_is_not_seen() {
    for precision in PRECISIONS {
        let case = Case { precision, ..case(2, 2, 8, 70, 5) };
        let (pool, set) = (Pool::new(1), InstructionSet::best());
        let mut cache = case.cache();
        let whole = case.step(set, &pool, &mut cache, 70);
        for kept in [69, 64, 63, 1, 0] {
            cache.truncate(kept);
            assert_eq!(case.step(set, &pool, &mut cache, 70 - kept), whole[kept * 4 * 8..]);
        }
        assert_eq!(cache.len(), 70);
    }
}

#[test]
fn a_fork_and_its_origin_do_not_see_each_other() {
    for precision in PRECISIONS {
        let (one, mut other) = (case(2, 2, 8, 80, 5), case(2, 2, 8, 80, 6));
        let shared = 70 * one.heads.row();
        other.qkv[..shared].copy_from_slice(&one.qkv[..shared]);
        let [one, other] = [one, other].map(|case| Case { precision, ..case });
        let (pool, set) = (Pool::new(1), InstructionSet::best());
        let mut cache = one.cache();
        one.step(set, &pool, &mut cache, 75);
        let mut fork = cache.fork(70);
        let width = 4 * 8;
        assert_eq!(other.step(set, &pool, &mut fork, 10), other.run(set, &[80])[70 * width..]);
        assert_eq!(one.step(set, &pool, &mut cache, 5), one.run(set, &[80])[75 * width..]);
    }
}

#[test]
fn sequences_do_not_see_each_other() {
    for precision in PRECISIONS {
        let cases = [(5, 1), (17, 2)].map(|(rows, seed)| Case { precision, ..case(3, 1, 8, rows, seed) });
        let (pool, set) = (Pool::new(2), InstructionSet::best());
        let mut caches = cases.each_ref().map(Case::cache);
        let qkv = [&cases[0].qkv[..], &cases[1].qkv[..]].concat();
        let rotation = Rotation::new((0..5).chain(0..17), &cases[0].frequencies, 1.0);
        let [first, second] = &mut caches;
        let out = attend(set, &pool, &qkv, cases[0].heads, layer(0, &rotation), &mut [(first, 5), (second, 17)]);
        assert_eq!(out, [cases[0].run(set, &[5]), cases[1].run(set, &[17])].concat());
    }
}

#[test]
fn what_is_not_finite_is_not_hidden_and_not_seen_before() {
    for precision in PRECISIONS {
        for (at, bad) in [(0, f32::NAN), (1, f32::NAN), (2, f32::NAN), (1, f32::INFINITY), (2, f32::INFINITY)] {
            let mut case = Case { precision, ..case(1, 1, 8, 4, 1) };
            let finite = case.run(InstructionSet::best(), &[4]);
            case.qkv[24 + at * 8 + 1] = bad;
            let out = case.run(InstructionSet::best(), &[4]);
            assert!(out[8..16].iter().any(|x| !x.is_finite()), "{at}");
            assert_eq!(out[..8], finite[..8], "{at}");
        }
    }
}

/// What lies before a row's window may be anything: its weight is not zero, it is not there.
#[test]
fn what_is_before_the_window_is_not_seen() {
    for precision in PRECISIONS {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut case = Case { precision, window: 70, ..case(2, 1, 8, 150, 1) };
            let finite = case.run(InstructionSet::best(), &[150]);
            let (row, kept) = (case.heads.row(), 100 * 2 * 8);
            case.qkv[30 * row + 2 * 8..31 * row].fill(bad);
            for pieces in [vec![150], vec![100, 50]] {
                let out = case.run(InstructionSet::best(), &pieces);
                assert_eq!(out[kept..], finite[kept..], "{precision:?} {bad}");
                assert!(out[99 * 16..kept].iter().any(|x| !x.is_finite()), "{precision:?} {bad}");
            }
        }
    }
}

/// Times of a layer's attention in the shape of a model with 1.5 billion weights (12 query heads, 2 key heads, 128 wide): one row at
/// each context, the caches of 28 layers in turn, so that they come from memory; and passes of several rows behind each other.
#[test]
#[ignore = "a measurement"]
fn measure_attention_by_context() {
    let case = case(6, 2, 128, 1, 1);
    let (pool, layers) = (Pool::new(2), 28);
    let small = self::case(2, 2, 24, 128, 3);
    let time = |mut run: Box<dyn FnMut() + '_>, times: usize| {
        let mut seconds: Vec<f64> = (0..times)
            .map(|_| {
                let start = std::time::Instant::now();
                run();
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        (seconds[times / 2], seconds[0])
    };
    let noise = self::case(6, 2, 128, 512, 2);
    let sets = InstructionSet::available().into_iter().skip(1);
    for (set, precision) in sets.flat_map(|set| PRECISIONS.map(|precision| (set, precision))) {
        println!("{} {precision:?}", set.name());
        let mut cache = Case { precision, ..self::case(2, 2, 24, 128, 3) }.cache();
        small.step(set, &pool, &mut cache, 127);
        let rotation = Rotation::new(127..128, &small.frequencies, 1.0);
        let qkv = &small.qkv[127 * small.heads.row()..];
        let row = || drop(attend(set, &pool, qkv, small.heads, layer(0, &rotation), &mut [(&mut cache, 1)]));
        let (median, best) = time(Box::new(row), 1001);
        println!("one row of 4 heads, 24 wide, at 128: {:.2} µs a layer, best {:.2}", median * 1e6, best * 1e6);
        let mut cache = KvCache::new(layers, 2, 128).with_precision(precision);
        for layer in 0..layers {
            for position in 0..8191 {
                let row = &noise.qkv[position % 512 * noise.heads.row()..][12 * 128..][..512];
                cache.write(layer, position, &row[..256], &row[256..]);
            }
        }
        cache.advance(8191);
        for context in [128, 512, 1024, 2048, 4096, 8192] {
            let mut cache = cache.fork(context - 1);
            let rotation = Rotation::new(context - 1..context, &case.frequencies, 1.0);
            let mut token = || {
                for index in 0..layers {
                    attend(set, &pool, &case.qkv, case.heads, layer(index, &rotation), &mut [(&mut cache, 1)]);
                }
            };
            token();
            let (median, best) = time(Box::new(token), 11);
            let [median, best] = [median, best].map(|seconds| seconds / layers as f64 * 1e6);
            println!("one row at {context}: {median:.1} µs a layer, best {best:.1}");
        }
        for (depth, rows) in [(0, 32), (0, 512), (1536, 512), (3584, 512), (4088, 8)] {
            let heads = noise.heads;
            let mut cache = cache.fork(depth);
            let rotation = Rotation::new(depth..depth + rows, &noise.frequencies, 1.0);
            let qkv = &noise.qkv[..rows * heads.row()];
            let pass = || drop(attend(set, &pool, qkv, heads, layer(0, &rotation), &mut [(&mut cache, rows)]));
            let (median, best) = time(Box::new(pass), 7);
            let products = (rows * depth + rows * (rows + 1) / 2) as f64 * (2 * 12 * 128) as f64;
            println!(
                "{rows} rows after {depth}: {:.2} ms a layer, best {:.2}, {:.1} GMAC/s",
                median * 1e3,
                best * 1e3,
                products / best / 1e9
            );
        }
    }
}
