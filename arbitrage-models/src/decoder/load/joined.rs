//! Loading of linear layers whose rows are those of one matrix, one layer behind the other.

use super::super::expected::{GATE_UP, QKV};
use super::super::linear::Linear;
use super::Loader;
use crate::error::Result;

impl Loader<'_> {
    /// Queries, keys and values of a layer.
    pub(super) fn joined_qkv(&self, layer: usize) -> Result<[Linear; 3]> {
        let [query, kv] = [self.config.heads, self.config.kv_heads].map(|heads| heads * self.config.head_dim);
        let parts = [("self_attn.q_proj", query), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)];
        let [query, key, value] = self.joined(layer, QKV, parts)?;
        Ok([query?, key?, value?])
    }

    /// Gate and up of a layer.
    pub(super) fn joined_gate_up(&self, layer: usize) -> Result<[Linear; 2]> {
        let inner = self.config.feed_forward;
        let [gate, up] = self.joined(layer, GATE_UP, [("mlp.gate_proj", inner), ("mlp.up_proj", inner)])?;
        Ok([gate?, up?])
    }

    /// The linear layers in the matrix `joined` of a layer, of which `parts` gives the names that they have in other files, and the rows,
    /// in their order.
    fn joined<const N: usize>(
        &self,
        layer: usize,
        joined: &str,
        parts: [(&str, usize); N],
    ) -> Result<[Result<Linear>; N]> {
        let name = |part: &str| self.full(&format!("layers.{layer}.{part}"));
        let [weight, bias] = ["weight", "bias"].map(|kind| name(&format!("{joined}.{kind}")));
        let stored = self.stored_linear(&weight, &bias)?;
        let mut end = 0;
        let linears = parts.map(|(part, rows)| {
            let start = end;
            end += rows;
            self.linear_of_rows(&stored, &name(part), Some(start..end), None)
        });
        self.source.forget(&weight);
        Ok(linears)
    }
}
