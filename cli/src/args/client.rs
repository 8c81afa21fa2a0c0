//! Where client commands send to.

use clap::Args;
use reqwest::Url;
use schemas::access::ApiKey;

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Server to send to, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "LLM_LOG_URL", value_parser = parse_server_url)]
    pub(crate) url: Url,
    /// Key of the project, with the permission to create events
    #[arg(long, value_name = "KEY", env = "LLM_LOG_KEY", hide_env_values = true)]
    pub(crate) key: ApiKey,
}

/// The text is no address of a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAServerUrl {
    #[error("expected an address such as http://127.0.0.1:8080")]
    Form,
    #[error("this build speaks plain http only: put a proxy that speaks https in between")]
    Https,
}

/// Reads the address of a server; its path ends in a slash, so that others can be joined to it.
pub(crate) fn parse_server_url(text: &str) -> Result<Url, NotAServerUrl> {
    let url = Url::parse(&format!("{}/", text.trim().trim_end_matches('/'))).map_err(|_| NotAServerUrl::Form)?;
    match url.scheme() {
        "http" if url.host_str().is_some() && url.query().is_none() && url.fragment().is_none() => Ok(url),
        "https" => Err(NotAServerUrl::Https),
        _ => Err(NotAServerUrl::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_needs_its_scheme() {
        let parse = |text: &str| parse_server_url(text).map(|url| url.to_string());
        assert_eq!(parse("http://127.0.0.1:8080").expect("valid"), "http://127.0.0.1:8080/");
        assert_eq!(parse("http://logs.example/llm/").expect("valid"), "http://logs.example/llm/");
        for wrong in ["127.0.0.1:8080", "localhost:8080", "", "file:///etc", "http://", "http://a/?b=c"] {
            assert!(matches!(parse(wrong), Err(NotAServerUrl::Form)), "{wrong}");
        }
        assert!(matches!(parse("https://logs.example"), Err(NotAServerUrl::Https)));
    }
}
