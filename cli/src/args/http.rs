//! Where HTTP is served, and to whose web pages.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::Args;
use reqwest::Url;

use crate::http::Cors;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", env = "LLM_LOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Origin whose web pages may call, such as https://logs.example, or * for every one; may be given many times,
    /// or several with commas between
    #[arg(
        long = "cors-origin",
        value_name = "ORIGIN",
        env = "LLM_LOG_CORS_ORIGIN",
        default_value = "*",
        value_delimiter = ','
    )]
    cors_origins: Vec<CorsOrigin>,
}

impl ListenArgs {
    pub(crate) fn cors(&self) -> Cors {
        let named = self.cors_origins.iter().map(|origin| match origin {
            CorsOrigin::Any => None,
            CorsOrigin::Named(origin) => Some(origin.clone()),
        });
        named.collect::<Option<Vec<String>>>().map_or(Cors::Everybody, Cors::Only)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CorsOrigin {
    Any,
    /// As browsers write it: lower case, without a scheme's own port.
    Named(String),
}

/// The text names no origin of web pages.
#[derive(Debug, thiserror::Error)]
#[error("expected * or a scheme, a host and perhaps a port, such as https://logs.example:8443")]
struct NotAnOrigin;

impl FromStr for CorsOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let origin = url.origin().ascii_serialization();
        // Whatever else a URL may have is no part of an origin, and whoever wrote it meant something else.
        let is_bare = url.as_str().trim_end_matches('/').len() == origin.len();
        if matches!(url.scheme(), "http" | "https") && is_bare { Ok(Self::Named(origin)) } else { Err(NotAnOrigin) }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        listen: ListenArgs,
    }

    fn cors(args: &[&str]) -> Option<Cors> {
        let parsed = Only::try_parse_from(["test"].iter().chain(args)).ok()?;
        Some(parsed.listen.cors())
    }

    #[test]
    fn origins_are_named_as_browsers_write_them() {
        let named = |origins: &[&str]| Some(Cors::Only(origins.iter().map(|origin| (*origin).to_owned()).collect()));
        assert_eq!(cors(&[]), Some(Cors::Everybody));
        assert_eq!(cors(&["--cors-origin", "https://Logs.Example:443/"]), named(&["https://logs.example"]));
        assert_eq!(
            cors(&["--cors-origin", "http://localhost:3000,https://a.example", "--cors-origin", "https://b.example"]),
            named(&["http://localhost:3000", "https://a.example", "https://b.example"])
        );
        assert_eq!(cors(&["--cors-origin", "https://a.example", "--cors-origin", "*"]), Some(Cors::Everybody));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "logs.example",
            "https://",
            "https://a.example/page",
            "https://a.example?b=c",
            "null",
            "https://u@a.example",
            "file:///x",
            "https://a.example#",
        ] {
            assert_eq!(cors(&["--cors-origin", text]), None, "{text}");
        }
    }
}
