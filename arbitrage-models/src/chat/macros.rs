//! Macros, and blocks that are passed to them.

use super::arguments::Arguments;
use super::fault::{Evaluated, Fault};
use super::renderer::{Flow, Renderer};
use super::value::{Mapping, Object, PyValue, SequenceKind};
use minijinja::machinery::ast::{CallBlock, Expr, Macro, Spanned};
use std::rc::Rc;

/// What a macro takes, in bytes.
const MACRO_BYTES: usize = 128;

/// A macro, with the scope in which it was defined.
pub(super) struct MacroEntry<'t> {
    declaration: &'t Macro<'t>,
    /// The source of the macro, which tells whether it uses arguments that it does not name.
    text: &'t str,
    scope: usize,
}

impl<'t> Renderer<'t> {
    pub(super) fn define_macro(&mut self, declaration: &'t Spanned<Macro<'t>>) -> Evaluated<Flow> {
        let value = self.macro_value(declaration)?;
        self.set(declaration.name, value)?;
        Ok(Flow::Next)
    }

    fn macro_value(&mut self, declaration: &'t Spanned<Macro<'t>>) -> Evaluated {
        self.keep(MACRO_BYTES)?;
        self.capture();
        let span = declaration.span();
        let text = self.source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or(self.source);
        self.macros.push(MacroEntry { declaration, text, scope: self.scope });
        Ok(PyValue::Object(Object::Macro(self.macros.len() - 1)))
    }

    /// `{% call … %}`: the body is passed as `caller`.
    pub(super) fn call_block(&mut self, block: &'t CallBlock<'t>) -> Evaluated<Flow> {
        let caller = self.macro_value(&block.macro_decl)?;
        let text = self.call(&block.call, Some(caller))?;
        self.emit(&text)
    }

    /// What a macro writes.
    pub(super) fn call_macro(&mut self, index: usize, arguments: Arguments) -> Evaluated {
        let Some(entry) = self.macros.get(index) else { return Err(Fault::invalid("no such macro")) };
        let (declaration, text, scope) = (entry.declaration, entry.text, entry.scope);
        self.deeper(|this| {
            this.in_scope_of(scope, |this| {
                this.bind_parameters(declaration, text, arguments)?;
                this.captured(|this| this.statements(&declaration.body))
            })
        })
    }

    fn bind_parameters(&mut self, declaration: &'t Macro<'t>, text: &str, arguments: Arguments) -> Evaluated<()> {
        let Arguments { callee, positional, mut named } = arguments;
        let mut positional = positional.into_iter();
        let required = declaration.args.len() - declaration.defaults.len();
        for (index, parameter) in declaration.args.iter().enumerate() {
            let Expr::Var(parameter) = parameter else { continue };
            let by_name = named.iter().position(|(name, _)| name == parameter.id).map(|at| named.remove(at).1);
            let value = match (positional.next(), by_name) {
                (Some(_), Some(_)) => {
                    return Err(Fault::invalid(format!("{callee}: `{}` is given twice", parameter.id)));
                }
                (Some(value), None) | (None, Some(value)) => value,
                (None, None) => match index.checked_sub(required).and_then(|index| declaration.defaults.get(index)) {
                    Some(default) => self.expression(default)?,
                    None => PyValue::undefined(parameter.id),
                },
            };
            self.set(parameter.id, value)?;
        }
        if let Some(at) = named.iter().position(|(name, _)| name == "caller") {
            self.set("caller", named.remove(at).1)?;
        }
        let further: Vec<PyValue> = positional.collect();
        if !further.is_empty() && !text.contains("varargs") {
            let most = declaration.args.len();
            return Err(Fault::invalid(format!("{callee}: at most {most} arguments, found {}", most + further.len())));
        }
        if let Some((name, _)) = named.first().filter(|_| !text.contains("kwargs")) {
            return Err(Fault::invalid(format!("{callee}: no argument is named `{name}`")));
        }
        let further = self.allowance.list(SequenceKind::Tuple, further)?;
        self.set("varargs", further)?;
        let mut entries = Vec::with_capacity(named.len());
        for (name, value) in named {
            entries.push((self.allowance.text(name)?, value));
        }
        self.set("kwargs", PyValue::Dict(Rc::new(Mapping::new(entries, &self.allowance)?)))
    }
}
