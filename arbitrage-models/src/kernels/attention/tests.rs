use super::*;
use proptest::prelude::*;

struct Case {
    heads: Heads,
    frequencies: Vec<f64>,
    qkv: Vec<f32>,
    rows: usize,
}

fn case(group: usize, kv: usize, dim: usize, rows: usize, seed: u64) -> Case {
    let heads = Heads { query: group * kv, kv, dim };
    let mut draw = arbitrage_core::Draw::new(seed);
    let frequencies = (0..dim / 2).map(|i| 10_000f64.powf(-2.0 * i as f64 / dim as f64)).collect();
    let qkv = (0..rows * heads.row()).map(|_| draw.uniform() as f32 * 4.0 - 2.0).collect();
    Case { heads, frequencies, qkv, rows }
}

impl Case {
    /// Runs the rows of one sequence in pieces of the given sizes.
    fn run(&self, set: InstructionSet, pieces: &[usize]) -> Vec<f32> {
        let pool = Pool::new(2);
        let mut cache = KvCache::new(1, self.heads.kv, self.heads.dim);
        let mut out = Vec::new();
        let mut row = 0;
        for &rows in pieces {
            let rotation = Rotation::new(row..row + rows, &self.frequencies);
            let qkv = &self.qkv[row * self.heads.row()..(row + rows) * self.heads.row()];
            out.extend(attend(set, &pool, qkv, self.heads, &rotation, &mut [(&mut cache, rows)], 0));
            cache.advance(rows);
            row += rows;
        }
        out
    }

    /// The same in double precision, from the definition; keys and values rounded to halves.
    fn plain(&self) -> Vec<f64> {
        let Heads { query, kv, dim } = self.heads;
        let turned = |row: usize, head: usize| -> Vec<f64> {
            let x = &self.qkv[row * self.heads.row() + head * dim..][..dim];
            let half = dim / 2;
            let angle = |i: usize| row as f64 * self.frequencies[i % half];
            let partner = |i: usize| if i < half { -f64::from(x[i + half]) } else { f64::from(x[i - half]) };
            (0..dim).map(|i| f64::from(x[i]) * angle(i).cos() + partner(i) * angle(i).sin()).collect()
        };
        let half = |x: f64| f64::from(f16::from_f64(x).to_f32());
        let mut out = Vec::new();
        for row in 0..self.rows {
            for head in 0..query {
                let (q, kv_head) = (turned(row, head), head / (query / kv));
                let scores: Vec<f64> = (0..=row)
                    .map(|at| turned(at, query + kv_head).iter().zip(&q).map(|(k, q)| half(*k) * q).sum::<f64>())
                    .map(|score| (score / (dim as f64).sqrt()).exp())
                    .collect();
                let total: f64 = scores.iter().sum();
                for i in 0..dim {
                    let value = |at: usize| self.qkv[at * self.heads.row() + (query + kv + kv_head) * dim + i];
                    let mixed = scores.iter().enumerate().map(|(at, score)| score * half(f64::from(value(at))));
                    out.push(mixed.sum::<f64>() / total);
                }
            }
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn fused_is_plain_and_bits_depend_on_neither_the_pieces_nor_the_set(
        group in 1usize..9,
        kv in 1usize..3,
        dim in prop::sample::select(vec![2usize, 6, 8, 16, 20, 40, 64]),
        rows in 1usize..90,
        cut in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let case = case(group, kv, dim, rows, seed);
        let exact = case.plain();
        let portable = case.run(InstructionSet::Portable, &[rows]);
        for set in InstructionSet::available() {
            let whole = case.run(set, &[rows]);
            prop_assert_eq!(&whole, &portable, "{}", set.name());
            for (ours, exact) in whole.iter().zip(&exact) {
                prop_assert!((f64::from(*ours) - exact).abs() < 2e-3, "{ours} {exact}");
            }
            let cut = cut.index(rows);
            prop_assert_eq!(&case.run(set, &[cut, rows - cut].map(|n| n)), &whole);
            prop_assert_eq!(&case.run(set, &vec![1; rows]), &whole);
        }
    }
}

#[test]
fn rolling_back_is_not_seen() {
    let case = case(2, 2, 8, 70, 5);
    let (pool, set) = (Pool::new(1), InstructionSet::best());
    let mut cache = KvCache::new(1, 2, 8);
    let run = |cache: &mut KvCache, from: usize, rows: usize| {
        let rotation = Rotation::new(from..from + rows, &case.frequencies);
        let qkv = &case.qkv[from * case.heads.row()..(from + rows) * case.heads.row()];
        let out = attend(set, &pool, qkv, case.heads, &rotation, &mut [(cache, rows)], 0);
        cache.advance(rows);
        out
    };
    let whole = run(&mut cache, 0, 70);
    for kept in [69, 64, 63, 1, 0] {
        cache.truncate(kept);
        assert_eq!(run(&mut cache, kept, 70 - kept), whole[kept * 4 * 8..]);
    }
    assert_eq!(cache.len(), 70);
}

#[test]
fn sequences_do_not_see_each_other() {
    let cases = [case(3, 1, 8, 5, 1), case(3, 1, 8, 17, 2)];
    let (pool, set) = (Pool::new(2), InstructionSet::best());
    let mut caches = [KvCache::new(1, 1, 8), KvCache::new(1, 1, 8)];
    let qkv = [&cases[0].qkv[..], &cases[1].qkv[..]].concat();
    let rotation = Rotation::new((0..5).chain(0..17), &cases[0].frequencies);
    let [first, second] = &mut caches;
    let out = attend(set, &pool, &qkv, cases[0].heads, &rotation, &mut [(first, 5), (second, 17)], 0);
    assert_eq!(out, [cases[0].run(set, &[5]), cases[1].run(set, &[17])].concat());
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    for at in 0..3 {
        let mut case = case(1, 1, 8, 4, 1);
        case.qkv[24 + at * 8 + 1] = f32::NAN;
        let out = case.run(InstructionSet::best(), &[4]);
        assert!(out[8..16].iter().any(|x| x.is_nan()), "{at}");
    }
}
