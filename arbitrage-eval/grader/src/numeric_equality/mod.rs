//! Compares canonical forms by their values at seeded points. Two different forms may be the same function, as `\sin 2x` and
//! `2\sin x\cos x` are.

mod evaluation;

use std::collections::BTreeSet;

use num_complex::Complex64;

use super::limits::{Abort, WorkBudget};
use super::polynomial::{Atom, Mono, Poly};
use super::token::Func;
use evaluation::{PointEvaluation, constant};

/// Points that are drawn from each domain.
const POINTS_PER_DOMAIN: u64 = 5;
/// Fewest points at which a value must exist for a verdict.
const MIN_POINTS: usize = 2;
/// Greatest difference between equal constants, relative to the magnitude of their terms.
const CONSTANT_TOLERANCE: f64 = 1e-11;
/// The same for functions, whose values lose more digits.
const FUNCTION_TOLERANCE: f64 = 1e-9;

/// The domain that the values of variables are drawn from.
#[derive(Clone, Copy, PartialEq)]
enum VariableDomain {
    Positive,
    Real,
    Integer,
}

/// The values of all variables: a domain and the index of the point in the sequence of points.
#[derive(Clone, Copy)]
struct SamplePoint {
    domain: VariableDomain,
    index: u64,
}

impl SamplePoint {
    /// The point at which forms without variables are evaluated.
    const CONSTANT: Self = Self { domain: VariableDomain::Positive, index: 0 };
}

/// Whether `difference` is 0 wherever it has a value.
pub(super) fn is_zero_everywhere(difference: &Poly, work: &mut WorkBudget) -> Result<bool, Abort> {
    if variables(difference).is_empty() {
        let found = PointEvaluation::new(SamplePoint::CONSTANT, work).sum(difference)?;
        let found = found.ok_or(Abort::TooComplex("a value"))?;
        return Ok(found.value.norm() <= CONSTANT_TOLERANCE * found.magnitude);
    }
    let mut evaluated = 0;
    for point in sample_points(difference) {
        let mut evaluation = PointEvaluation::new(point, work);
        let Some(found) = evaluation.sum(difference)? else { continue };
        if evaluation.is_unreliable() {
            continue;
        }
        if found.value.norm() > FUNCTION_TOLERANCE * found.magnitude {
            return Ok(false);
        }
        evaluated += 1;
    }
    if evaluated < MIN_POINTS { Err(Abort::TooComplex("a value")) } else { Ok(true) }
}

/// The ratio of two functions where it is the same real number at all points.
pub(super) fn constant_ratio(one: &Poly, other: &Poly, work: &mut WorkBudget) -> Result<Option<f64>, Abort> {
    let (mut found, mut evaluated): (Option<Complex64>, usize) = (None, 0);
    for point in sample_points(one) {
        let mut evaluation = PointEvaluation::new(point, work);
        let (Some(one), Some(other)) = (evaluation.sum(one)?, evaluation.sum(other)?) else { continue };
        let ratio = one.value / other.value;
        if evaluation.is_unreliable() || !ratio.is_finite() {
            continue;
        }
        let first = *found.get_or_insert(ratio);
        if (ratio - first).norm() > FUNCTION_TOLERANCE * first.norm() || first.norm() == 0.0 {
            return Ok(None);
        }
        evaluated += 1;
    }
    let is_real = |ratio: &Complex64| ratio.im.abs() <= FUNCTION_TOLERANCE * ratio.norm();
    Ok(found.filter(|ratio| evaluated >= MIN_POINTS && is_real(ratio)).map(|ratio| ratio.re))
}

/// The value of a form without variables as a floating-point number. `None` where it has variables or is complex.
pub(super) fn real_value(poly: &Poly, work: &mut WorkBudget) -> Result<Option<f64>, Abort> {
    if !variables(poly).is_empty() {
        return Ok(None);
    }
    // A number may overflow to infinity or underflow to 0, and is then compared as that.
    if let Some(number) = poly.number() {
        return Ok(Some(number.to_f64().value()));
    }
    let found = PointEvaluation::new(SamplePoint::CONSTANT, work).sum(poly)?;
    Ok(found.filter(|found| found.value.im.abs() <= CONSTANT_TOLERANCE * found.magnitude).map(|found| found.value.re))
}

fn sample_points(poly: &Poly) -> impl Iterator<Item = SamplePoint> {
    use VariableDomain::{Integer, Positive, Real};
    let domains = if has_step_functions(poly) { [Integer, Integer] } else { [Positive, Real] };
    domains.into_iter().zip(0..).flat_map(|(domain, at)| {
        (0..POINTS_PER_DOMAIN).map(move |point| SamplePoint { domain, index: at * POINTS_PER_DOMAIN + point })
    })
}

fn variables(poly: &Poly) -> BTreeSet<&str> {
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

/// Whether a form has functions that are used with whole numbers first of all.
fn has_step_functions(poly: &Poly) -> bool {
    let mut found = false;
    visit(poly, &mut |atom| {
        found |= matches!(atom, Atom::Call(Func::Floor | Func::Ceil | Func::Factorial | Func::Binomial, _));
    });
    found
}

/// Calls `see` with every atom of a form.
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
