//! The statement `for`, and the variable `loop`.

use super::allowance::ListBuilder;
use super::arguments::Arguments;
use super::compare;
use super::fault::{Evaluated, Fault};
use super::renderer::{Flow, Renderer};
use super::value::{Object, PyValue, Sequence, SequenceKind};
use minijinja::machinery::ast::ForLoop;
use std::rc::Rc;

/// A loop that runs.
pub(super) struct LoopState {
    number: usize,
    items: Rc<Sequence>,
    index: usize,
    /// What `loop.changed` was last asked about.
    last: Option<PyValue>,
}

impl<'t> Renderer<'t> {
    pub(super) fn for_loop(&mut self, statement: &'t ForLoop<'t>) -> Evaluated<Flow> {
        if statement.recursive {
            return Err(Fault::invalid("recursive loops are not supported"));
        }
        let value = self.expression(&statement.iter)?;
        let items = self.loop_items(statement, &value)?;
        if items.items()?.is_empty() {
            return self.in_scope(|this| this.statements(&statement.else_body));
        }
        let number = self.loops_begun;
        self.loops_begun += 1;
        self.loops.push(LoopState { number, items: Rc::clone(&items), index: 0, last: None });
        let mut flow = Ok(Flow::Next);
        for (index, item) in items.items()?.iter().enumerate() {
            if let Some(state) = self.loops.last_mut() {
                state.index = index;
            }
            flow = self.in_scope(|this| {
                this.assign(&statement.target, item.clone())?;
                this.set("loop", PyValue::Object(Object::Loop(number)))?;
                this.statements(&statement.body)
            });
            if !matches!(flow, Ok(Flow::Next | Flow::Continue)) {
                break;
            }
        }
        self.loops.pop();
        flow.map(|_| Flow::Next)
    }

    /// What the loop goes over, after its condition.
    fn loop_items(&mut self, statement: &'t ForLoop<'t>, value: &PyValue) -> Evaluated<Rc<Sequence>> {
        let all = value.iterate(&self.allowance)?;
        let Some(condition) = &statement.filter_expr else { return Ok(all) };
        let mut chosen = ListBuilder::new(&self.allowance)?;
        for item in all.items()? {
            let holds = self.in_scope(|this| {
                this.assign(&statement.target, item.clone())?;
                this.expression(condition).map(|value| value.is_true())
            })?;
            if holds {
                chosen.push(item.clone())?;
            }
        }
        chosen.into_sequence(SequenceKind::List)
    }

    /// An attribute of the variable `loop`.
    pub(super) fn loop_attribute(&self, number: usize, name: &str) -> Evaluated {
        let state = self.loops.iter().rev().find(|state| state.number == number);
        let state = state.ok_or_else(|| Fault::invalid("`loop` is used outside of its loop"))?;
        let (index, items) = (state.index, state.items.items()?);
        let neighbour = |at: Option<usize>| at.and_then(|at| items.get(at)).cloned();
        Ok(match name {
            "index" => PyValue::Int(index as i64 + 1),
            "index0" => PyValue::Int(index as i64),
            "revindex" => PyValue::Int((items.len() - index) as i64),
            "revindex0" => PyValue::Int((items.len() - index) as i64 - 1),
            "first" => PyValue::Bool(index == 0),
            "last" => PyValue::Bool(index + 1 == items.len()),
            "length" => PyValue::Int(items.len() as i64),
            // Only recursive loops are deeper.
            "depth" => PyValue::Int(1),
            "depth0" => PyValue::Int(0),
            "previtem" => neighbour(index.checked_sub(1)).unwrap_or_else(|| PyValue::undefined("loop.previtem")),
            "nextitem" => neighbour(index.checked_add(1)).unwrap_or_else(|| PyValue::undefined("loop.nextitem")),
            _ => return Ok(PyValue::undefined(name)),
        })
    }

    /// `loop.cycle(…)` and `loop.changed(…)`.
    pub(super) fn call_loop_method(&mut self, number: usize, name: &str, arguments: Arguments) -> Evaluated {
        let state = self.loops.iter_mut().rev().find(|state| state.number == number);
        let state = state.ok_or_else(|| Fault::invalid("`loop` is used outside of its loop"))?;
        let values = arguments.positional;
        if name == "cycle" {
            let position = state.index.checked_rem(values.len());
            let value = position.and_then(|position| values.into_iter().nth(position));
            return value.ok_or_else(|| Fault::invalid("cycle: no items"));
        }
        let value = self.allowance.list(SequenceKind::Tuple, values)?;
        let same = match &state.last {
            Some(last) => compare::equal(last, &value, &self.allowance)?,
            None => false,
        };
        state.last = Some(value);
        Ok(PyValue::Bool(!same))
    }
}
