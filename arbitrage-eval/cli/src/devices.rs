//! `arbitrage devices`: what models can run on.

use std::io::Write;

use arbitrage_models::{DeviceFacts, compiled_devices, found_devices};

use crate::Failure;

/// Lists the backends that were compiled in, the devices that were found, and how the processor is used.
pub(crate) fn run() -> Result<(), Failure> {
    let out = &mut std::io::stdout().lock();
    let (compiled, found) = (compiled_devices(), found_devices());
    writeln!(out, "compiled in: {}", compiled.join(", "))?;
    for device in &found {
        let facts = device.facts().map_or_else(|| "cannot be opened".to_owned(), |facts| description(&facts));
        writeln!(out, "{:9} {facts}", device.name)?;
    }
    let is_found = |backend: &str| found.iter().any(|device| device.name.split(':').next() == Some(backend));
    for backend in compiled.into_iter().filter(|backend| !is_found(backend)) {
        writeln!(out, "{backend:9} no device found")?;
    }
    #[cfg(feature = "flex")]
    processor(out)?;
    Ok(())
}

/// How the packed operations run on the processor.
#[cfg(feature = "flex")]
fn processor(out: &mut impl Write) -> Result<(), Failure> {
    let facts = arbitrage_models::processor_facts()?;
    writeln!(out, "\nthreads: {}", facts.threads)?;
    writeln!(out, "instruction set: {} (this processor has {})", facts.instruction_set, facts.available.join(", "))?;
    Ok(())
}

fn description(facts: &DeviceFacts) -> String {
    let model = facts.model.as_deref().unwrap_or("the processor");
    let formats: Vec<_> =
        [(facts.f16, "f16"), (facts.bf16, "bf16")].into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
    let formats = if formats.is_empty() { "no half precision".to_owned() } else { formats.join(", ") };
    // Names of drivers are untrusted: they could hold escape sequences of the terminal.
    format!("{:40} {formats}", model.escape_debug().to_string())
}
