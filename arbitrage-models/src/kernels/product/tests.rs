use super::*;
use crate::weights::{TensorView, dequantize_row, quantize_row};
use proptest::prelude::*;

/// Weights of `dtype`, packed, and in single precision.
fn weights(dtype: DType, rows: usize, cols: usize, values: &mut impl FnMut() -> f32) -> (PackedMatrix, Vec<f32>) {
    let plain: Vec<f32> = (0..rows * cols).map(|_| values()).collect();
    let mut bytes = vec![0; dtype.tensor_bytes(&[rows, cols]).unwrap()];
    quantize_row(dtype, &plain, &mut bytes).unwrap();
    let mut stored = vec![0.0; rows * cols];
    dequantize_row(dtype, &bytes, &mut stored).unwrap();
    let view = TensorView { name: "w", dtype, shape: &[rows, cols], bytes: &bytes };
    (PackedMatrix::pack("file".as_ref(), &view).unwrap(), stored)
}

fn product(set: InstructionSet, pool: &Pool, matrix: &PackedMatrix, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let input = ProductInput::new(set, pool, x, &[matrix]);
    let mut out = vec![f32::NAN; input.rows * matrix.rows()];
    let products = [Product::new(matrix, bias, &mut out, matrix.rows(), 0)];
    multiply(set, pool, &input, &products);
    out
}

/// A number of about −1 to 1, by a generator that is the same everywhere.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut draw = arbitrage_core::Draw::new(seed);
    move || draw.uniform() as f32 * 2.0 - 1.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn packed_products_are_plain_products(
        dtype in prop::sample::select(DType::ALL.to_vec()),
        rows in 1usize..40,
        blocks in 1usize..5,
        inputs in 1usize..38,
        with_bias in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut noise = noise(seed);
        let cols = blocks * dtype.block_len() + if dtype.block_len() == 1 { 30 } else { 0 };
        let (matrix, plain) = weights(dtype, rows, cols, &mut noise);
        let x: Vec<f32> = (0..inputs * cols).map(|_| noise()).collect();
        let bias: Vec<f32> = (0..rows).map(|_| noise()).collect();
        let pool = Pool::new(2);
        for set in InstructionSet::available() {
            let out = product(set, &pool, &matrix, &x, with_bias.then_some(&bias[..]));
            for (row, (x, out)) in x.chunks(cols).zip(out.chunks(rows)).enumerate() {
                for (column, (w, out)) in plain.chunks(cols).zip(out).enumerate() {
                    let terms = || x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                    let exact = terms().sum::<f64>() + if with_bias { f64::from(bias[column]) } else { 0.0 };
                    // Activations of 8 bits are off by up to 1/254 of their block's greatest, at random.
                    let size = if matrix.is_integer() { 4e-3 } else { 1e-6 };
                    let most = w.iter().fold(0.0f32, |most, w| most.max(w.abs()));
                    let tolerance = size * f64::from(most) * 2.5 * (cols as f64).sqrt() + 1e-6;
                    prop_assert!((f64::from(*out) - exact).abs() <= tolerance,
                        "{dtype} {} row {row} column {column}: {out} and {exact}", set.name());
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_rows_beside_them(
        dtype in prop::sample::select(DType::ALL.to_vec()),
        rows in 1usize..70,
        seed in any::<u64>(),
    ) {
        let mut noise = noise(seed);
        let cols = 256;
        let (matrix, _) = weights(dtype, rows, cols, &mut noise);
        let x: Vec<f32> = (0..128 * cols).map(|_| noise()).collect();
        let pool = Pool::new(2);
        for set in InstructionSet::available() {
            let alone: Vec<u32> = x
                .chunks(cols)
                .flat_map(|x| product(set, &pool, &matrix, x, None))
                .map(f32::to_bits)
                .collect();
            for together in [2, 3, 4, 5, 7, 8, 13, 16, 17, 33, 50, 65, 128] {
                let bits: Vec<u32> = x
                    .chunks(together * cols)
                    .flat_map(|x| product(set, &pool, &matrix, x, None))
                    .map(f32::to_bits)
                    .collect();
                prop_assert!(bits == alone, "{dtype} {}: {together} rows together", set.name());
            }
        }
    }

    #[test]
    fn all_instruction_sets_give_the_same_bits(
        dtype in prop::sample::select(DType::ALL.to_vec()),
        rows in 1usize..70,
        blocks in 1usize..4,
        inputs in 1usize..71,
        with_bias in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut noise = noise(seed);
        // Blocks of 32 columns fill the chunks of columns that tiles take, and do not fill the last.
        let blocks = if dtype.block_len() == 32 { 7 * blocks } else { blocks };
        let cols = blocks * dtype.block_len() + if dtype.block_len() == 1 { 30 } else { 0 };
        let (matrix, _) = weights(dtype, rows, cols, &mut noise);
        let x: Vec<f32> = (0..inputs * cols).map(|_| noise()).collect();
        let bias: Vec<f32> = (0..rows).map(|_| noise()).collect();
        let pool = Pool::new(2);
        let bits = |set| -> Vec<u32> {
            let out = product(set, &pool, &matrix, &x, with_bias.then_some(&bias[..]));
            out.into_iter().map(f32::to_bits).collect()
        };
        let portable = bits(InstructionSet::Portable);
        for set in InstructionSet::available() {
            prop_assert!(bits(set) == portable, "{dtype}: {} and portable", set.name());
        }
    }
}

/// Every number of rows up to more than tiles take at a time, with an odd number of groups of which the last one is not full.
#[test]
fn any_number_of_rows_gives_the_bits_of_single_rows() {
    let pool = Pool::new(2);
    for dtype in DType::ALL.into_iter().filter(|dtype| dtype.block_len() > 1) {
        let mut noise = noise(11);
        let (rows, cols) = (21, if dtype.block_len() == 32 { 288 } else { 512 });
        let (matrix, _) = weights(dtype, rows, cols, &mut noise);
        let x: Vec<f32> = (0..70 * cols).map(|_| noise()).collect();
        let bits = |set, x: &[f32]| -> Vec<u32> {
            product(set, &pool, &matrix, x, None).into_iter().map(f32::to_bits).collect()
        };
        let single: Vec<u32> = x.chunks(cols).flat_map(|x| bits(InstructionSet::Portable, x)).collect();
        for set in InstructionSet::available() {
            for count in 1..=70 {
                assert!(
                    bits(set, &x[..count * cols]) == single[..count * rows],
                    "{dtype} {}: {count} rows",
                    set.name()
                );
            }
        }
    }
}

/// Bytes drawn at random reach every bit pattern of a block, which a quantiser does not.
#[test]
fn every_bit_of_a_block_is_read_where_it_lies() {
    let mut draw = arbitrage_core::Draw::new(3);
    for dtype in DType::ALL.into_iter().filter(|dtype| dtype.block_len() > 1) {
        let (rows, cols) = (11, 512);
        let mut bytes: Vec<u8> =
            (0..dtype.tensor_bytes(&[rows, cols]).unwrap()).map(|_| draw.next_u64() as u8).collect();
        // Scales are set to a finite half, so that nothing overflows.
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            let halves: &[usize] = match dtype {
                DType::Q6K => &[208],
                DType::Q3K => &[108],
                DType::Q2K => &[80, 82],
                DType::Q8_0 | DType::Q4_0 | DType::Q5_0 | DType::Iq4Nl | DType::Iq4Xs => &[0],
                _ => &[0, 2],
            };
            halves.iter().for_each(|&at| block[at + 1] = 0x20 | block[at + 1] & 0x83);
        }
        let mut plain = vec![0.0; rows * cols];
        dequantize_row(dtype, &bytes, &mut plain).unwrap();
        let view = TensorView { name: "w", dtype, shape: &[rows, cols], bytes: &bytes };
        let matrix = PackedMatrix::pack("file".as_ref(), &view).unwrap();
        let pool = Pool::new(1);
        let tolerance = 1e-5 * plain.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        for set in InstructionSet::available() {
            // One activation of 1 is exact in 8 bits: the product is the weight. Alone, and with rows beside it.
            for together in [1, 16] {
                for first in (0..cols).step_by(together) {
                    let mut x = vec![0.0; together * cols];
                    (0..together).for_each(|at| x[at * cols + first + at] = 1.0);
                    for (at, out) in product(set, &pool, &matrix, &x, None).into_iter().enumerate() {
                        let (row, column) = (at % rows, first + at / rows);
                        let weight = plain[row * cols + column];
                        let place = format!("{dtype} {} {row} {column}", set.name());
                        assert!((out - weight).abs() <= tolerance, "{place}: {out} {weight}");
                    }
                }
            }
        }
    }
}

#[test]
fn several_products_share_an_output_and_tails_are_left_alone() {
    let mut noise = noise(9);
    let pool = Pool::new(2);
    let (first, _) = weights(DType::Q4K, 9, 256, &mut noise);
    let (second, _) = weights(DType::F16, 5, 256, &mut noise);
    let x: Vec<f32> = (0..3 * 256).map(|_| noise()).collect();
    let input = ProductInput::new(InstructionSet::best(), &pool, &x, &[&first, &second]);
    let mut out = vec![7.0; 3 * 16];
    let products = [Product::new(&first, None, &mut out, 16, 0), Product::new(&second, None, &mut out, 16, 9)];
    multiply(InstructionSet::best(), &pool, &input, &products);
    let apart = [&first, &second].map(|matrix| product(InstructionSet::best(), &pool, matrix, &x, None));
    for row in 0..3 {
        let expected: Vec<f32> = [&apart[0][row * 9..][..9], &apart[1][row * 5..][..5], &[7.0; 2]].concat();
        assert_eq!(out[row * 16..][..16], expected);
    }
}

/// The middle of `values`.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Alternates between the instruction sets at every product, so that whatever else the machine does hits all alike. Weights come from
/// memory, since all copies of the matrix together are larger than a second-level cache by far.
#[test]
#[ignore = "a measurement: run it by name, with --release and --nocapture, on an idle machine"]
fn measure_products_by_instruction_set() {
    let (rows, cols, copies, rounds) = (8960, 1536, 24, 11);
    let pool = Pool::global();
    let sets: Vec<_> = InstructionSet::available()
        .into_iter()
        .filter(|set| *set != InstructionSet::Portable && !set.is_stand_in())
        .collect();
    println!("{rows} × {cols}, {} threads, medians of {rounds} rounds; GMAC/s, GB/s of weights", pool.threads());
    for dtype in [DType::Q4K, DType::Q6K, DType::Q8_0, DType::Q4_0, DType::Int4, DType::F16] {
        let mut noise = noise(1);
        let plain: Vec<f32> = (0..rows * cols).map(|_| noise()).collect();
        let mut bytes = vec![0; dtype.tensor_bytes(&[rows, cols]).unwrap()];
        quantize_row(dtype, &plain, &mut bytes).unwrap();
        let view = TensorView { name: "w", dtype, shape: &[rows, cols], bytes: &bytes };
        let matrices: Vec<_> = (0..copies).map(|_| PackedMatrix::pack("file".as_ref(), &view).unwrap()).collect();
        let mut next = matrices.iter().cycle();
        for inputs in [1, 2, 4, 8, 16, 32, 512] {
            let mut seconds = vec![Vec::new(); sets.len()];
            for _ in 0..rounds {
                for (set, seconds) in sets.iter().zip(&mut seconds) {
                    let matrix = next.next().unwrap();
                    let start = std::time::Instant::now();
                    std::hint::black_box(product(*set, pool, matrix, &plain[..inputs * cols], None));
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
            let line = sets.iter().zip(seconds).map(|(set, seconds)| {
                let seconds = median(seconds);
                let (products, read) = ((inputs * rows * cols) as f64 / seconds, matrices[0].bytes() as f64 / seconds);
                format!("{} {:.0} {:.1}", set.name(), products / 1e9, read / 1e9)
            });
            println!("{dtype} {inputs:3} rows: {}", line.collect::<Vec<_>>().join(" | "));
        }
    }
}
