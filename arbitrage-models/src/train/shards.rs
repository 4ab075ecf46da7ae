//! The gradients of a batch, computed by several threads.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use super::objective::Objective;
use crate::device::is_processor;
use crate::error::{Error, Result};

/// The mean loss of `batch`, and its gradients. Each of `shards` parts of the batch runs on its own thread, since most of burn's
/// operations on the processor use only one. The parts and the order of their sum are fixed, so the result is reproducible bit for
/// bit. On an accelerator the batch is not split: it has one queue, and large products use it better.
pub(super) fn gradients<O: Objective>(
    objective: &O,
    model: &O::Model,
    batch: &[usize],
    shards: usize,
) -> Result<(f64, GradientsParams)> {
    let total: f64 = batch.iter().map(|&example| objective.weight(example)).sum();
    let device = device_of(model);
    let shards = if is_processor(&device) { shards } else { 1 };
    let parts: Vec<&[usize]> = batch.chunks(batch.len().div_ceil(shards.max(1)).max(1)).collect();
    let results = std::thread::scope(|scope| {
        let run = |part| {
            // Each fork has its own graph, since backward passes over one graph would wait for each other.
            let fork = model.clone().fork(&device);
            scope.spawn(move || shard(objective, fork, part, total))
        };
        let threads: Vec<_> = parts.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect::<Vec<_>>()
    });
    let (mut sum, mut accumulator) = (0.0, GradientsAccumulator::new());
    for result in results {
        let (loss, gradients) = result?;
        sum += loss;
        accumulator.accumulate(model, gradients);
    }
    Ok((sum, accumulator.grads()))
}

fn shard<O: Objective>(objective: &O, model: O::Model, part: &[usize], total: f64) -> Result<(f64, GradientsParams)> {
    let loss: Tensor<1> = objective.loss(&model, part)? / total;
    let value = f64::from(loss.clone().into_scalar::<f32>());
    Ok((value, GradientsParams::from_grads(loss.backward(), &model)))
}

fn device_of<M: Module>(model: &M) -> burn::tensor::Device {
    model.devices().into_iter().next().unwrap_or_default()
}

fn panicked() -> Error {
    Error::Parameter { name: "objective", expected: "a loss".to_owned(), found: "a panic".to_owned() }
}
