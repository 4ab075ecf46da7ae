//! The tokens of an answer.

use dashu_ratio::RBig;

/// How two sides are related.
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

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tok {
    /// A number and its digits as they stand, without separators.
    Number(RBig, String),
    /// A letter, a Greek letter or a decorated one.
    Name(String),
    /// A word of running text.
    Word(String),
    /// A named function.
    Func(Func),
    /// `(`, `[`, `S` for a set's brace, `{` for a group's, `<`, `F` for a floor's, `C` for a ceiling's.
    Open(char),
    /// The same, closing.
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
    /// `±`, or `∓` where it is true.
    PlusMinus(bool),
    /// One of `+ - * / ^ _ ! ' , ; : . ° % ∪`.
    Op(char),
    Relation(Relation),
    Dots,
    /// Anything else.
    Unknown(String),
}

/// A token and whether white space stands before it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub tok: Tok,
    pub gap: bool,
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.tok == other.tok
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
    pub fn inverse(self) -> Option<Self> {
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

impl Tok {
    /// The token as plain text, for subscripts, normal forms and comparisons of words.
    pub fn spelled(&self) -> String {
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
