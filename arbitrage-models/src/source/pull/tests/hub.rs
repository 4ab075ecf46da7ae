use std::time::Instant;

use super::sandbox::Sandbox;
use super::server::{Fault, Server};
use crate::Error;

/// A sandbox whose package index is empty.
fn sandbox(fault: Fault) -> (Sandbox, Server) {
    let mut sandbox = Sandbox::new(1);
    std::fs::remove_file(sandbox.index(1, "whl")).unwrap();
    let server = Server::start(&[("fake.gguf", &sandbox.content)]);
    server.repository().fault = fault;
    sandbox.settings.hub = server.address.clone();
    (sandbox, server)
}

#[test]
fn a_download_follows_redirects_and_resumes_where_it_was_cut() {
    let (whole, server) = sandbox(Fault::None);
    whole.resolve_completely();
    assert_eq!(server.requested(), ["0-"]);
    assert!(whole.requested().is_empty());

    let (cut, server) = sandbox(Fault::Cut);
    cut.resolve_completely();
    assert_eq!(server.requested(), ["0-", "335-"]);
}

#[test]
fn a_hub_that_sends_almost_nothing_is_given_up_and_its_bytes_are_kept() {
    let (dripping, server) = sandbox(Fault::Drip);
    let message = dripping.resolve_error();
    assert!(message.contains("after 3 of 1007 bytes, which are kept"), "{message}");
    assert_eq!(server.requested(), ["0-", "1-", "2-"]);
    server.repository().fault = Fault::None;
    dripping.resolve_completely();
    assert_eq!(server.requested(), ["3-"]);
}

#[test]
fn odd_answers_are_refused() {
    for (fault, reason) in [
        (Fault::Size, "the file there has 1008 bytes, expected 1007"),
        (Fault::NoRanges, "does not support resuming a download"),
        (Fault::Status(401), "accept the licence on http://127.0.0.1:"),
        (Fault::Status(403), "/owner/fake, and set HF_TOKEN to a token of that account"),
        (Fault::Status(404), "there is no such file"),
        (Fault::Status(503), "the hub answered 503"),
    ] {
        let (sandbox, _server) = sandbox(fault);
        let message = sandbox.resolve_error();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn after_wrong_bytes_from_the_hub_the_index_is_tried() {
    let (sandbox, _server) = sandbox(Fault::Wrong);
    assert!(matches!(sandbox.resolve(), Err(Error::Digest { .. })));
    assert!(!sandbox.cached().exists());
    sandbox.serve(1, &sandbox.content);
    sandbox.resolve_completely();
}

#[test]
fn an_unreachable_hub_is_given_up_soon() {
    let sandbox = Sandbox::new(1);
    let start = Instant::now();
    sandbox.resolve_completely();
    assert!(start.elapsed().as_secs() < 6);
}

#[test]
fn a_download_may_be_made_inside_a_runtime() {
    let (sandbox, _server) = sandbox(Fault::None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { sandbox.resolve_completely() });
}
