//! The value of a canonical form at one point.

use dashu_ratio::RBig;
use num_complex::Complex64;

use super::super::limits::{Abort, WorkBudget};
use super::super::polynomial::{Atom, Mono, Poly, whole};
use super::super::token::Func;
use super::{SamplePoint, VariableDomain};

/// A value, and the magnitude of the terms that were added up for it, which bounds the rounding error.
#[derive(Clone, Copy)]
pub(super) struct EvaluatedValue {
    pub value: Complex64,
    pub magnitude: f64,
}

/// Evaluates forms at one point. `None` as a result means that there is no finite value.
pub(super) struct PointEvaluation<'w> {
    point: SamplePoint,
    work: &'w mut WorkBudget,
    /// Whether a function with branches was evaluated outside of the interval on which all its conventions agree.
    branched: bool,
}

impl<'w> PointEvaluation<'w> {
    pub(super) fn new(point: SamplePoint, work: &'w mut WorkBudget) -> Self {
        Self { point, work, branched: false }
    }

    /// Whether the values of equal forms may differ at this point: the laws of powers need not hold where a root or logarithm of
    /// a negative number was taken.
    pub(super) fn is_unreliable(&self) -> bool {
        self.point.domain == VariableDomain::Real && self.branched
    }

    pub(super) fn sum(&mut self, poly: &Poly) -> Result<Option<EvaluatedValue>, Abort> {
        let (mut sum, mut magnitude) = (Complex64::ZERO, 0.0);
        for (mono, coefficient) in &poly.0 {
            self.work.spend(1 + mono.0.len())?;
            let Some(term) = self.product(mono)? else { return Ok(None) };
            let coefficient = coefficient.to_f64().value();
            sum += term.value * coefficient;
            magnitude += term.magnitude * coefficient.abs();
        }
        Ok((sum.is_finite() && magnitude.is_finite()).then_some(EvaluatedValue { value: sum, magnitude }))
    }

    fn product(&mut self, mono: &Mono) -> Result<Option<EvaluatedValue>, Abort> {
        let (mut value, mut magnitude) = (Complex64::ONE, 1.0);
        for (atom, exponent) in &mono.0 {
            let Some(factor) = self.atom_power(atom, exponent)? else { return Ok(None) };
            value *= factor.value;
            magnitude *= factor.magnitude;
        }
        Ok(Some(EvaluatedValue { value, magnitude }))
    }

    fn atom_power(&mut self, atom: &Atom, exponent: &RBig) -> Result<Option<EvaluatedValue>, Abort> {
        let (base, magnitude) = match atom {
            Atom::Root(base) => (base.to_f64().value().into(), 0.0),
            Atom::Name(name) => (self.name(name), 0.0),
            Atom::Call(func, parts) => match self.call(*func, parts)? {
                Some(value) => (value, 1.0),
                None => return Ok(None),
            },
            Atom::Sum(inner) => match self.sum(inner)? {
                Some(found) => (found.value, found.magnitude),
                None => return Ok(None),
            },
            Atom::Exp(base, mono) => {
                let Some(mono) = self.product(mono)? else { return Ok(None) };
                let Some(base) = self.atom_power(base, &RBig::ONE)? else { return Ok(None) };
                let value = self.power(base.value, mono.value * exponent.to_f64().value());
                return Ok(value.map(|value| EvaluatedValue { value, magnitude: value.norm() }));
            }
            Atom::Opaque(..) => (self.seeded(&format!("{atom:?}")).into(), 0.0),
        };
        let value = match whole(exponent).map(i32::try_from) {
            Some(Ok(exponent)) => Some(base.powi(exponent)).filter(|value| value.is_finite()),
            _ => self.power(base, exponent.to_f64().value().into()),
        };
        let magnitude = if *exponent > RBig::ZERO { magnitude.powf(exponent.to_f64().value()) } else { 0.0 };
        Ok(value.map(|value| EvaluatedValue { value, magnitude: value.norm().max(magnitude) }))
    }

    fn power(&mut self, base: Complex64, exponent: Complex64) -> Option<Complex64> {
        let positive = base.im == 0.0 && base.re > 0.0;
        self.branched |= !positive;
        let value = if base == Complex64::ZERO {
            if exponent.re > 0.0 { Complex64::ZERO } else { return None }
        } else if positive && exponent.im == 0.0 {
            base.re.powf(exponent.re).into()
        } else {
            base.powc(exponent)
        };
        value.is_finite().then_some(value)
    }

    fn name(&self, name: &str) -> Complex64 {
        constant(name).unwrap_or_else(|| self.seeded(name).into())
    }

    /// The value of a variable at this point. It depends on the name and the point alone.
    fn seeded(&self, name: &str) -> f64 {
        let hash = fnv1a(name.bytes().chain(self.point.index.to_le_bytes()));
        // The high bits of FNV-1a hardly differ between short texts.
        let mixed = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let unit = (mixed >> 11) as f64 / (1u64 << 53) as f64;
        match self.point.domain {
            VariableDomain::Positive => 0.2 + 2.8 * unit,
            VariableDomain::Real => 6.0 * unit - 3.0,
            VariableDomain::Integer => (1.0 + 12.0 * unit).floor(),
        }
    }

    fn call(&mut self, func: Func, parts: &[Poly]) -> Result<Option<Complex64>, Abort> {
        let mut arguments = Vec::new();
        for part in parts {
            let Some(argument) = self.sum(part)? else { return Ok(None) };
            arguments.push(argument.value);
        }
        let Some(&z) = arguments.first() else { return Ok(None) };
        let real = is_real(z);
        self.branched |= match func {
            Func::Ln => !(real && z.re > 0.0),
            Func::Arcsin | Func::Arccos | Func::Artanh => !(real && z.re.abs() <= 1.0),
            Func::Arcosh => !(real && z.re >= 1.0),
            _ => false,
        };
        let value = match func {
            Func::Floor | Func::Ceil | Func::Factorial | Func::Binomial => step_function(func, &arguments),
            _ => Some(smooth_function(func, z)),
        };
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// The value of a named constant.
pub(super) fn constant(name: &str) -> Option<Complex64> {
    match name {
        "pi" => Some(std::f64::consts::PI.into()),
        "e" => Some(std::f64::consts::E.into()),
        "i" => Some(Complex64::i()),
        _ => None,
    }
}

fn is_real(z: Complex64) -> bool {
    z.im.abs() <= 1e-12 * z.norm().max(1.0)
}

/// A function of one complex number.
fn smooth_function(func: Func, z: Complex64) -> Complex64 {
    match func {
        Func::Sin => z.sin(),
        Func::Cos => z.cos(),
        Func::Tan => z.tan(),
        Func::Cot => z.tan().inv(),
        Func::Sec => z.cos().inv(),
        Func::Csc => z.sin().inv(),
        Func::Arcsin => z.asin(),
        Func::Arccos => z.acos(),
        Func::Arctan => z.atan(),
        Func::Arccot => z.inv().atan(),
        Func::Sinh => z.sinh(),
        Func::Cosh => z.cosh(),
        Func::Tanh => z.tanh(),
        Func::Arsinh => z.asinh(),
        Func::Arcosh => z.acosh(),
        Func::Artanh => z.atanh(),
        Func::Exp => z.exp(),
        Func::Ln | Func::Log => z.ln(),
        Func::Lg => z.ln() / std::f64::consts::LN_10,
        Func::Abs => z.norm().into(),
        Func::Re => z.re.into(),
        Func::Im => z.im.into(),
        Func::Floor | Func::Ceil | Func::Factorial | Func::Binomial => Complex64::new(f64::NAN, f64::NAN),
    }
}

/// A function that is defined for real or whole numbers only.
fn step_function(func: Func, arguments: &[Complex64]) -> Option<Complex64> {
    let z = arguments.first().copied().filter(|z| is_real(*z))?;
    match func {
        // The shift keeps rounding errors from deciding on which side of a step a value lies.
        Func::Floor => Some((z.re + 1e-9).floor().into()),
        Func::Ceil => Some((z.re - 1e-9).ceil().into()),
        Func::Factorial => factorial(z.re).map(Complex64::from),
        Func::Binomial => {
            let [over, under] = arguments else { return None };
            let (over, under) = (over.re, under.re);
            Some((factorial(over)? / factorial(under)? / factorial(over - under)?).into())
        }
        _ => None,
    }
}

/// The factorial of a whole number. `None` for other numbers and where the factorial is too large.
fn factorial(of: f64) -> Option<f64> {
    let rounded = of.round();
    let fits = (of - rounded).abs() < 1e-9 && (0.0..=170.0).contains(&rounded);
    fits.then(|| (2..=rounded as u32).map(f64::from).product())
}

/// The 64-bit FNV-1a hash, which is the same on every machine.
fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
