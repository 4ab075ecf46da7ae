//! What lies under a path, and damage to its bytes.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::random::Random;

/// What lies under a path in place of a model's file, or is one.
#[derive(Clone)]
pub(crate) enum Entry {
    Bytes(Vec<u8>),
    /// A named pipe that nobody writes to: reading it never ends.
    Pipe,
    /// A symbolic link, to a path relative to its own folder.
    Link(&'static str),
    /// A symbolic link to itself.
    Loop,
    Folder,
    /// A file of that many zeros which takes no space on the disk.
    Sparse(u64),
}

impl Entry {
    pub(crate) fn write(&self, path: &Path) {
        match self {
            Self::Bytes(bytes) => std::fs::write(path, bytes).unwrap(),
            Self::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            Self::Link(target) => symlink(target, path).unwrap(),
            Self::Loop => symlink(path, path).unwrap(),
            Self::Folder => std::fs::create_dir(path).unwrap(),
            Self::Sparse(length) => std::fs::File::create(path).unwrap().set_len(*length).unwrap(),
        }
    }
}

/// Something that is not the file that it is taken for.
pub(crate) fn stray(random: &mut Random) -> Entry {
    match random.below(16) {
        0 => Entry::Pipe,
        1 => Entry::Folder,
        2 => Entry::Sparse(3 << 30),
        3 => Entry::Sparse(1 << 40),
        4 => Entry::Sparse(100_000),
        5 => Entry::Link("/dev/zero"),
        6 => Entry::Link("/dev/null"),
        7 => Entry::Link("no such file"),
        8 => Entry::Link("."),
        9 => Entry::Pipe,
        10 => Entry::Loop,
        _ => Entry::Bytes(random.pick(&STRAY_TEXTS).to_vec()),
    }
}

/// The starts of files that people take for models.
const STRAY_TEXTS: [&[u8]; 8] = [
    b"",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n",
    b"<!DOCTYPE html><html><body>Not found</body></html>",
    b"PK\x03\x04\x14\x00\x00\x00\x08\x00archive/data.pkl",
    b"tjgg\x03\x00\x00\x00",
    b"GGUF",
    b"\xef\xbb\xbf{}",
    b"{\"error\": \"Unauthorized\"}",
];

/// Flips, overwrites, inserts, removes and cuts bytes, mostly among the first `header` ones.
pub(crate) fn damage(bytes: &mut Vec<u8>, header: usize, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let end = if random.chance(85) { header.min(bytes.len()) } else { bytes.len() };
        let at = random.below(end);
        if at >= bytes.len() {
            return;
        }
        match random.below(12) {
            0..=3 => bytes[at] ^= 1 << random.below(8),
            4 | 5 => bytes[at] = random.number() as u8,
            6 => bytes[at] = random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            7 => bytes.insert(at, random.number() as u8),
            8 => drop(bytes.remove(at)),
            9 => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            10 => bytes.extend(vec![0; random.below(5000)]),
            _ => bytes.truncate(at),
        }
    }
}
