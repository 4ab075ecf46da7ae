//! The arguments of a call, by position and by name.

use super::fault::{Evaluated, Fault};
use super::value::PyValue;

/// The arguments of one call.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// What is called, for errors.
    pub(super) callee: String,
    pub(super) positional: Vec<PyValue>,
    pub(super) named: Vec<(String, PyValue)>,
}

impl Arguments {
    /// The arguments in the order of the parameters `names`.
    ///
    /// # Errors
    /// When there are too many, when one has another name, or when one is given twice.
    pub(super) fn bind<const N: usize>(self, names: [&str; N]) -> Evaluated<[Option<PyValue>; N]> {
        let Self { callee, positional, named } = self;
        if positional.len() > N {
            return Err(Fault::invalid(format!("{callee}: at most {N} arguments, found {}", positional.len())));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(positional) {
            *slot = Some(value);
        }
        for (name, value) in named {
            let index = names.iter().position(|known| *known == name);
            let Some(slot) = index.and_then(|index| bound.get_mut(index)) else {
                return Err(Fault::invalid(format!("{callee}: no argument is named `{name}`")));
            };
            if slot.replace(value).is_some() {
                return Err(Fault::invalid(format!("{callee}: `{name}` is given twice")));
            }
        }
        Ok(bound)
    }

    /// For calls without arguments.
    pub(super) fn none(self) -> Evaluated<()> {
        self.bind([]).map(|[]| ())
    }

    /// The only argument.
    pub(super) fn only(self, name: &str) -> Evaluated {
        let callee = self.callee.clone();
        let [value] = self.bind([name])?;
        required(value, &callee, name)
    }
}

/// An argument that must be given.
pub(super) fn required(value: Option<PyValue>, callee: &str, name: &str) -> Evaluated {
    value.ok_or_else(|| Fault::invalid(format!("{callee}: the argument `{name}` is missing")))
}

/// An argument that may be missing or none.
pub(super) fn given(value: Option<PyValue>) -> Option<PyValue> {
    value.filter(|value| !matches!(value, PyValue::None))
}

/// A whole number, or `default` when it is missing or none.
pub(super) fn int_or(value: Option<PyValue>, default: i64) -> Evaluated<i64> {
    given(value).map_or(Ok(default), |value| value.to_int())
}

/// A truth value, or false when it is missing.
pub(super) fn flag(value: Option<PyValue>) -> bool {
    value.is_some_and(|value| value.is_true())
}
