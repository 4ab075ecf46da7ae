//! Intel's AMX: tile registers, and products of signed bytes that sum in 32 bits.
//!
//! Written in inline assembly, since the intrinsics are not stable. The compiler itself uses tile registers for nothing but those
//! intrinsics, so what one block of assembly leaves in a tile, the next one finds there.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::{TILES, TileShape, Tiles};

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The tile registers of this thread.
pub(in super::super) struct AmxTiles(());

impl Tiles for AmxTiles {
    #[inline(always)]
    unsafe fn configure(shape: TileShape) -> Self {
        let mut config = TileConfig { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        for tile in 0..TILES {
            let (rows, bytes) = shape.of(tile);
            (config.rows[tile], config.row_bytes[tile]) = (rows as u8, bytes as u16);
        }
        // SAFETY: the caller has a processor with AMX and a shape within its limits. The configuration is read before the block ends.
        unsafe { asm!("ldtilecfg [{config}]", config = in(reg) &config, options(nostack, readonly, preserves_flags)) };
        Self(())
    }

    #[inline(always)]
    unsafe fn zero<const TILE: usize>(&mut self) {
        // SAFETY: the caller has a processor with AMX, and `self` configured the tile.
        unsafe { asm!("tilezero tmm{tile}", tile = const TILE, options(nostack, nomem, preserves_flags)) };
    }

    #[inline(always)]
    unsafe fn load<const TILE: usize>(&mut self, at: *const u8, stride: usize) {
        // SAFETY: the caller has a processor with AMX and all rows of the tile readable at `at`; `self` configured the tile.
        unsafe {
            asm!("tileloadd tmm{tile}, [{at} + {stride}*1]", tile = const TILE, at = in(reg) at, stride = in(reg) stride,
                options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn dot<const SUMS: usize, const ACTIVATIONS: usize, const WEIGHTS: usize>(&mut self) {
        // SAFETY: the caller has a processor with AMX, and `self` configured the three tiles with shapes that fit together.
        unsafe {
            asm!("tdpbssd tmm{sums}, tmm{activations}, tmm{weights}", sums = const SUMS, activations = const ACTIVATIONS,
                weights = const WEIGHTS, options(nostack, nomem, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn store<const TILE: usize>(&mut self, at: *mut u8, stride: usize) {
        // SAFETY: the caller has a processor with AMX and room for all rows of the tile at `at`; `self` configured the tile.
        unsafe {
            asm!("tilestored [{at} + {stride}*1], tmm{tile}", tile = const TILE, at = in(reg) at, stride = in(reg) stride,
                options(nostack, preserves_flags));
        }
    }
}

impl Drop for AmxTiles {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self` exists, so the processor has AMX. Tiles in use would be saved at every switch to another thread.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Whether the processor has AMX with products of bytes, the system saves the tiles, and lets this process use them: it is asked once.
pub(in super::super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| processor_has_amx() && system_saves_tiles() && system_permits_tiles())
}

fn processor_has_amx() -> bool {
    const LEAF: u32 = 7;
    const AMX_TILE: u32 = 1 << 24;
    const AMX_INT8: u32 = 1 << 25;
    // A processor with AVX2 has the leaf, and lets its features be asked for.
    is_x86_feature_detected!("avx2") && __cpuid_count(LEAF, 0).edx & (AMX_TILE | AMX_INT8) == AMX_TILE | AMX_INT8
}

/// Whether the system has turned the tiles' state on. To be called on a processor with AMX.
fn system_saves_tiles() -> bool {
    const TILE_CONFIG: u32 = 1 << 17;
    const TILE_DATA: u32 = 1 << 18;
    let low: u32;
    // SAFETY: the processor has AMX, so it has XGETBV, and AVX2 is only detected where the system has turned it on.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nostack, nomem, preserves_flags));
    }
    low & (TILE_CONFIG | TILE_DATA) == TILE_CONFIG | TILE_DATA
}

/// Asks the kernel to let all threads of this process use tiles, for which it then keeps 8 KB more a thread.
#[cfg(target_os = "linux")]
fn system_permits_tiles() -> bool {
    const ARCH_PRCTL: isize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let outcome: isize;
    // SAFETY: the call takes two numbers, touches no memory of the process, and returns an error where it is not known.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => outcome, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    outcome == 0
}

/// No other system is known to give the permission.
#[cfg(not(target_os = "linux"))]
fn system_permits_tiles() -> bool {
    false
}
