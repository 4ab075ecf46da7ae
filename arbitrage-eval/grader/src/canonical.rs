//! Brings expressions to a canonical form.

use dashu_ratio::RBig;

use super::exact_functions::exact_value;
use super::expression::Expr;
use super::limits::{Abort, MAX_EXPANDED_POWER, MAX_ITEMS, MAX_TERMS, WorkBudget};
use super::polynomial::{Atom, Mono, Poly, expanded_terms, whole, within_bits};
use super::roots::{factors, number_power};
use super::token::Func;

/// A value in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CanonicalForm {
    Scalar(Poly),
    Matrix(Vec<Vec<Poly>>),
}

/// The canonical form of an expression whose signs are all chosen.
pub(super) fn canonical(expr: &Expr, work: &mut WorkBudget) -> Result<CanonicalForm, Abort> {
    work.spend(1)?;
    match expr {
        Expr::Sum(parts) => {
            let mut forms = parts.iter().map(|part| canonical(part, work));
            let first = forms.next().ok_or(Abort::Undefined)??;
            forms.try_fold(first, |sum, part| form_sum(sum, &part?))
        }
        Expr::Product(parts) => {
            let mut found = CanonicalForm::Scalar(Poly::constant(RBig::ONE));
            for part in parts {
                let part = canonical(part, work)?;
                found = form_product(&found, &part, work)?;
            }
            Ok(found)
        }
        Expr::Matrix(rows) => {
            let row = |row: &Vec<Expr>, work: &mut WorkBudget| row.iter().map(|entry| scalar(entry, work)).collect();
            rows.iter().map(|entries| row(entries, work)).collect::<Result<_, _>>().map(CanonicalForm::Matrix)
        }
        _ => scalar(expr, work).map(CanonicalForm::Scalar),
    }
}

/// The canonical form of an expression that must not be a matrix.
pub(super) fn scalar(expr: &Expr, work: &mut WorkBudget) -> Result<Poly, Abort> {
    work.spend(1)?;
    match expr {
        Expr::Number(value) => Ok(Poly::constant(within_bits(value.clone())?)),
        // Infinity is compared before this; arithmetic with it has no value.
        Expr::Name(name) if name == "infty" => Err(Abort::Undefined),
        Expr::Name(name) => Ok(Poly::name(name)),
        Expr::Based(digits, base) => Ok(Poly::name(&format!("{digits}{base}"))),
        Expr::Power(both) => {
            let base = scalar(&both.0, work)?;
            let exponent = scalar(&both.1, work)?;
            power(&base, &exponent, work)
        }
        Expr::Call(func, parts) => {
            let parts = parts.iter().map(|part| scalar(part, work)).collect::<Result<Vec<_>, _>>()?;
            call(*func, parts, work)
        }
        Expr::Opaque(name, parts) => {
            let parts = parts.iter().map(|part| scalar(part, work)).collect::<Result<_, _>>()?;
            Ok(Poly::atom(Atom::Opaque(name.clone(), parts), RBig::ONE))
        }
        Expr::Sum(_) | Expr::Product(_) => match canonical(expr, work)? {
            CanonicalForm::Scalar(found) => Ok(found),
            CanonicalForm::Matrix(_) => Err(Abort::Undefined),
        },
        Expr::Matrix(_) | Expr::Either(..) => Err(Abort::Undefined),
    }
}

fn form_sum(one: CanonicalForm, other: &CanonicalForm) -> Result<CanonicalForm, Abort> {
    match (one, other) {
        (CanonicalForm::Scalar(mut sum), CanonicalForm::Scalar(part)) => {
            sum.add(part, &RBig::ONE)?;
            Ok(CanonicalForm::Scalar(sum))
        }
        (CanonicalForm::Matrix(mut rows), CanonicalForm::Matrix(others)) => {
            let same =
                rows.len() == others.len() && rows.iter().zip(others).all(|(row, other)| row.len() == other.len());
            if !same {
                return Err(Abort::Undefined);
            }
            for (entry, part) in rows.iter_mut().flatten().zip(others.iter().flatten()) {
                entry.add(part, &RBig::ONE)?;
            }
            Ok(CanonicalForm::Matrix(rows))
        }
        _ => Err(Abort::Undefined),
    }
}

fn form_product(one: &CanonicalForm, other: &CanonicalForm, work: &mut WorkBudget) -> Result<CanonicalForm, Abort> {
    match (one, other) {
        (CanonicalForm::Scalar(one), CanonicalForm::Scalar(other)) => one.times(other, work).map(CanonicalForm::Scalar),
        (CanonicalForm::Scalar(by), CanonicalForm::Matrix(rows))
        | (CanonicalForm::Matrix(rows), CanonicalForm::Scalar(by)) => {
            let row = |row: &Vec<Poly>| row.iter().map(|entry| entry.times(by, work)).collect();
            rows.iter().map(row).collect::<Result<_, _>>().map(CanonicalForm::Matrix)
        }
        (CanonicalForm::Matrix(one), CanonicalForm::Matrix(other)) => {
            let (columns, inner) = (other.first().map_or(0, Vec::len), other.len());
            if one.iter().any(|row| row.len() != inner) || other.iter().any(|row| row.len() != columns) {
                return Err(Abort::Undefined);
            }
            if one.len() * columns * inner > MAX_ITEMS {
                return Err(Abort::TooComplex("entries"));
            }
            let mut entry = |row: &[Poly], column: usize| {
                let mut sum = Poly::default();
                for (left, right) in row.iter().zip(other) {
                    sum.add(&left.times(&right[column], work)?, &RBig::ONE)?;
                }
                Ok(sum)
            };
            let rows = one.iter().map(|row| (0..columns).map(|column| entry(row, column)).collect());
            rows.collect::<Result<_, _>>().map(CanonicalForm::Matrix)
        }
    }
}

fn power(base: &Poly, exponent: &Poly, work: &mut WorkBudget) -> Result<Poly, Abort> {
    if let Some(number) = exponent.number() {
        return fixed_power(base, &number, work);
    }
    let mut found = Poly::constant(RBig::ONE);
    for (mono, by) in &exponent.0 {
        let part = if mono.0.is_empty() { fixed_power(base, by, work)? } else { symbolic_power(base, mono, by, work)? };
        found = found.times(&part, work)?;
    }
    Ok(found)
}

/// A power with a number as its exponent.
pub(super) fn fixed_power(base: &Poly, exponent: &RBig, work: &mut WorkBudget) -> Result<Poly, Abort> {
    if let Some(number) = base.number() {
        return number_power(&number, exponent, work);
    }
    if exponent.is_zero() {
        return Ok(Poly::constant(RBig::ONE));
    }
    if let Some((mono, by)) = base.single()
        && distributes(mono, by, exponent)
    {
        let (raised, number) = mono.raised(exponent)?;
        let outer = number_power(by, exponent, work)?;
        return outer.times(&Poly::term(raised, number), work);
    }
    let count = whole(exponent).and_then(|count| u32::try_from(count).ok());
    if let Some(count) =
        count.filter(|count| *count <= MAX_EXPANDED_POWER && expanded_terms(base.0.len(), *count) <= MAX_TERMS)
    {
        let mut found = Poly::constant(RBig::ONE);
        for _ in 0..count {
            found = found.times(base, work)?;
        }
        return Ok(found);
    }
    // The sum is not multiplied out. Its first coefficient is factored out, but for the sign where the exponent is a fraction, so that
    // equal sums get the same form.
    let first = base.0.values().next().ok_or(Abort::Undefined)?;
    let outside = if exponent.is_int() || *first > RBig::ZERO { first.clone() } else { -first.clone() };
    let inner = base.scaled(&(RBig::ONE / &outside))?;
    number_power(&outside, exponent, work)?.times(&Poly::atom(Atom::Sum(inner), exponent.clone()), work)
}

/// Whether the power of a product is the product of powers. It is not in `√x²`, which is not `x` for negative `x`.
fn distributes(mono: &Mono, by: &RBig, exponent: &RBig) -> bool {
    let is_positive = |atom: &Atom| match atom {
        Atom::Root(_) => true,
        Atom::Name(name) => name == "pi" || name == "e",
        Atom::Exp(base, _) => **base == Atom::Name("e".to_owned()) || matches!(**base, Atom::Root(_)),
        _ => false,
    };
    let distributes = |(atom, own): (&Atom, &RBig)| is_positive(atom) || own.is_one() || !own.is_int();
    exponent.is_int() || (*by > RBig::ZERO && mono.0.iter().all(distributes))
}

/// A power whose exponent is `by` times a product of atoms.
fn symbolic_power(base: &Poly, mono: &Mono, by: &RBig, work: &mut WorkBudget) -> Result<Poly, Abort> {
    let exp = |atom: Atom, times: RBig| Poly::atom(Atom::Exp(Box::new(atom), mono.clone()), by * times);
    if let Some(number) = base.number().filter(|number| *number > RBig::ZERO) {
        let mut found = Poly::constant(RBig::ONE);
        for (prime, times) in factors(&number, work)? {
            found = found.times(&exp(Atom::Root(prime), RBig::from(times)), work)?;
        }
        return Ok(found);
    }
    match base.single() {
        _ if base.is_zero() => Err(Abort::Undefined),
        Some((inner, one)) if one.is_one() && inner.0.len() == 1 => {
            let (atom, own) = inner.0.iter().next().ok_or(Abort::Undefined)?;
            Ok(exp(atom.clone(), own.clone()))
        }
        _ => Ok(exp(Atom::Sum(base.clone()), RBig::ONE)),
    }
}

fn call(func: Func, parts: Vec<Poly>, work: &mut WorkBudget) -> Result<Poly, Abort> {
    let numbers: Option<Vec<RBig>> = parts.iter().map(Poly::number).collect();
    if let Some(numbers) = numbers
        && let Some(found) = exact_value(func, &numbers, work)?
    {
        return Ok(Poly::constant(found));
    }
    Ok(Poly::atom(Atom::Call(func, parts), RBig::ONE))
}
