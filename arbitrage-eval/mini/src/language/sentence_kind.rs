//! The kinds of sentences, and the templates of their text.

/// The meaning of a sentence. `v` is the running total before it, and `a` and `b` are its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentenceKind {
    /// There are `a`.
    Start,
    /// `v+a`.
    Gain,
    /// `v-a`.
    Lose,
    /// `v*2`.
    Double,
    /// `v/2`.
    Half,
    /// `v*a`.
    Times,
    /// `v+a+b`.
    Sum,
    /// `v/a`.
    Share,
    /// `v mod a`.
    Rest,
    /// `a*b`, then `v+` that.
    PacksIn,
    /// `a*b`, then `v-` that.
    PacksOut,
    /// `a%*b`, then `v+` that.
    PercentIn,
    /// `a%*b`, then `v-` that.
    PercentOut,
    /// A second person has `v+a`.
    More,
    /// A second person has `v-a`.
    Fewer,
    /// A second person has `v*2`.
    Twice,
    /// A second person has `v/2`.
    HalfAsMany,
    /// Asks for `v`.
    Ask,
    /// Asks for `v*a`.
    Price,
    /// Asks for the number of the second person.
    AskOther,
    /// Asks for the number of both: the sum of the last two running totals.
    AskBoth,
}

/// The position in a story that a sentence may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentencePosition {
    /// The first sentence, and no other.
    Opening,
    /// Any sentence between the first and the last.
    Change,
    /// The last sentence before the question.
    Comparison,
    /// The question, unless a comparison precedes it.
    Question,
    /// The question after a comparison.
    QuestionOfTwo,
}

impl SentenceKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 21] = [
        Self::Start,
        Self::Gain,
        Self::Lose,
        Self::Double,
        Self::Half,
        Self::Times,
        Self::Sum,
        Self::Share,
        Self::Rest,
        Self::PacksIn,
        Self::PacksOut,
        Self::PercentIn,
        Self::PercentOut,
        Self::More,
        Self::Fewer,
        Self::Twice,
        Self::HalfAsMany,
        Self::Ask,
        Self::Price,
        Self::AskOther,
        Self::AskBoth,
    ];

    /// The position in a story.
    pub(crate) fn position(self) -> SentencePosition {
        match self {
            Self::Start => SentencePosition::Opening,
            Self::More | Self::Fewer | Self::Twice | Self::HalfAsMany => SentencePosition::Comparison,
            Self::Ask | Self::Price => SentencePosition::Question,
            Self::AskOther | Self::AskBoth => SentencePosition::QuestionOfTwo,
            _ => SentencePosition::Change,
        }
    }

    /// The texts of the sentence. All of them mean the same, and no text belongs to two kinds.
    pub(crate) fn templates(self) -> &'static [&'static str] {
        match self {
            Self::Start => &["{name} has {a} {things}.", "{name} starts with {a} {things}."],
            Self::Gain => &["{She} buys {a} more.", "{She} finds {a}.", "{She} gets {a} from {other}."],
            Self::Lose => &["{She} sells {a}.", "{She} loses {a}.", "{She} gives {a} to {other}."],
            Self::Double => &["{She} doubles them.", "{She} gets as many again."],
            Self::Half => &["{She} gives half to {other}.", "{She} sells half.", "{She} loses half."],
            Self::Times => &["{She} makes {a} times as many.", "{She} needs {a} times as many."],
            Self::Sum => &["{She} buys {a} and finds {b}.", "{She} gets {a} and then {b}."],
            Self::Share => &["{She} keeps one of {a} equal parts.", "{She} splits them by {a} and keeps a part."],
            Self::Rest => {
                &["{She} fills bags of {a} and keeps the rest.", "{She} packs bags of {a} and keeps the rest."]
            }
            Self::PacksIn => &["{She} buys {a} packs of {b}.", "{She} finds {a} bags of {b}."],
            Self::PacksOut => &["{She} sells {a} packs of {b}.", "{She} loses {a} bags of {b}."],
            Self::PercentIn => &["{She} wins {a}% of {b}.", "{She} gets {a}% of {b}."],
            Self::PercentOut => &["{She} pays {a}% of {b}.", "{She} gives away {a}% of {b}."],
            Self::More => &["{other} has {a} more."],
            Self::Fewer => &["{other} has {a} fewer."],
            Self::Twice => &["{other} has twice as many."],
            Self::HalfAsMany => &["{other} has half as many."],
            Self::Ask => &["How many has {she} now?", "How many are left?"],
            Self::Price => &["What do they cost at {a} each?"],
            Self::AskOther => &["How many has {other}?"],
            Self::AskBoth => &["How many have both?"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_belongs_to_two_kinds() {
        let mut seen = std::collections::HashSet::new();
        for kind in SentenceKind::ALL {
            for template in kind.templates() {
                // Slots of one type may have the same words.
                let shape = template.replace("{b}", "{a}").replace("{other}", "{name}").replace("{she}", "{She}");
                assert!(seen.insert(shape), "{kind:?}: {template}");
            }
        }
    }
}
