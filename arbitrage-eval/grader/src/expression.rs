//! Expressions as syntax trees.

use dashu_ratio::RBig;

use super::token::Func;

/// An expression. Trees are at most as deep as [`super::limits::MAX_DEPTH`] allows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(RBig),
    /// A variable or a constant, by name.
    Name(String),
    Sum(Vec<Expr>),
    Product(Vec<Expr>),
    Power(Box<(Expr, Expr)>),
    Call(Func, Vec<Expr>),
    /// Digits, and the base that is written as their subscript.
    Based(String, String),
    Matrix(Vec<Vec<Expr>>),
    /// A sum, limit, integral or unknown function: equal only to itself with equal parts.
    Opaque(String, Vec<Expr>),
    /// An expression with either sign. The flag is set for `∓`, whose sign is opposite to that of `±`.
    Either(bool, Box<Expr>),
}

/// The signs `±` and `∓` of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenSigns {
    pub count: usize,
    /// Whether one of them is `∓`: then all signs are chosen together.
    pub linked: bool,
}

impl Expr {
    pub(crate) fn integer(value: i32) -> Self {
        Self::Number(RBig::from(value))
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Number(value) => Self::Number(-value),
            other => Self::Product(vec![Self::integer(-1), other]),
        }
    }

    pub(crate) fn inverse(self) -> Self {
        self.power(Self::integer(-1))
    }

    pub(crate) fn power(self, exponent: Self) -> Self {
        Self::Power(Box::new((self, exponent)))
    }

    pub(crate) fn over(self, under: Self) -> Self {
        Self::Product(vec![self, under.inverse()])
    }

    /// The direct subexpressions.
    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Name(_) | Self::Based(..) => Vec::new(),
            Self::Sum(parts) | Self::Product(parts) | Self::Call(_, parts) | Self::Opaque(_, parts) => {
                parts.iter().collect()
            }
            Self::Power(both) => vec![&both.0, &both.1],
            Self::Matrix(rows) => rows.iter().flatten().collect(),
            Self::Either(_, inner) => vec![inner],
        }
    }

    /// The signs that are not chosen yet.
    pub(crate) fn open_signs(&self) -> OpenSigns {
        let own = match self {
            Self::Either(opposite, _) => OpenSigns { count: 1, linked: *opposite },
            _ => OpenSigns::default(),
        };
        self.parts().into_iter().fold(own, |signs, part| {
            let more = part.open_signs();
            OpenSigns { count: signs.count + more.count, linked: signs.linked | more.linked }
        })
    }

    /// The expression with its signs chosen: bit `n` of `choice` makes the `n`th sign negative, or bit 0 all of them where they are
    /// linked. `seen` counts the signs before this expression.
    pub(crate) fn with_signs(&self, choice: u32, linked: bool, seen: &mut u32) -> Self {
        let mut all = |parts: &[Self]| parts.iter().map(|part| part.with_signs(choice, linked, seen)).collect();
        match self {
            Self::Number(_) | Self::Name(_) | Self::Based(..) => self.clone(),
            Self::Sum(parts) => Self::Sum(all(parts)),
            Self::Product(parts) => Self::Product(all(parts)),
            Self::Call(func, parts) => Self::Call(*func, all(parts)),
            Self::Opaque(name, parts) => Self::Opaque(name.clone(), all(parts)),
            Self::Power(both) => both.0.with_signs(choice, linked, seen).power(both.1.with_signs(choice, linked, seen)),
            Self::Matrix(rows) => Self::Matrix(rows.iter().map(|row| all(row)).collect()),
            Self::Either(opposite, inner) => {
                let bit = if linked { 0 } else { *seen };
                *seen += 1;
                let inner = inner.with_signs(choice, linked, seen);
                if (choice >> bit & 1 == 1) != *opposite { inner.negated() } else { inner }
            }
        }
    }
}
