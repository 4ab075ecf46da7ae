//! Runs a parsed template.
//!
//! `minijinja` parses; running is done here, since its own machine neither charges for what operators do nor follows Python where that
//! differs. All work and memory is charged to an [`Allowance`], and the depth of recursion is bounded.

use super::allowance::{Allowance, Held, ListBuilder, TextBuilder};
use super::fault::{Evaluated, Fault};
use super::functions::{Cycler, Joiner};
use super::loops::LoopState;
use super::macros::MacroEntry;
use super::show;
use super::value::{Object, PyValue, SequenceKind};
use minijinja::machinery::Span;
use minijinja::machinery::ast::{Expr, Stmt};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

/// Deepest recursion over statements, expressions and macros. [`super::stack`] has the space for it.
const MAX_DEPTH: usize = 2_000;
/// What a scope and a variable in it take, in bytes.
const SCOPE_BYTES: usize = 256;
const VARIABLE_BYTES: usize = 128;

/// One rendering of a template.
pub(super) struct Renderer<'t> {
    pub(super) allowance: Allowance,
    pub(super) source: &'t str,
    pub(super) now: SystemTime,
    scopes: Vec<Scope<'t>>,
    /// The scope in which names are looked up.
    pub(super) scope: usize,
    pub(super) namespaces: Vec<Vec<(Rc<str>, PyValue)>>,
    pub(super) macros: Vec<MacroEntry<'t>>,
    pub(super) cyclers: Vec<Cycler>,
    pub(super) joiners: Vec<Joiner>,
    /// The loops that run, the innermost last.
    pub(super) loops: Vec<LoopState>,
    pub(super) loops_begun: usize,
    /// Memory of what exists until the end.
    kept: Held,
    outputs: Vec<TextBuilder>,
    depth: usize,
}

/// Variables, and the scope around them.
struct Scope<'t> {
    variables: HashMap<&'t str, PyValue>,
    parent: Option<usize>,
    /// Whether a macro was defined in here, which needs the variables as long as it exists.
    captured: bool,
    held: Held,
}

/// How to go on after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t> Renderer<'t> {
    /// A rendering of `source` with the variables of `context`.
    pub(super) fn new(
        source: &'t str,
        context: Vec<(&'t str, PyValue)>,
        now: SystemTime,
        allowance: &Allowance,
    ) -> Evaluated<Self> {
        let held = allowance.hold(context.len() * VARIABLE_BYTES)?;
        let top = Scope { variables: context.into_iter().collect(), parent: None, captured: false, held };
        Ok(Self {
            allowance: allowance.clone(),
            source,
            now,
            scopes: vec![top],
            scope: 0,
            namespaces: Vec::new(),
            macros: Vec::new(),
            cyclers: Vec::new(),
            joiners: Vec::new(),
            loops: Vec::new(),
            loops_begun: 0,
            kept: allowance.hold(0)?,
            outputs: vec![TextBuilder::new(allowance)?],
            depth: 0,
        })
    }

    /// Runs the whole template; the result is what it writes.
    pub(super) fn run(mut self, template: &'t Stmt<'t>) -> Evaluated<String> {
        self.statement(template)?;
        Ok(self.outputs.pop().map(TextBuilder::into_string).unwrap_or_default())
    }

    pub(super) fn statements(&mut self, statements: &'t [Stmt<'t>]) -> Evaluated<Flow> {
        for statement in statements {
            let flow = self.statement(statement)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'t Stmt<'t>) -> Evaluated<Flow> {
        self.allowance.work(1)?;
        let run = |this: &mut Self| match statement {
            Stmt::Template(template) => this.statements(&template.children),
            Stmt::EmitRaw(raw) => this.write(raw.raw),
            Stmt::EmitExpr(emit) => {
                let value = this.expression(&emit.expr)?;
                this.emit(&value).map_err(|fault| fault.at(line(emit.span())))
            }
            Stmt::ForLoop(statement) => this.for_loop(statement).map_err(|fault| fault.at(line(statement.span()))),
            Stmt::IfCond(condition) => {
                let holds = this.expression(&condition.expr)?.is_true();
                this.statements(if holds { &condition.true_body } else { &condition.false_body })
            }
            Stmt::WithBlock(with) => this.in_scope(|this| {
                // The values do not see each other.
                let values = with.assignments.iter().map(|(_, value)| this.expression(value));
                let values = values.collect::<Evaluated<Vec<PyValue>>>()?;
                for ((target, _), value) in with.assignments.iter().zip(values) {
                    this.assign(target, value)?;
                }
                this.statements(&with.body)
            }),
            Stmt::Set(set) => {
                let value = this.expression(&set.expr)?;
                this.assign(&set.target, value).map_err(|fault| fault.at(line(set.span())))
            }
            Stmt::SetBlock(set) => {
                let text = this.captured(|this| this.in_scope(|this| this.statements(&set.body)))?;
                let value =
                    set.filter.as_ref().map_or(Ok(text.clone()), |filter| this.filtered(filter, text.clone()))?;
                this.assign(&set.target, value).map_err(|fault| fault.at(line(set.span())))
            }
            Stmt::FilterBlock(block) => {
                let text = this.captured(|this| this.in_scope(|this| this.statements(&block.body)))?;
                let value = this.filtered(&block.filter, text)?;
                this.emit(&value)
            }
            Stmt::AutoEscape(block) => match this.expression(&block.enabled)?.is_true() {
                true => Err(Fault::invalid("autoescape is not supported").at(line(block.span()))),
                false => this.in_scope(|this| this.statements(&block.body)),
            },
            Stmt::Macro(declaration) => this.define_macro(declaration),
            Stmt::CallBlock(call) => this.call_block(call).map_err(|fault| fault.at(line(call.span()))),
            // Blocks see the variables of the template's top.
            Stmt::Block(block) => this.in_scope_of(0, |this| this.statements(&block.body)),
            Stmt::Extends(statement) => Err(other_template().at(line(statement.span()))),
            Stmt::Include(statement) => Err(other_template().at(line(statement.span()))),
            Stmt::Import(statement) => Err(other_template().at(line(statement.span()))),
            Stmt::FromImport(statement) => Err(other_template().at(line(statement.span()))),
            Stmt::Continue(_) => Ok(Flow::Continue),
            Stmt::Break(_) => Ok(Flow::Break),
            Stmt::Do(statement) => {
                Err(Fault::invalid("`do` is not a statement of chat templates").at(line(statement.span())))
            }
        };
        self.deeper(run)
    }

    /// Recurses, within the limit.
    pub(super) fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Evaluated<T>) -> Evaluated<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::invalid(format!("recursion limit: more than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Adds to what exists until the end of the rendering.
    pub(super) fn keep(&mut self, bytes: usize) -> Evaluated<()> {
        self.kept.grow(bytes)
    }

    fn write(&mut self, text: &str) -> Evaluated<Flow> {
        self.outputs.last_mut().map_or(Ok(()), |out| out.push(text))?;
        Ok(Flow::Next)
    }

    /// Writes a value.
    pub(super) fn emit(&mut self, value: &PyValue) -> Evaluated<Flow> {
        self.outputs.last_mut().map_or(Ok(()), |out| show::write(value, out))?;
        Ok(Flow::Next)
    }

    /// What `work` writes, as a value.
    pub(super) fn captured(&mut self, work: impl FnOnce(&mut Self) -> Evaluated<Flow>) -> Evaluated {
        self.outputs.push(TextBuilder::new(&self.allowance)?);
        let result = work(self);
        let output = self.outputs.pop();
        result?;
        output.map(TextBuilder::finish).ok_or_else(|| Fault::invalid("no output"))
    }

    /// Runs `work` in a new scope inside the current one.
    pub(super) fn in_scope<T>(&mut self, work: impl FnOnce(&mut Self) -> Evaluated<T>) -> Evaluated<T> {
        self.in_scope_of(self.scope, work)
    }

    /// Runs `work` in a new scope inside the scope `parent`.
    pub(super) fn in_scope_of<T>(
        &mut self,
        parent: usize,
        work: impl FnOnce(&mut Self) -> Evaluated<T>,
    ) -> Evaluated<T> {
        let held = self.allowance.hold(SCOPE_BYTES)?;
        let before = std::mem::replace(&mut self.scope, self.scopes.len());
        self.scopes.push(Scope { variables: HashMap::new(), parent: Some(parent), captured: false, held });
        let result = work(self);
        let is_last = self.scope + 1 == self.scopes.len();
        if self.scopes.pop_if(|scope| is_last && !scope.captured).is_none() {
            // A macro from inside needs it, or one from further inside.
            self.capture();
        }
        self.scope = before;
        result
    }

    /// Keeps the current scope and those around it until the end.
    pub(super) fn capture(&mut self) {
        let mut next = Some(self.scope);
        while let Some(scope) = next.and_then(|index| self.scopes.get_mut(index)).filter(|scope| !scope.captured) {
            scope.captured = true;
            next = scope.parent;
        }
    }

    /// The variable of this name in the current scope or around it.
    pub(super) fn variable(&self, name: &str) -> Evaluated<Option<PyValue>> {
        let mut next = Some(self.scope);
        while let Some(scope) = next.and_then(|index| self.scopes.get(index)) {
            self.allowance.work(1)?;
            if let Some(value) = scope.variables.get(name) {
                return Ok(Some(value.clone()));
            }
            next = scope.parent;
        }
        Ok(None)
    }

    /// Sets a variable of the current scope.
    pub(super) fn set(&mut self, name: &'t str, value: PyValue) -> Evaluated<()> {
        self.allowance.work(1)?;
        let Some(scope) = self.scopes.get_mut(self.scope) else { return Ok(()) };
        if scope.variables.insert(name, value).is_none() {
            scope.held.grow(VARIABLE_BYTES)?;
        }
        Ok(())
    }

    /// Assigns to a variable, to several, or to an attribute of a namespace.
    pub(super) fn assign(&mut self, target: &'t Expr<'t>, value: PyValue) -> Evaluated<Flow> {
        match target {
            Expr::Var(variable) => self.set(variable.id, value)?,
            Expr::List(targets) => {
                value.defined()?;
                let values = value.iterate(&self.allowance)?;
                let values = values.items()?;
                if values.len() != targets.items.len() {
                    let (expected, found) = (targets.items.len(), values.len());
                    return Err(Fault::invalid(format!("expected {expected} values to unpack, found {found}")));
                }
                for (target, value) in targets.items.iter().zip(values) {
                    self.assign(target, value.clone())?;
                }
            }
            Expr::GetAttr(attribute) => {
                let PyValue::Object(Object::Namespace(index)) = self.expression(&attribute.expr)? else {
                    return Err(Fault::invalid("only a namespace's attributes can be set"));
                };
                self.set_attribute(index, attribute.name, value)?;
            }
            _ => return Err(Fault::invalid("this cannot be assigned to")),
        }
        Ok(Flow::Next)
    }

    pub(super) fn set_attribute(&mut self, namespace: usize, name: &str, value: PyValue) -> Evaluated<()> {
        let Some(attributes) = self.namespaces.get_mut(namespace) else { return Ok(()) };
        self.allowance.work(1 + attributes.len() / 8)?;
        match attributes.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, old)) => *old = value,
            None => {
                attributes.push((name.into(), value));
                self.kept.grow(VARIABLE_BYTES + name.len())?;
            }
        }
        Ok(())
    }

    /// A list of the values of expressions.
    pub(super) fn list(&mut self, kind: SequenceKind, items: &'t [Expr<'t>]) -> Evaluated {
        let mut list = ListBuilder::new(&self.allowance)?;
        for item in items {
            list.push(self.expression(item)?)?;
        }
        list.finish(kind)
    }
}

/// The line on which something begins.
pub(super) fn line(span: Span) -> usize {
    usize::from(span.start_line)
}

fn other_template() -> Fault {
    Fault::invalid("there are no other templates to load")
}
