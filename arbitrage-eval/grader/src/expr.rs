//! Expressions as trees.

use dashu_ratio::RBig;

use super::token::Func;

/// An expression. Trees are at most as deep as [`super::limits::DEEPEST`] allows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(RBig),
    /// A variable or a constant, by name.
    Name(String),
    Sum(Vec<Expr>),
    Product(Vec<Expr>),
    Power(Box<(Expr, Expr)>),
    Call(Func, Vec<Expr>),
    /// Digits in a base that is written behind them.
    Based(String, String),
    Matrix(Vec<Vec<Expr>>),
    /// A sum, a limit or the like, which nothing is known of but its parts.
    Opaque(String, Vec<Expr>),
    /// Either sign of an expression; the other one where the flag is set.
    Either(bool, Box<Expr>),
}

impl Expr {
    pub fn integer(value: i32) -> Self {
        Self::Number(RBig::from(value))
    }

    pub fn negated(self) -> Self {
        match self {
            Self::Number(value) => Self::Number(-value),
            other => Self::Product(vec![Self::integer(-1), other]),
        }
    }

    pub fn inverse(self) -> Self {
        self.power(Self::integer(-1))
    }

    pub fn power(self, exponent: Self) -> Self {
        Self::Power(Box::new((self, exponent)))
    }

    pub fn over(self, under: Self) -> Self {
        Self::Product(vec![self, under.inverse()])
    }

    /// What the expression is made of.
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

    /// How many signs are left open, and whether one is the other way round.
    pub fn signs(&self) -> (usize, bool) {
        let own = if let Self::Either(other, _) = self { (1, *other) } else { (0, false) };
        self.parts().into_iter().fold(own, |(count, other), part| {
            let (more, either) = part.signs();
            (count + more, other | either)
        })
    }

    /// The expression with its open signs chosen: bit `n` of `choice` is whether the `n`th is negative, or bit 0 that of all.
    pub fn chosen(&self, choice: u32, linked: bool, seen: &mut u32) -> Self {
        let mut all = |parts: &[Self]| parts.iter().map(|part| part.chosen(choice, linked, seen)).collect();
        match self {
            Self::Number(_) | Self::Name(_) | Self::Based(..) => self.clone(),
            Self::Sum(parts) => Self::Sum(all(parts)),
            Self::Product(parts) => Self::Product(all(parts)),
            Self::Call(func, parts) => Self::Call(*func, all(parts)),
            Self::Opaque(name, parts) => Self::Opaque(name.clone(), all(parts)),
            Self::Power(both) => both.0.chosen(choice, linked, seen).power(both.1.chosen(choice, linked, seen)),
            Self::Matrix(rows) => Self::Matrix(rows.iter().map(|row| all(row)).collect()),
            Self::Either(other, inner) => {
                let bit = if linked { 0 } else { *seen };
                *seen += 1;
                let inner = inner.chosen(choice, linked, seen);
                if (choice >> bit & 1 == 1) != *other { inner.negated() } else { inner }
            }
        }
    }
}
