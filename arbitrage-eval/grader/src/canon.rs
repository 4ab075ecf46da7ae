//! From expressions to canonical forms.

use dashu_ratio::RBig;

use super::exact::exact;
use super::expr::Expr;
use super::limits::{GREATEST_EXPANDED, MOST_ITEMS, MOST_TERMS, Stop, Work};
use super::poly::{Atom, Mono, Poly, expanded_terms, sized, whole};
use super::roots::{factors, number_power};
use super::token::Func;

/// A value in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Scalar(Poly),
    Matrix(Vec<Vec<Poly>>),
}

/// The canonical form of an expression without open signs.
pub(super) fn canonical(expr: &Expr, work: &mut Work) -> Result<Form, Stop> {
    work.spend(1)?;
    match expr {
        Expr::Sum(parts) => {
            let mut forms = parts.iter().map(|part| canonical(part, work));
            let first = forms.next().ok_or(Stop::Undefined)??;
            forms.try_fold(first, |sum, part| plus(sum, &part?))
        }
        Expr::Product(parts) => {
            let mut found = Form::Scalar(Poly::constant(RBig::ONE));
            for part in parts {
                let part = canonical(part, work)?;
                found = product(&found, &part, work)?;
            }
            Ok(found)
        }
        Expr::Matrix(rows) => {
            let row = |row: &Vec<Expr>, work: &mut Work| row.iter().map(|entry| scalar(entry, work)).collect();
            rows.iter().map(|entries| row(entries, work)).collect::<Result<_, _>>().map(Form::Matrix)
        }
        _ => scalar(expr, work).map(Form::Scalar),
    }
}

/// As [`canonical`], where a matrix has no place.
pub(super) fn scalar(expr: &Expr, work: &mut Work) -> Result<Poly, Stop> {
    work.spend(1)?;
    match expr {
        Expr::Number(value) => Ok(Poly::constant(sized(value.clone())?)),
        // Infinity is a value by itself, or with a sign; arithmetic with it has none.
        Expr::Name(name) if name == "infty" => Err(Stop::Undefined),
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
            Form::Scalar(found) => Ok(found),
            Form::Matrix(_) => Err(Stop::Undefined),
        },
        Expr::Matrix(_) | Expr::Either(..) => Err(Stop::Undefined),
    }
}

fn plus(one: Form, other: &Form) -> Result<Form, Stop> {
    match (one, other) {
        (Form::Scalar(mut sum), Form::Scalar(part)) => {
            sum.add(part, &RBig::ONE)?;
            Ok(Form::Scalar(sum))
        }
        (Form::Matrix(mut rows), Form::Matrix(others)) => {
            let same =
                rows.len() == others.len() && rows.iter().zip(others).all(|(row, other)| row.len() == other.len());
            if !same {
                return Err(Stop::Undefined);
            }
            for (entry, part) in rows.iter_mut().flatten().zip(others.iter().flatten()) {
                entry.add(part, &RBig::ONE)?;
            }
            Ok(Form::Matrix(rows))
        }
        _ => Err(Stop::Undefined),
    }
}

fn product(one: &Form, other: &Form, work: &mut Work) -> Result<Form, Stop> {
    match (one, other) {
        (Form::Scalar(one), Form::Scalar(other)) => one.times(other, work).map(Form::Scalar),
        (Form::Scalar(by), Form::Matrix(rows)) | (Form::Matrix(rows), Form::Scalar(by)) => {
            let row = |row: &Vec<Poly>| row.iter().map(|entry| entry.times(by, work)).collect();
            rows.iter().map(row).collect::<Result<_, _>>().map(Form::Matrix)
        }
        (Form::Matrix(one), Form::Matrix(other)) => {
            let (columns, inner) = (other.first().map_or(0, Vec::len), other.len());
            if one.iter().any(|row| row.len() != inner) || other.iter().any(|row| row.len() != columns) {
                return Err(Stop::Undefined);
            }
            if one.len() * columns * inner > MOST_ITEMS {
                return Err(Stop::TooMuch("entries"));
            }
            let mut entry = |row: &[Poly], column: usize| {
                let mut sum = Poly::default();
                for (left, right) in row.iter().zip(other) {
                    sum.add(&left.times(&right[column], work)?, &RBig::ONE)?;
                }
                Ok(sum)
            };
            let rows = one.iter().map(|row| (0..columns).map(|column| entry(row, column)).collect());
            rows.collect::<Result<_, _>>().map(Form::Matrix)
        }
    }
}

fn power(base: &Poly, exponent: &Poly, work: &mut Work) -> Result<Poly, Stop> {
    if let Some(number) = exponent.number() {
        return fixed_power(base, &number, work);
    }
    let mut found = Poly::constant(RBig::ONE);
    for (mono, by) in &exponent.0 {
        let part = if mono.0.is_empty() { fixed_power(base, by, work)? } else { open_power(base, mono, by, work)? };
        found = found.times(&part, work)?;
    }
    Ok(found)
}

/// A power whose exponent is a number.
pub(super) fn fixed_power(base: &Poly, exponent: &RBig, work: &mut Work) -> Result<Poly, Stop> {
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
        count.filter(|count| *count <= GREATEST_EXPANDED && expanded_terms(base.0.len(), *count) <= MOST_TERMS)
    {
        let mut found = Poly::constant(RBig::ONE);
        for _ in 0..count {
            found = found.times(base, work)?;
        }
        return Ok(found);
    }
    // The sum is kept, with 1 or -1 before its first term, and always 1 where the sign can be taken out.
    let first = base.0.values().next().ok_or(Stop::Undefined)?;
    let outside = if exponent.is_int() || *first > RBig::ZERO { first.clone() } else { -first.clone() };
    let inner = base.scaled(&(RBig::ONE / &outside))?;
    number_power(&outside, exponent, work)?.times(&Poly::atom(Atom::Sum(inner), exponent.clone()), work)
}

/// Whether the power of a product is the product of powers: not `√x² = x`.
fn distributes(mono: &Mono, by: &RBig, exponent: &RBig) -> bool {
    let positive = |atom: &Atom| match atom {
        Atom::Root(_) => true,
        Atom::Name(name) => name == "pi" || name == "e",
        Atom::Exp(base, _) => **base == Atom::Name("e".to_owned()) || matches!(**base, Atom::Root(_)),
        _ => false,
    };
    let apart = |(atom, own): (&Atom, &RBig)| positive(atom) || own.is_one() || !own.is_int();
    exponent.is_int() || (*by > RBig::ZERO && mono.0.iter().all(apart))
}

/// A power whose exponent is `by` times a product of atoms.
fn open_power(base: &Poly, mono: &Mono, by: &RBig, work: &mut Work) -> Result<Poly, Stop> {
    let exp = |atom: Atom, times: RBig| Poly::atom(Atom::Exp(Box::new(atom), mono.clone()), by * times);
    if let Some(number) = base.number().filter(|number| *number > RBig::ZERO) {
        let mut found = Poly::constant(RBig::ONE);
        for (prime, times) in factors(&number, work)? {
            found = found.times(&exp(Atom::Root(prime), RBig::from(times)), work)?;
        }
        return Ok(found);
    }
    match base.single() {
        _ if base.is_zero() => Err(Stop::Undefined),
        Some((inner, one)) if one.is_one() && inner.0.len() == 1 => {
            let (atom, own) = inner.0.iter().next().ok_or(Stop::Undefined)?;
            Ok(exp(atom.clone(), own.clone()))
        }
        _ => Ok(exp(Atom::Sum(base.clone()), RBig::ONE)),
    }
}

fn call(func: Func, parts: Vec<Poly>, work: &mut Work) -> Result<Poly, Stop> {
    let numbers: Option<Vec<RBig>> = parts.iter().map(Poly::number).collect();
    if let Some(numbers) = numbers
        && let Some(found) = exact(func, &numbers, work)?
    {
        return Ok(Poly::constant(found));
    }
    Ok(Poly::atom(Atom::Call(func, parts), RBig::ONE))
}
