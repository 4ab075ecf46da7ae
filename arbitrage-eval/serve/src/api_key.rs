//! The API key that protects a server.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ServeError;

/// An API key. Only its digest is kept in memory, and `Debug` does not print it.
///
/// ```
/// use arbitrage_serve::ApiKey;
/// assert!(!format!("{:?}", ApiKey::new("secret")?).contains("secret"));
/// assert!(ApiKey::new(" ").is_err());
/// # Ok::<(), arbitrage_serve::ServeError>(())
/// ```
#[derive(Clone)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    /// The key `secret`, without the white space around it.
    ///
    /// # Errors
    /// [`ServeError::InvalidKey`] where the key is empty, or has a character that is not visible ASCII.
    pub fn new(secret: &str) -> Result<Self, ServeError> {
        let secret = secret.trim();
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::InvalidKey);
        }
        Ok(Self(digest(secret)))
    }

    /// Whether a request with these headers has the key. Digests are compared in constant time, so the time of a refusal reveals neither
    /// the characters of the key nor its length.
    pub(super) fn authorizes(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| digest(token.trim()).ct_eq(&self.0).into())
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_authorizes() {
        let key = ApiKey::new(" abc\n").unwrap();
        let authorizes =
            |value: &str| key.authorizes(&HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]));
        assert!(authorizes("Bearer abc") && authorizes("bearer  abc"));
        for wrong in ["Bearer ab", "Bearer abcd", "Bearer ", "Bearer", "abc", "Basic abc", ""] {
            assert!(!authorizes(wrong), "{wrong}");
        }
        assert!(!key.authorizes(&HeaderMap::new()));
    }
}
