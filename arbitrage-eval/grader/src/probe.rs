//! Values of canonical forms at seeded points: what two different forms of one function have in common.

use std::collections::BTreeSet;

use dashu_ratio::RBig;
use num_complex::Complex64;

use super::limits::{Stop, Work};
use super::poly::{Atom, Mono, Poly, whole};
use super::token::Func;
use crate::seed::fnv;

/// Points of each kind.
const POINTS: u64 = 5;
/// Fewest points at which a value must exist for a verdict.
const FEWEST: usize = 2;
/// Greatest difference of equal constants, in units of their terms.
const CONSTANT: f64 = 1e-11;
/// The same of functions, whose values lose more digits.
const FUNCTION: f64 = 1e-9;

/// Where variables are.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Positive,
    Mixed,
    Whole,
}

/// Whether `difference` vanishes everywhere.
pub(super) fn vanishes(difference: &Poly, work: &mut Work) -> Result<bool, Stop> {
    let names = names(difference);
    if names.is_empty() {
        let (value, size) =
            Evaluation::at(Place::Positive, 0, work).sum(difference)?.ok_or(Stop::TooMuch("a value"))?;
        return Ok(value.norm() <= CONSTANT * size);
    }
    let mut seen = 0;
    for (place, point) in places(difference) {
        let mut evaluation = Evaluation::at(place, point, work);
        let Some((value, size)) = evaluation.sum(difference)? else { continue };
        // Where a root or logarithm of something negative was taken, laws of powers need not hold.
        if place == Place::Mixed && evaluation.branched {
            continue;
        }
        if value.norm() > FUNCTION * size {
            return Ok(false);
        }
        seen += 1;
    }
    if seen < FEWEST { Err(Stop::TooMuch("a value")) } else { Ok(true) }
}

/// The factor between two functions where it is one real number.
pub(super) fn factor(one: &Poly, other: &Poly, work: &mut Work) -> Result<Option<f64>, Stop> {
    let (mut found, mut seen): (Option<Complex64>, usize) = (None, 0);
    for (place, point) in places(one) {
        let mut evaluation = Evaluation::at(place, point, work);
        let (Some((one, _)), Some((other, _))) = (evaluation.sum(one)?, evaluation.sum(other)?) else { continue };
        let ratio = one / other;
        if (place == Place::Mixed && evaluation.branched) || !ratio.is_finite() {
            continue;
        }
        let first = *found.get_or_insert(ratio);
        if (ratio - first).norm() > FUNCTION * first.norm() || first.norm() == 0.0 {
            return Ok(None);
        }
        seen += 1;
    }
    Ok(found.filter(|factor| seen >= FEWEST && factor.im.abs() <= FUNCTION * factor.norm()).map(|factor| factor.re))
}

fn places(poly: &Poly) -> impl Iterator<Item = (Place, u64)> {
    let kinds: &[Place] =
        if has_steps(poly) { &[Place::Whole, Place::Whole] } else { &[Place::Positive, Place::Mixed] };
    kinds
        .iter()
        .enumerate()
        .flat_map(|(kind, place)| (0..POINTS).map(move |point| (*place, kind as u64 * POINTS + point)))
}

/// The variables.
fn names(poly: &Poly) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    visit(poly, &mut |atom| {
        if let Atom::Name(name) = atom
            && constant(name).is_none()
        {
            found.insert(name.as_str());
        }
    });
    found
}

/// Whether it holds functions that make sense of whole numbers first of all.
fn has_steps(poly: &Poly) -> bool {
    let mut found = false;
    visit(poly, &mut |atom| {
        found |= matches!(atom, Atom::Call(Func::Floor | Func::Ceil | Func::Factorial | Func::Binomial, _));
    });
    found
}

fn visit<'p>(poly: &'p Poly, see: &mut impl FnMut(&'p Atom)) {
    poly.0.keys().for_each(|mono| visit_mono(mono, see));
}

fn visit_mono<'p>(mono: &'p Mono, see: &mut impl FnMut(&'p Atom)) {
    for atom in mono.0.keys() {
        visit_atom(atom, see);
    }
}

fn visit_atom<'p>(atom: &'p Atom, see: &mut impl FnMut(&'p Atom)) {
    see(atom);
    match atom {
        Atom::Root(_) | Atom::Name(_) => {}
        Atom::Call(_, parts) | Atom::Opaque(_, parts) => parts.iter().for_each(|part| visit(part, see)),
        Atom::Sum(inner) => visit(inner, see),
        Atom::Exp(base, mono) => {
            visit_atom(base, see);
            visit_mono(mono, see);
        }
    }
}

fn constant(name: &str) -> Option<Complex64> {
    match name {
        "pi" => Some(std::f64::consts::PI.into()),
        "e" => Some(std::f64::consts::E.into()),
        "i" => Some(Complex64::i()),
        _ => None,
    }
}

/// A value and the size of what was added up for it.
type Measured = Option<(Complex64, f64)>;

struct Evaluation<'w> {
    place: Place,
    point: u64,
    work: &'w mut Work,
    /// Whether a function with branches was taken of anything but a positive number.
    branched: bool,
}

impl<'w> Evaluation<'w> {
    fn at(place: Place, point: u64, work: &'w mut Work) -> Self {
        Self { place, point, work, branched: false }
    }

    fn sum(&mut self, poly: &Poly) -> Result<Measured, Stop> {
        let (mut sum, mut size) = (Complex64::ZERO, 0.0);
        for (mono, by) in &poly.0 {
            self.work.spend(1 + mono.0.len())?;
            let Some((value, own)) = self.product(mono)? else { return Ok(None) };
            let by = by.to_f64().value();
            sum += value * by;
            size += own * by.abs();
        }
        Ok((sum.is_finite() && size.is_finite()).then_some((sum, size)))
    }

    fn product(&mut self, mono: &Mono) -> Result<Measured, Stop> {
        let (mut product, mut size) = (Complex64::ONE, 1.0);
        for (atom, exponent) in &mono.0 {
            let Some((value, own)) = self.atom(atom, exponent)? else { return Ok(None) };
            product *= value;
            size *= own;
        }
        Ok(Some((product, size)))
    }

    /// An atom to a power.
    fn atom(&mut self, atom: &Atom, exponent: &RBig) -> Result<Measured, Stop> {
        let (base, size) = match atom {
            Atom::Root(base) => (base.to_f64().value().into(), 0.0),
            Atom::Name(name) => (self.name(name), 0.0),
            Atom::Call(func, parts) => match self.call(*func, parts)? {
                Some(value) => (value, 1.0),
                None => return Ok(None),
            },
            Atom::Sum(inner) => match self.sum(inner)? {
                Some(found) => found,
                None => return Ok(None),
            },
            Atom::Exp(base, mono) => {
                let Some((mono, _)) = self.product(mono)? else { return Ok(None) };
                let Some((base, _)) = self.atom(base, &RBig::ONE)? else { return Ok(None) };
                let value = self.power(base, mono * exponent.to_f64().value());
                return Ok(value.map(|value| (value, value.norm())));
            }
            Atom::Opaque(..) => (self.drawn(&format!("{atom:?}")).into(), 0.0),
        };
        let value = match whole(exponent).map(i32::try_from) {
            Some(Ok(exponent)) => Some(base.powi(exponent)).filter(|value| value.is_finite()),
            _ => self.power(base, exponent.to_f64().value().into()),
        };
        let size = if *exponent > RBig::ZERO { size.powf(exponent.to_f64().value()) } else { 0.0 };
        Ok(value.map(|value| (value, value.norm().max(size))))
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
        constant(name).unwrap_or_else(|| self.drawn(name).into())
    }

    /// The seeded value of a variable.
    fn drawn(&self, name: &str) -> f64 {
        let hash = fnv(name.bytes().chain(self.point.to_le_bytes()));
        // The high bits of FNV of short texts hardly differ.
        let mixed = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let unit = (mixed >> 11) as f64 / (1u64 << 53) as f64;
        match self.place {
            Place::Positive => 0.2 + 2.8 * unit,
            Place::Mixed => 6.0 * unit - 3.0,
            Place::Whole => (1.0 + 12.0 * unit).floor(),
        }
    }

    fn call(&mut self, func: Func, parts: &[Poly]) -> Result<Option<Complex64>, Stop> {
        let mut values = Vec::new();
        for part in parts {
            let Some((value, _)) = self.sum(part)? else { return Ok(None) };
            values.push(value);
        }
        let Some(&z) = values.first() else { return Ok(None) };
        let real = z.im.abs() <= 1e-12 * z.norm().max(1.0);
        let inside = real && z.re.abs() <= 1.0;
        self.branched |= match func {
            Func::Ln => !(real && z.re > 0.0),
            Func::Arcsin | Func::Arccos | Func::Artanh => !inside,
            Func::Arcosh => !(real && z.re >= 1.0),
            _ => false,
        };
        let value = match func {
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
            // Rounding must not decide on which side of a step a value lies.
            Func::Floor if real => (z.re + 1e-9).floor().into(),
            Func::Ceil if real => (z.re - 1e-9).ceil().into(),
            Func::Factorial if real => return Ok(factorial(z.re).map(Complex64::from)),
            Func::Binomial if real && values.len() == 2 => {
                let (over, under) = (z.re, values[1].re);
                let parts = (factorial(over), factorial(under), factorial(over - under));
                let (Some(over), Some(under), Some(rest)) = parts else { return Ok(None) };
                (over / under / rest).into()
            }
            Func::Floor | Func::Ceil | Func::Factorial | Func::Binomial => return Ok(None),
        };
        Ok(value.is_finite().then_some(value))
    }
}

fn factorial(of: f64) -> Option<f64> {
    let rounded = of.round();
    let fits = (of - rounded).abs() < 1e-9 && (0.0..=170.0).contains(&rounded);
    fits.then(|| (2..=rounded as u32).map(f64::from).product())
}

/// The number that a form without variables is, in floating point; complex ones are none.
pub(super) fn number(poly: &Poly, work: &mut Work) -> Result<Option<f64>, Stop> {
    if !names(poly).is_empty() {
        return Ok(None);
    }
    // A number may be too large or too small for its kind, which then is how it compares.
    if let Some(number) = poly.number() {
        return Ok(Some(number.to_f64().value()));
    }
    let found = Evaluation::at(Place::Positive, 0, work).sum(poly)?;
    Ok(found.filter(|(value, size)| value.im.abs() <= CONSTANT * size).map(|(value, _)| value.re))
}
