//! A server on models that write random text, to try the protocol without weights.
//!
//! ```sh
//! cargo run -p arbitrage-serve --example serve -- 127.0.0.1:8080
//! python examples/serve/openai_client.py
//! ```

use std::net::TcpListener;

use arbitrage_core::testing::Babbler;
use arbitrage_core::{Author, Engine, Limits};
use arbitrage_router::Policy;
use arbitrage_serve::{Policies, Server};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let draft = Babbler::new("babbler-small", Author::Draft, 1).with_cache();
    let target = Babbler::new("babbler-large", Author::Target, 2).with_cache();
    let limits = Limits::default().with_in_flight(32);

    let policies = Policies::new(Policy::MeanLogprob(-1.2));
    let server = Server::new(policies, |router| Engine::new(draft, target, router).with_limits(limits))?;
    let listener = TcpListener::bind(&address)?;
    println!("http://{}", listener.local_addr()?);
    server.run(listener, || false)?;
    Ok(())
}
