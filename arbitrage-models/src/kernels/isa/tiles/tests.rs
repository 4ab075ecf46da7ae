use super::*;
use proptest::prelude::*;

/// Two matrices of signed bytes in the layout of tiles, with rows further apart than they are long.
#[derive(Debug)]
struct Matrices {
    shape: TileShape,
    activations: Vec<u8>,
    weights: Vec<u8>,
}

/// Bytes from one row to the next.
const STRIDE: usize = ROW_BYTES + 3;

fn matrices() -> impl Strategy<Value = Matrices> {
    let shape = (1..=TILE_ROWS, 1..=ROW_BYTES / 4, 1..=ROW_BYTES / 4);
    let shape = shape.prop_map(|(rows, quads, lanes)| TileShape { rows, columns: 4 * quads, lanes });
    let bytes = || prop::collection::vec(prop_oneof![any::<u8>(), Just(0x80), Just(0x7F)], TILE_ROWS * STRIDE);
    (shape, bytes(), bytes()).prop_map(|(shape, activations, weights)| Matrices { shape, activations, weights })
}

/// `times` the product, by definition.
fn plain_product(Matrices { shape, activations, weights }: &Matrices, times: i32) -> Vec<i32> {
    let sum = |row: usize, lane: usize| -> i32 {
        let product = |column: usize| {
            let weight = weights[column / 4 * STRIDE + 4 * lane + column % 4];
            i32::from(activations[row * STRIDE + column].cast_signed()) * i32::from(weight.cast_signed())
        };
        (0..shape.columns).map(product).sum::<i32>() * times
    };
    (0..shape.rows)
        .flat_map(|row| (0..shape.lanes).map(move |lane| (row, lane)))
        .map(|(row, lane)| sum(row, lane))
        .collect()
}

/// The same by tiles, in each of the tiles of sums. What `store` should leave alone is −1.
unsafe fn tile_products<T: Tiles>(Matrices { shape, activations, weights }: &Matrices) -> [Vec<i32>; SUMS] {
    const LANES: usize = ROW_BYTES / 4 + 1;
    let mut out = [[[-1i32; LANES]; TILE_ROWS]; SUMS];
    // SAFETY: the caller has the tiles; all rows of activations, weights and sums lie within their arrays.
    unsafe {
        let mut tiles = T::configure(*shape);
        tiles.load::<ACTIVATIONS>(activations.as_ptr(), STRIDE);
        tiles.load::<WEIGHTS>(weights.as_ptr(), STRIDE);
        tiles.load::<{ ACTIVATIONS + 1 }>(activations.as_ptr(), STRIDE);
        tiles.load::<{ WEIGHTS + 1 }>(weights.as_ptr(), STRIDE);
        tiles.dot::<1, { ACTIVATIONS + 1 }, { WEIGHTS + 1 }>();
        tiles.dot::<1, ACTIVATIONS, WEIGHTS>();
        tiles.dot::<2, ACTIVATIONS, { WEIGHTS + 1 }>();
        tiles.dot::<3, { ACTIVATIONS + 1 }, WEIGHTS>();
        tiles.dot::<0, ACTIVATIONS, WEIGHTS>();
        tiles.zero::<0>();
        tiles.dot::<0, ACTIVATIONS, WEIGHTS>();
        let stride = size_of::<[i32; LANES]>();
        tiles.store::<0>(out[0].as_mut_ptr().cast(), stride);
        tiles.store::<1>(out[1].as_mut_ptr().cast(), stride);
        tiles.store::<2>(out[2].as_mut_ptr().cast(), stride);
        tiles.store::<3>(out[3].as_mut_ptr().cast(), stride);
    }
    out.map(|out| {
        for (row, numbers) in out.iter().enumerate() {
            let written = if row < shape.rows { shape.lanes } else { 0 };
            assert!(numbers[written..].iter().all(|number| *number == -1), "row {row} is written too far");
        }
        out[..shape.rows].iter().flat_map(|numbers| numbers[..shape.lanes].to_vec()).collect()
    })
}

proptest! {
    #[test]
    fn tile_products_are_plain_products(matrices in matrices()) {
        let (once, twice) = (plain_product(&matrices, 1), plain_product(&matrices, 2));
        // SAFETY: every machine has these tiles.
        let portable = unsafe { tile_products::<PortableTiles>(&matrices) };
        prop_assert_eq!(&portable, &[once.clone(), twice, once.clone(), once]);
        #[cfg(target_arch = "x86_64")]
        if amx_is_available() {
            // SAFETY: the processor has AMX, and the system permits its use.
            prop_assert_eq!(unsafe { tile_products::<AmxTiles>(&matrices) }, portable);
        }
    }
}

#[test]
fn shapes_follow_from_the_tile() {
    let shape = TileShape { rows: 5, columns: 16, lanes: 8 };
    let shapes: Vec<_> = (0..TILES).map(|tile| shape.of(tile)).collect();
    assert_eq!(shapes[..SUMS], [(5, 32); SUMS]);
    assert_eq!(shapes[ACTIVATIONS..WEIGHTS], [(5, 16); 2]);
    assert_eq!(shapes[WEIGHTS..], [(4, 32); 2]);
}
