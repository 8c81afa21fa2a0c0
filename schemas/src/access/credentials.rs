//! What the headers of a request say of who sends it.

/// The header that carries an API key. HTTP compares the names of headers in any case.
pub const API_KEY_HEADER: &str = "apikey";

/// What a request has to prove who sends it, as text that is still to be looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// An API key, trimmed and not empty.
    Key(&'a str),
    /// The token of a session.
    Session,
    Nothing,
}

/// The request has an API key's header, but not one key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header has no key, or more than one")]
pub struct NotOneKey;

impl<'a> Credentials<'a> {
    /// Reads the values of a request's headers [`API_KEY_HEADER`] and `Authorization`. A key wins over a session,
    /// even an empty one; a key that is sent twice is none.
    pub fn of_headers(
        keys: impl IntoIterator<Item = &'a [u8]>,
        authorizations: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, NotOneKey> {
        let mut keys = keys.into_iter();
        let Some(key) = keys.next() else {
            let session = authorizations.into_iter().any(is_bearer);
            return Ok(if session { Self::Session } else { Self::Nothing });
        };
        match (std::str::from_utf8(key.trim_ascii()), keys.next()) {
            (Ok(key), None) if !key.is_empty() && key.is_ascii() => Ok(Self::Key(key)),
            _ => Err(NotOneKey),
        }
    }
}

fn is_bearer(authorization: &[u8]) -> bool {
    let mut words = authorization.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(…)",
            Self::Session => "Session",
            Self::Nothing => "Nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_a_key_and_wins_over_a_session() {
        let of = |keys: &[&'static str], authorizations: &[&'static str]| {
            let (keys, authorizations) = (keys.iter(), authorizations.iter());
            Credentials::of_headers(keys.map(|key| key.as_bytes()), authorizations.map(|text| text.as_bytes()))
        };
        assert_eq!(of(&["k"], &["Bearer x"]), Ok(Credentials::Key("k")));
        assert_eq!(of(&[" k\t"], &[]), Ok(Credentials::Key("k")));
        for keys in [&[""][..], &[" "], &["k", "k"], &["", "k"], &["ключ"], &["\u{a0}k"]] {
            assert_eq!(of(keys, &["Bearer x"]), Err(NotOneKey), "{keys:?}");
        }
        for session in ["Bearer x", "bearer x", "BEARER\tx", "Bearer"] {
            assert_eq!(of(&[], &["Basic x", session]), Ok(Credentials::Session), "{session}");
        }
        for other in ["", "Bearerx", "ApiKey k", "x Bearer"] {
            assert_eq!(of(&[], &[other]), Ok(Credentials::Nothing), "{other}");
        }
        assert_eq!(format!("{:?}", Credentials::Key("secret")), "Key(…)");
    }
}
