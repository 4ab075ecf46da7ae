//! Equations in running text.

use super::lexer::{ArithmeticToken, tokens};

/// A number after `=`, and the arithmetic before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Equation {
    /// The number.
    pub stated: f64,
    /// Value of the arithmetic before the sign, if there is any.
    pub computed: Option<f64>,
    decimals: u32,
}

impl Equation {
    /// Whether the arithmetic gives the stated number, up to its rounding. `None` without arithmetic.
    pub(crate) fn holds(&self) -> Option<bool> {
        let half_a_unit = 0.5 * 10f64.powi(-i32::try_from(self.decimals).unwrap_or(i32::MAX));
        let slack = if self.decimals == 0 { 0.0 } else { half_a_unit };
        self.computed.map(|computed| (computed - self.stated).abs() <= slack + 1e-6 * self.stated.abs().max(1e-6))
    }
}

/// The equations of a text, in order. A chain `a = b = c` gives one for each pair of neighbours.
pub(super) fn equations(text: &str) -> Vec<Equation> {
    let tokens = tokens(text);
    tokens.split(|token| *token == ArithmeticToken::Break).flat_map(chain).collect()
}

/// All numbers of a text.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = f64> {
    tokens(text).into_iter().filter_map(|token| match token {
        ArithmeticToken::Number(value, _) => Some(value),
        _ => None,
    })
}

fn chain(run: &[ArithmeticToken]) -> Vec<Equation> {
    let sides: Vec<&[ArithmeticToken]> = run.split(|token| *token == ArithmeticToken::Equals).collect();
    let equation = |pair: &[&[ArithmeticToken]]| {
        let (stated, decimals) = leading(pair[1])?;
        Some(Equation { stated, computed: trailing(pair[0]), decimals })
    };
    sides.windows(2).filter_map(equation).collect()
}

/// The value at the beginning of a side, and its number of decimals: that of a single number, or 4 where the value is computed.
fn leading(side: &[ArithmeticToken]) -> Option<(f64, u32)> {
    let mut parser = ArithmeticParser { rest: side };
    parser.skip_words();
    let start = parser.rest;
    let value = parser.sum(0)?;
    let lone = |token: &&ArithmeticToken| matches!(token, ArithmeticToken::Number(..));
    let decimals = match start {
        [ArithmeticToken::Number(_, decimals), ..]
            if start[..start.len() - parser.rest.len()].iter().filter(lone).count() == 1 =>
        {
            *decimals
        }
        _ => 4,
    };
    Some((value, decimals))
}

/// The value of the longest arithmetic expression at the end of a side, if it has an operator.
fn trailing(side: &[ArithmeticToken]) -> Option<f64> {
    const MAX_TOKENS: usize = 64;
    let first = side.len().saturating_sub(MAX_TOKENS);
    (first..side.len()).find_map(|start| {
        let tail = &side[start..];
        let computes = tail.iter().any(|token| matches!(token, ArithmeticToken::Operator(_)));
        let starts = matches!(tail.first(), Some(ArithmeticToken::Number(..) | ArithmeticToken::Open));
        // The expression must not continue to the left: "of the 3 + 4" may begin at 3, "2x - 3 + 4" may not.
        let is_whole = start == 0 || matches!(side[start - 1], ArithmeticToken::Word | ArithmeticToken::Close);
        if !(computes && starts && is_whole) {
            return None;
        }
        let mut parser = ArithmeticParser { rest: tail };
        let value = parser.sum(0)?;
        parser.skip_words();
        (parser.rest.is_empty() && value.is_finite()).then_some(value)
    })
}

/// A recursive-descent parser of `+ - * / %` and brackets.
struct ArithmeticParser<'t> {
    rest: &'t [ArithmeticToken],
}

/// Deepest nesting of brackets that is parsed.
const MAX_DEPTH: usize = 16;

impl ArithmeticParser<'_> {
    fn take_if(&mut self, wanted: impl Fn(ArithmeticToken) -> bool) -> Option<ArithmeticToken> {
        let (first, rest) = self.rest.split_first()?;
        wanted(*first).then(|| {
            self.rest = rest;
            *first
        })
    }

    /// Skips words, and units such as `/day`.
    fn skip_words(&mut self) {
        loop {
            match self.rest {
                [ArithmeticToken::Word, rest @ ..]
                | [ArithmeticToken::Operator('/'), ArithmeticToken::Word, rest @ ..] => self.rest = rest,
                _ => return,
            }
        }
    }

    fn operator(&mut self, of: &str) -> Option<char> {
        match self.take_if(|token| matches!(token, ArithmeticToken::Operator(sign) if of.contains(sign)))? {
            ArithmeticToken::Operator(sign) => Some(sign),
            _ => None,
        }
    }

    fn sum(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.product(depth)?;
        while let Some(sign) = self.operator("+-") {
            let next = self.product(depth)?;
            value += if sign == '+' { next } else { -next };
        }
        Some(value)
    }

    fn product(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.factor(depth)?;
        while let Some(sign) = self.operator("*/") {
            let next = self.factor(depth)?;
            value = if sign == '*' { value * next } else { value / next };
        }
        Some(value)
    }

    fn factor(&mut self, depth: usize) -> Option<f64> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.operator("-").is_some() {
            return Some(-self.factor(depth + 1)?);
        }
        self.skip_words();
        let mut value =
            match self.take_if(|token| matches!(token, ArithmeticToken::Number(..) | ArithmeticToken::Open))? {
                ArithmeticToken::Number(value, _) => value,
                _ => {
                    let value = self.sum(depth + 1)?;
                    self.skip_words();
                    self.take_if(|token| token == ArithmeticToken::Close)?;
                    value
                }
            };
        if self.take_if(|token| token == ArithmeticToken::Percent).is_some() {
            value /= 100.0;
        }
        self.skip_words();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(f64, Option<bool>)> {
        equations(text).iter().map(|equation| (equation.stated, equation.holds())).collect()
    }

    #[test]
    fn formats_that_models_write() {
        for (text, expected) in [
            (r"Therefore:", vec![]),
            ("\\[ 16 - 3 = 13 \\]", vec![(13.0, Some(true))]),
            (r"\[ 15 + 25 = 41 \text{ cups} \]", vec![(41.0, Some(false))]),
            (r"\( \frac{200 \text{ GB}}{2 \text{ GB/minute}} = 100 \text{ minutes} \)", vec![(100.0, Some(true))]),
            (r"\[ 80{,}000 \]", vec![]),
            (r"costs $80,000 and \[ 80,000 + 50,000 = 130,000 \]", vec![(130_000.0, Some(true))]),
            (r"60\% \text{ of } 5 = 0.60 \times 5 = 3", vec![(3.0, None), (3.0, Some(true))]),
            ("0.2 x 50 = $10.", vec![(10.0, Some(true))]),
            ("50 minutes + 20 minutes = 70 minutes", vec![(70.0, Some(true))]),
            (r"0.5 \text{ hours/day} \times 10 \text{ dogs/day} = 5 \text{ hours/day}", vec![(5.0, Some(true))]),
            (r"\text{Seattle} = 20", vec![(20.0, None)]),
            (r"\text{Total} = 3 \times (2 + 4) = 18", vec![(18.0, None), (18.0, Some(true))]),
            (r"\frac{20}{3} \approx 6.67", vec![(6.67, Some(true))]),
            (r"0.60 \times 0.648 = 0.4016", vec![(0.4016, Some(false))]),
            (r"\frac{2}{3} \times 6 = 4", vec![(4.0, Some(true))]),
            ("80 - 220 = -140", vec![(-140.0, Some(true))]),
            ("5 eggs/day * 2 dollars/egg = 10 dollars/day", vec![(10.0, Some(true))]),
            ("2x - 3 = 7", vec![(7.0, None)]),
            ("5M - 40 = 88", vec![(88.0, None)]),
            (r"\[ 2 L + 11 = 35 \]", vec![(35.0, None)]),
            ("1/0 = 4", vec![(4.0, None)]),
            ("x = y", vec![]),
            (r"16 \text{ min} = \frac{16}{60} \text{ h} = 0.2667", vec![(16.0 / 60.0, None), (0.2667, Some(true))]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r"([0-9.,+*/=()\[\]{}% $x-]|\\frac|\\text|\\times|\\\[|[a-zä\n]){0,80}") {
            let _ = equations(&text);
        }

        #[test]
        fn right_sums_hold_and_others_do_not(a in 0u32..100_000, b in 0u32..100_000, off in 1u32..1000) {
            let holds = |sum: u32| equations(&format!(r"so \[ {a} + {b} = {sum} \]")).pop().unwrap().holds();
            prop_assert_eq!(holds(a + b), Some(true));
            prop_assert_eq!(holds(a + b + off), Some(false));
        }
    }
}
