//! Prints normal forms, so that a reader of a grade sees what was compared.

use std::fmt::Write;

use super::answer::{ParsedAnswer, Quantity, RelationChain};
use super::canonical::{CanonicalForm, canonical};
use super::limits::WorkBudget;
use super::polynomial::{Atom, Mono, Poly};
use super::units::MeasurementUnit;

/// Longest normal form that is printed, in characters.
const MAX_PRINTED_CHARS: usize = 200;

/// The normal form of an answer as text.
pub(super) fn print_normal_form(answer: &ParsedAnswer) -> String {
    let mut text = String::new();
    write_answer(answer, &mut text);
    match text.char_indices().nth(MAX_PRINTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn write_answer(answer: &ParsedAnswer, out: &mut String) {
    // The rest would be cut off anyway.
    if out.len() > MAX_PRINTED_CHARS * 4 {
        return;
    }
    match answer {
        ParsedAnswer::Value(value) => write_value(value, out),
        ParsedAnswer::Ordered(open, close, members) => {
            out.push(*open);
            write_members(members, ", ", out);
            out.push(if *close == '[' { ']' } else { ')' });
        }
        ParsedAnswer::Unordered(members) => {
            out.push('{');
            write_members(members, ", ", out);
            out.push('}');
        }
        ParsedAnswer::Union(members) => write_members(members, " ∪ ", out),
        ParsedAnswer::Ratio(members) => write_members(members, ":", out),
        ParsedAnswer::Assign { name, value, .. } => {
            out.push_str(name);
            out.push_str(" = ");
            write_answer(value, out);
        }
        ParsedAnswer::Chain(RelationChain { sides, relations }) => {
            let side =
                |at: usize| ParsedAnswer::Value(Quantity { text: "?".to_owned(), ..Quantity::bare(sides[at].clone()) });
            write_answer(&side(0), out);
            for (at, relation) in relations.iter().enumerate() {
                let _ = write!(out, " {relation:?} ");
                write_answer(&side(at + 1), out);
            }
        }
        ParsedAnswer::Words(words) => {
            let _ = write!(out, "{words:?}");
        }
    }
}

fn write_members(members: &[ParsedAnswer], between: &str, out: &mut String) {
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        write_answer(member, out);
    }
}

fn write_value(value: &Quantity, out: &mut String) {
    match canonical(&value.expr, &mut WorkBudget::new()) {
        Ok(CanonicalForm::Scalar(poly)) => write_poly(&poly, out),
        Ok(CanonicalForm::Matrix(rows)) => {
            for (at, row) in rows.iter().enumerate() {
                out.push_str(if at == 0 { "[" } else { "; " });
                for (at, entry) in row.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    write_poly(entry, out);
                }
            }
            out.push(']');
        }
        Err(_) => out.push_str(&value.text),
    }
    match &value.unit {
        Some(MeasurementUnit::Percent) => out.push('%'),
        Some(MeasurementUnit::Known { dimension, power, .. }) => {
            let _ = write!(out, " [{dimension}^{power}]");
        }
        _ => {}
    }
}

fn write_poly(poly: &Poly, out: &mut String) {
    if poly.is_zero() {
        out.push('0');
    }
    for (at, (mono, by)) in poly.0.iter().enumerate() {
        if out.len() > MAX_PRINTED_CHARS * 4 {
            return;
        }
        out.push_str(if at == 0 { "" } else { " + " });
        if !by.is_one() || mono.0.is_empty() {
            let _ = write!(out, "{by}");
            out.push_str(if mono.0.is_empty() { "" } else { "·" });
        }
        write_mono(mono, out);
    }
}

fn write_mono(mono: &Mono, out: &mut String) {
    for (at, (atom, exponent)) in mono.0.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "·" });
        match atom {
            Atom::Root(base) => {
                let _ = write!(out, "{base}");
            }
            Atom::Name(name) => out.push_str(name),
            Atom::Call(func, parts) => write_call(&format!("{func:?}").to_lowercase(), parts, out),
            Atom::Opaque(name, parts) => write_call(name, parts, out),
            Atom::Sum(inner) => write_call("", std::slice::from_ref(inner), out),
            Atom::Exp(base, mono) => {
                write_mono(&Mono([((**base).clone(), dashu_ratio::RBig::ONE)].into()), out);
                out.push_str("^(");
                write_mono(mono, out);
                out.push(')');
            }
        }
        if !exponent.is_one() {
            let _ = write!(out, "^({exponent})");
        }
    }
}

fn write_call(name: &str, parts: &[Poly], out: &mut String) {
    out.push_str(name);
    out.push('(');
    for (at, part) in parts.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write_poly(part, out);
    }
    out.push(')');
}
