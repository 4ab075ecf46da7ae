//! The key that requests have to bring.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ServeError;

/// A bearer key. Only its digest is kept, and nothing prints it.
///
/// ```
/// use arbitrage_serve::Key;
/// assert!(!format!("{:?}", Key::new("secret")?).contains("secret"));
/// assert!(Key::new(" ").is_err());
/// # Ok::<(), arbitrage_serve::ServeError>(())
/// ```
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// The key `secret`, white space around it left out.
    ///
    /// # Errors
    /// [`ServeError::Key`] where nothing is left, or something that no header can carry.
    pub fn new(secret: &str) -> Result<Self, ServeError> {
        let secret = secret.trim();
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::Key);
        }
        Ok(Self(digest(secret)))
    }

    /// Whether the request brings the key. Digests are compared, in constant time: neither the key's letters nor its length
    /// can be learned from how long a refusal takes.
    pub(super) fn opens(&self, headers: &HeaderMap) -> bool {
        let brought = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            brought.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| digest(token.trim()).ct_eq(&self.0).into())
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_alone_opens() {
        let key = Key::new(" abc\n").unwrap();
        let opens = |value: &str| key.opens(&HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]));
        assert!(opens("Bearer abc") && opens("bearer  abc"));
        for wrong in ["Bearer ab", "Bearer abcd", "Bearer ", "Bearer", "abc", "Basic abc", ""] {
            assert!(!opens(wrong), "{wrong}");
        }
        assert!(!key.opens(&HeaderMap::new()));
    }
}
