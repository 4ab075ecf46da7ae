//! What the machine can do, whichever engine uses it.

use std::hint::black_box;
use std::num::NonZero;
use std::time::Instant;

/// Threads that an engine may use: those that ours takes, which reads `ARBITRAGE_THREADS` too.
pub fn threads() -> usize {
    let asked = std::env::var("ARBITRAGE_THREADS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)).clamp(1, 256)
}

/// The processor's name, and which instructions it has of those that the kernels may use.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").unwrap_or_default().split(' ').collect();
    let used = ["avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"];
    let found: Vec<&str> = used.into_iter().filter(|flag| flags.contains(flag)).collect();
    format!("{} ({})", field("model name").unwrap_or("unknown"), found.join(", "))
}

/// The load averages of the last 1, 5 and 15 minutes, where the system tells them in `/proc/loadavg`.
pub fn load_average() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Bytes that a process can still take without others having to give any back, where the system tells them in `/proc/meminfo`.
pub fn available_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Memory to read, too large for any cache.
#[derive(Debug)]
pub struct Bandwidth(Vec<u64>);

impl Default for Bandwidth {
    fn default() -> Self {
        Self::of(1 << 30)
    }
}

impl Bandwidth {
    /// Memory of so many bytes, which should be several times what caches hold.
    pub fn of(bytes: usize) -> Self {
        Self(vec![1; bytes.div_ceil(size_of::<u64>())])
    }

    /// The most bytes a second that `threads` read together. How many streams a thread should read at once for that
    /// differs from machine to machine, so a few numbers are tried.
    pub fn measure(&self, threads: usize) -> f64 {
        [read::<1>, read::<2>, read::<4>].map(|read| self.pass(threads, read)).into_iter().fold(0.0, f64::max)
    }

    fn pass(&self, threads: usize, read: fn(&[u64])) -> f64 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in self.0.chunks(self.0.len().div_ceil(threads)) {
                scope.spawn(move || read(part));
            }
        });
        size_of_val(self.0.as_slice()) as f64 / start.elapsed().as_secs_f64()
    }
}

/// Reads `part` in `STREAMS` places at once.
fn read<const STREAMS: usize>(part: &[u64]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide<const STREAMS: usize>(part: &[u64]) {
            fold::<STREAMS>(part);
        }
        // SAFETY: the processor has AVX2.
        return unsafe { wide::<STREAMS>(part) };
    }
    fold::<STREAMS>(part);
}

/// Inlined, so that it is compiled for its caller's instructions.
#[inline(always)]
fn fold<const STREAMS: usize>(part: &[u64]) {
    let lines = part.as_chunks::<16>().0;
    let length = lines.len() / STREAMS;
    let streams: [&[[u64; 16]]; STREAMS] = std::array::from_fn(|stream| &lines[stream * length..][..length]);
    let mut lanes = [[0; 16]; STREAMS];
    for at in 0..length {
        for (lanes, stream) in lanes.iter_mut().zip(streams) {
            for (lane, value) in lanes.iter_mut().zip(stream[at]) {
                *lane ^= value;
            }
        }
    }
    black_box(lanes);
}
