//! The names of the parts of a split GGUF file, as llama.cpp's `llama-gguf-split` gives them: `STEM-00001-of-00003.gguf` and so on.

const ENDING: &str = ".gguf";

/// The name of a part, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SplitName<'a> {
    /// What comes before the numbers, with the folder if the name has one.
    pub stem: &'a str,
    /// Which part it is, from 1 on.
    pub number: u32,
    /// How many parts there are; a file may be the only one.
    pub count: u32,
    /// The ending as the file spells it, which all parts share.
    ending: &'a str,
}

impl<'a> SplitName<'a> {
    /// Reads the name of a file, with its folder or without; `None` where it is not that of a part, or of a part beyond the last.
    pub(crate) fn read(name: &'a str) -> Option<Self> {
        let (rest, ending) = without_ending(name)?;
        let (rest, count) = rest.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let (number, count) = (five_digits(number)?, five_digits(count)?);
        (1..=count).contains(&number).then_some(Self { stem, number, count, ending })
    }

    /// The name of part `number`, from 1 on, of the same file.
    pub(crate) fn part(self, number: u32) -> String {
        format!("{}-{number:05}-of-{:05}{}", self.stem, self.count, self.ending)
    }

    /// Whether the file is one of several, which only together are a model.
    pub(crate) fn is_one_of_several(self) -> bool {
        self.count > 1
    }
}

/// What the name of part `number`, from 1 on, of `count` ends in.
pub(super) fn end(number: u32, count: u32) -> String {
    SplitName { stem: "", number, count, ending: ENDING }.part(number)
}

/// The name of the first part of the file that `name` is a part of; `name` itself where it is no part.
pub(crate) fn first_part(name: &str) -> String {
    SplitName::read(name).map_or_else(|| name.to_owned(), |split| split.part(1))
}

/// The names of all parts of the file that `name` is a part of, in order; `name` alone where it is no part.
pub(crate) fn all_parts(name: &str) -> impl Iterator<Item = String> {
    let split = SplitName::read(name);
    (1..=split.map_or(1, |split| split.count))
        .map(move |number| split.map_or_else(|| name.to_owned(), |split| split.part(number)))
}

/// The name of a GGUF file without its ending, and the ending as it is spelt; `None` where the name has another.
pub(crate) fn without_ending(name: &str) -> Option<(&str, &str)> {
    let (stem, ending) = name.split_at_checked(name.len().checked_sub(ENDING.len())?)?;
    ending.eq_ignore_ascii_case(ENDING).then_some((stem, ending))
}

fn five_digits(text: &str) -> Option<u32> {
    let is_number = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_are_taken_apart_and_put_together() {
        let split = SplitName::read("q/a-of-b-00002-of-00003.GGUF").unwrap();
        assert_eq!((split.stem, split.number, split.count), ("q/a-of-b", 2, 3));
        assert_eq!(split.part(2), "q/a-of-b-00002-of-00003.GGUF");
        assert_eq!(first_part("q/a-of-b-00002-of-00003.GGUF"), "q/a-of-b-00001-of-00003.GGUF");
        assert_eq!(
            all_parts("m-00002-of-00002.gguf").collect::<Vec<_>>(),
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
        );
        assert_eq!(end(12, 345), "-00012-of-00345.gguf");
        assert!(split.is_one_of_several() && !SplitName::read("m-00001-of-00001.gguf").unwrap().is_one_of_several());
    }

    #[test]
    fn other_names_are_those_of_whole_files() {
        for name in [
            "m.gguf",
            "m-1-of-2.gguf",
            "m-00001-of-00002.bin",
            "m-00001-of-00002",
            "m-00000-of-00002.gguf",
            "m-00003-of-00002.gguf",
            "m-00000-of-00000.gguf",
            "m-+0001-of-00002.gguf",
            "m-000001-of-00002.gguf",
            "00001-of-00002.gguf",
            "é.gguf",
            "gguf",
            "",
        ] {
            assert_eq!(SplitName::read(name), None, "{name}");
            assert_eq!(first_part(name), name);
            assert_eq!(all_parts(name).collect::<Vec<_>>(), [name]);
        }
    }
}
