//! Model files are untrusted: over 200 invalid ones, and the error that each must give.

mod hostile;

use hostile::{config, folder, gguf_header, gguf_tensors, index, run, safetensors, template, tokenizer, vocabulary};

#[global_allocator]
static COUNTING: hostile::alloc::Counting = hostile::alloc::Counting;

#[test]
fn safetensors_files() {
    run([safetensors::lengths(), safetensors::json(), safetensors::tensors()].into_iter().flatten().collect(), 55);
}

#[test]
fn indices_and_shards() {
    run([index::indices(), index::shards()].into_iter().flatten().collect(), 29);
}

#[test]
fn gguf_files() {
    run([gguf_header::starts(), gguf_header::metadata(), gguf_tensors::tensors()].into_iter().flatten().collect(), 70);
}

#[test]
fn folders_that_hold_something_else() {
    run([folder::folders(), folder::caches(), folder::quantisations()].into_iter().flatten().collect(), 45);
}

#[test]
fn files_that_are_something_else() {
    run([folder::stand_ins(), folder::gguf_files()].into_iter().flatten().collect(), 20);
}

#[cfg(unix)]
#[test]
fn files_that_may_have_no_end() {
    run(folder::special_files(), 11);
}

#[test]
fn configs() {
    let tables = [config::keys(), config::unsupported(), config::sizes(), config::rope()];
    run(tables.into_iter().flatten().collect(), 74);
}

#[test]
fn gguf_configs() {
    run(gguf_tensors::configs(), 36);
}

#[test]
fn tokenizers() {
    let tables = [
        tokenizer::files(),
        tokenizer::model(),
        tokenizer::rules(),
        tokenizer::other_files(),
        tokenizer::ignored_settings(),
    ];
    run(tables.into_iter().flatten().collect(), 71);
}

#[test]
fn gguf_vocabularies() {
    let tables = [vocabulary::keys(), vocabulary::lists(), vocabulary::ignored_keys()];
    run(tables.into_iter().flatten().collect(), 43);
}

#[test]
fn templates() {
    run([template::failing(), template::endless()].into_iter().flatten().collect(), 37);
}
