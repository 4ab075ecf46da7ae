//! The tokens of an answer.

use dashu_ratio::RBig;

/// A relation between two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    Equal,
    About,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Other,
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MathToken {
    /// A number, and its digits as they are written, without separators.
    Number(RBig, String),
    /// A letter, a Greek letter or a decorated one.
    Name(String),
    /// A word of running text.
    Word(String),
    /// A named function.
    Func(Func),
    /// An opening bracket: `(`, `[`, `<`, `S` for the brace of a set, `{` for that of a group, `F` for a floor, `C` for a ceiling.
    Open(char),
    /// The closing bracket, by the same character as the opening one.
    Close(char),
    /// `|`.
    Bar,
    Frac,
    Root,
    Binomial,
    /// A bar, hat or arrow over what follows.
    Accent(&'static str),
    /// A sum, product, integral or limit.
    Big(&'static str),
    /// The beginning of a matrix.
    Begin,
    End,
    /// `&`.
    Column,
    /// `\\`.
    Row,
    /// `±`, or `∓` where the flag is set.
    PlusMinus(bool),
    /// One of `+ - * / ^ _ ! ' , ; : . ° % ∪`.
    Op(char),
    Relation(Relation),
    Dots,
    /// Anything else.
    Unknown(String),
}

/// A token, and whether white space precedes it. Comparisons ignore the space.
#[derive(Clone, Debug)]
pub(super) struct SpacedToken {
    pub token: MathToken,
    pub after_space: bool,
}

impl PartialEq for SpacedToken {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token
    }
}

/// A function of one argument, or of a base and an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Func {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Arccot,
    Sinh,
    Cosh,
    Tanh,
    Arsinh,
    Arcosh,
    Artanh,
    Exp,
    Ln,
    Log,
    Lg,
    Abs,
    Floor,
    Ceil,
    Factorial,
    Binomial,
    Re,
    Im,
}

impl Func {
    /// The inverse function, as in `\sin^{-1}`.
    pub(crate) fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Sin => Self::Arcsin,
            Self::Cos => Self::Arccos,
            Self::Tan => Self::Arctan,
            Self::Cot => Self::Arccot,
            Self::Sinh => Self::Arsinh,
            Self::Cosh => Self::Arcosh,
            Self::Tanh => Self::Artanh,
            _ => return None,
        })
    }
}

impl MathToken {
    /// The token as plain text, for subscripts, normal forms and comparisons of words.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Number(_, text) | Self::Name(text) | Self::Word(text) | Self::Unknown(text) => text.clone(),
            Self::Func(func) => format!("{func:?}").to_lowercase(),
            Self::Open('{') | Self::Close('{') => String::new(),
            Self::Open('S') => "{".to_owned(),
            Self::Close('S') => "}".to_owned(),
            Self::Close('(') => ")".to_owned(),
            Self::Close('[') => "]".to_owned(),
            Self::Open(kind) | Self::Op(kind) => kind.to_string(),
            Self::Close(kind) => kind.to_lowercase().to_string(),
            Self::Accent(name) | Self::Big(name) => (*name).to_owned(),
            Self::PlusMinus(false) => "±".to_owned(),
            Self::Relation(Relation::Equal) => "=".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}
