//! What can happen in a story, and how it is told.

/// One sentence's meaning. `v` is how many there are before it; `a` and `b` are its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
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
    /// Another has `v+a`.
    More,
    /// Another has `v-a`.
    Fewer,
    /// Another has `v*2`.
    Twice,
    /// Another has `v/2`.
    HalfAsMany,
    /// Asks for `v`.
    Ask,
    /// Asks for `v*a`.
    Price,
    /// Asks for what the other has.
    AskOther,
    /// Asks for what both have: the sum of the last two numbers.
    AskBoth,
}

/// Where in a story an event can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// First, and only there.
    Opening,
    /// Anywhere between.
    Change,
    /// Last before its question.
    Comparison,
    /// The question, except after a comparison.
    Question,
    /// The question after a comparison.
    QuestionOfTwo,
}

impl Event {
    /// Every event.
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

    /// Where it can stand.
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Start => Role::Opening,
            Self::More | Self::Fewer | Self::Twice | Self::HalfAsMany => Role::Comparison,
            Self::Ask | Self::Price => Role::Question,
            Self::AskOther | Self::AskBoth => Role::QuestionOfTwo,
            _ => Role::Change,
        }
    }

    /// The sentences that tell it. Those of one event mean the same; no sentence tells two events.
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
    fn no_sentence_tells_two_events() {
        let mut seen = std::collections::HashSet::new();
        for event in Event::ALL {
            for template in event.templates() {
                // Slots of one sort may hold the same words.
                let shape = template.replace("{b}", "{a}").replace("{other}", "{name}").replace("{she}", "{She}");
                assert!(seen.insert(shape), "{event:?}: {template}");
            }
        }
    }
}
