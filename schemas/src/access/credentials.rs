//! What the headers of a request say of who sends it.

use super::ApiKey;

/// The header that carries an API key. HTTP compares the names of headers in any case.
pub const API_KEY_HEADER: &str = "apikey";

/// Why a request has no key to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// What stands there is no key, or it is sent twice.
    #[error("the header has no key, or more than one")]
    Invalid,
    /// It has the token of a session. There are no sessions here, so none is valid.
    #[error("the token of a session is not valid")]
    Session,
    #[error("the request has neither a key nor the token of a session")]
    Nothing,
}

impl ApiKey {
    /// Reads the values of a request's headers [`API_KEY_HEADER`] and `Authorization`. A key wins over a session,
    /// even an empty one; a key that is sent twice is none.
    pub fn of_headers<'a>(
        keys: impl IntoIterator<Item = &'a [u8]>,
        authorizations: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, NoKey> {
        let mut keys = keys.into_iter();
        let Some(key) = keys.next() else {
            let session = authorizations.into_iter().any(is_bearer);
            return Err(if session { NoKey::Session } else { NoKey::Nothing });
        };
        match (std::str::from_utf8(key.trim_ascii()), keys.next()) {
            (Ok(key), None) if key.is_ascii() => key.parse().map_err(|_| NoKey::Invalid),
            _ => Err(NoKey::Invalid),
        }
    }
}

fn is_bearer(authorization: &[u8]) -> bool {
    let mut words = authorization.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "550e8400-e29b-41d4-a716-446655440000";

    #[test]
    fn one_key_is_a_key_and_wins_over_a_session() {
        let of = |keys: &[&str], authorizations: &[&str]| {
            let (keys, authorizations) = (keys.iter(), authorizations.iter());
            let key = ApiKey::of_headers(keys.map(|key| key.as_bytes()), authorizations.map(|text| text.as_bytes()));
            key.map(ApiKey::reveal)
        };
        let padded = format!(" {}\t", KEY.to_uppercase());
        assert_eq!(of(&[KEY], &["Bearer x"]).as_deref(), Ok(KEY));
        assert_eq!(of(&[&padded], &[]).as_deref(), Ok(KEY));
        let (no_space, braces) = (format!("\u{a0}{KEY}"), format!("{{{KEY}}}"));
        for keys in [&[""][..], &[" "], &[KEY, KEY], &["", KEY], &["ключ"], &[&no_space], &[&braces], &["not-a-key"]]
        {
            assert_eq!(of(keys, &["Bearer x"]), Err(NoKey::Invalid), "{keys:?}");
        }
        for session in ["Bearer x", "bearer x", "BEARER\tx", "Bearer"] {
            assert_eq!(of(&[], &["Basic x", session]), Err(NoKey::Session), "{session}");
        }
        for other in ["", "Bearerx", "ApiKey k", "x Bearer"] {
            assert_eq!(of(&[], &[other]), Err(NoKey::Nothing), "{other}");
        }
    }
}
