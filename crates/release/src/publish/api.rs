//! GitHub's API as far as releases go: single requests, what their failures mean, and trying again.
//!
//! <https://docs.github.com/en/rest/releases>, and for limits
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::{io::Read, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use fs_err as fs;
use rst_fetch::Patience;
use rst_model::{
    Cancel, Hasher,
    event::{Event, Reporter},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    Agent, Body, ResponseExt as _, SendBody,
    config::RedirectAuthHeaders,
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header},
};

use super::PublishError;
use crate::record::FileRecord;

/// The version of the API that this was written for.
const VERSION: &str = "2022-11-28";
const JSON: &str = "application/vnd.github+json";
const BYTES: &str = "application/octet-stream";
/// A server that wants a longer pause is told good-bye.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// What GitHub's documentation asks for where a limit has no header that says when it is over.
const PAUSE_OF_A_LIMIT: Duration = Duration::from_secs(60);
/// What an answer may have in bytes, but for assets: a page of a hundred releases has some megabytes.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// `OWNER/NAME` at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `https://github.com/OWNER/NAME`.
    pub url: String,
    /// Where its API is.
    api: String,
    /// `OWNER/NAME`.
    path: String,
}

impl Repository {
    /// `https://HOST/OWNER/NAME`, as `release.toml` has it. The API is where GitHub and GitHub Enterprise have it,
    /// unless it is given.
    pub fn new(url: &str, api: Option<&str>) -> Self {
        let rest = url.trim_start_matches("https://");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = || match host {
            "github.com" => "https://api.github.com".to_owned(),
            host => format!("https://{host}/api/v3"),
        };
        let api = api.map_or_else(usual, |api| api.trim_end_matches('/').to_owned());
        Self { url: url.to_owned(), api, path: path.to_owned() }
    }
}

/// What lets us in. It is shown nowhere.
pub struct Token(HeaderValue);

impl Token {
    /// Takes the text of one.
    pub fn new(text: &str) -> Result<Self, PublishError> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(&format!("Bearer {text}")).ok().filter(|_| is_plain);
        let mut value = value.ok_or(PublishError::Token)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// Why one request was in vain.
pub(super) enum Trouble {
    Final(PublishError),
    /// Another attempt makes sense, after this pause if the server asked for one.
    Passing(String, Option<Duration>),
}

impl<E: Into<PublishError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

/// One repository's API.
pub(super) struct Api {
    agent: Agent,
    pub repository: Repository,
    token: Token,
    patience: Patience,
    cancel: Cancel,
    pub reporter: Arc<dyn Reporter>,
}

impl Api {
    pub fn new(repository: Repository, token: Token, cancel: Cancel, reporter: Arc<dyn Reporter>) -> Self {
        // GitHub digests an upload before it answers.
        let patience = Patience { attempts: 6, silence: Duration::from_secs(60), ..Patience::default() };
        let config = rst_fetch::connections(&patience).redirect_auth_headers(RedirectAuthHeaders::SameHost).build();
        Self { agent: config.into(), repository, token, patience, cancel, reporter }
    }

    /// Does something until it is done, or cannot be. It is told which attempt it is, from 1, since whatever an
    /// attempt asked for may have happened although no answer came.
    pub fn persist<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut(u32) -> Result<T, Trouble>,
    ) -> Result<T, PublishError> {
        let mut pause = self.patience.pause;
        let mut number = 1;
        loop {
            if self.cancel.is_cancelled() {
                return Err(PublishError::Cancelled);
            }
            let (reason, asked) = match attempt(number) {
                Ok(done) => return Ok(done),
                // What fails while everybody is asked to stop fails for that.
                Err(_) if self.cancel.is_cancelled() => return Err(PublishError::Cancelled),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(reason, asked)) => (reason, asked),
            };
            let what = what.to_owned();
            if number >= self.patience.attempts {
                return Err(PublishError::Unreachable { what, reason, attempts: number });
            }
            let wait = asked.unwrap_or(pause);
            if wait > LONGEST_PAUSE {
                let until = (Utc::now() + wait).to_rfc3339_opts(SecondsFormat::Secs, true);
                return Err(PublishError::RateLimited { what, until, wait });
            }
            let message = format!("{what}: {reason}; once more in {:.1} s", wait.as_secs_f64());
            self.reporter.event(Event::Warning { message });
            rst_fetch::pause(wait, &self.cancel)?;
            pause *= 2;
            number += 1;
        }
    }

    /// A request below the repository, and its answer.
    pub fn json<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Trouble> {
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        let mut request = self.request(method, &self.url(path), JSON);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        answer(self.send(request, bytes.as_bytes())?)
    }

    /// Removes something; what is gone already is fine.
    pub fn delete(&self, path: &str) -> Result<(), Trouble> {
        match self.send(self.request(Method::DELETE, &self.url(path), JSON), &[]) {
            Err(Trouble::Final(PublishError::Refused { status: 404, .. })) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sends a file to the host for uploads.
    pub fn upload<T: DeserializeOwned>(&self, url: &str, name: &str, file: &Path, size: u64) -> Result<T, Trouble> {
        let mut body = Sending { file: fs::File::open(file)?, name, sent: 0, api: self };
        self.reporter.event(Event::UploadStarted { asset: name.to_owned(), size });
        let request = self
            .request(Method::POST, url, JSON)
            .header(header::CONTENT_TYPE, BYTES)
            .header(header::CONTENT_LENGTH, size);
        let response = self.send(request, SendBody::from_reader(&mut body))?;
        self.reporter.event(Event::UploadProgress { asset: name.to_owned(), bytes: size });
        answer(response)
    }

    /// Digests what is there, where the server has no digest of it.
    pub fn digest(&self, path: &str) -> Result<FileRecord, Trouble> {
        let mut hasher = Hasher::default();
        self.read(path, &mut hasher)?;
        let (sha256, size) = hasher.finish();
        Ok(FileRecord { sha256, size })
    }

    /// Downloads an asset.
    pub fn read(&self, path: &str, to: &mut dyn std::io::Write) -> Result<(), Trouble> {
        let response = self.send(self.request(Method::GET, &self.url(path), BYTES), &[])?;
        let length = response.body().content_length();
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 64 * 1024];
        let mut have = 0;
        loop {
            let lost = |error| Trouble::Passing(format!("the connection was lost after {have} bytes: {error}"), None);
            match body.read(&mut buffer).map_err(lost)? {
                0 if length.is_some_and(|length| length != have) => {
                    return Err(Trouble::Passing(format!("the connection was cut after {have} bytes"), None));
                }
                0 => return Ok(()),
                count => {
                    to.write_all(&buffer[..count])?;
                    have += count as u64;
                }
            }
            if self.cancel.is_cancelled() {
                return Err(PublishError::Cancelled.into());
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/repos/{}/{path}", self.repository.api, self.repository.path)
    }

    fn request(&self, method: Method, url: &str, accept: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(url);
        request
            .header(header::ACCEPT, accept)
            .header(header::AUTHORIZATION, &self.token.0)
            .header("X-GitHub-Api-Version", VERSION)
    }

    /// Sends a request; an answer that is no success is a trouble.
    fn send(
        &self,
        request: ureq::http::request::Builder,
        body: impl ureq::AsSendBody,
    ) -> Result<Response<Body>, Trouble> {
        let name = name(&request);
        let unusable = |error: String| PublishError::Answer { request: name.clone(), reason: error };
        let request = request.body(body).map_err(|error| unusable(error.to_string()))?;
        let response = self.agent.run(request).map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects => unusable(error.to_string()).into(),
            error => Trouble::Passing(error.to_string(), None),
        })?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.trouble(name, response)),
        }
    }

    fn trouble(&self, request: String, mut response: Response<Body>) -> Trouble {
        let status = response.status();
        let text = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string().unwrap_or_default();
        let message = message(&text).unwrap_or_else(|| "no reason is given".to_owned());
        let asked = asked_pause(response.headers(), Utc::now());
        let limited = status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::FORBIDDEN && (asked.is_some() || message.contains("rate limit"));
        if limited {
            let pause = asked.unwrap_or(PAUSE_OF_A_LIMIT);
            return Trouble::Passing(format!("the server wants fewer requests ({status}: {message})"), Some(pause));
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Trouble::Passing(format!("the server answered {status}"), asked);
        }
        let repository = &self.repository.path;
        let help = match status {
            StatusCode::UNAUTHORIZED => {
                "the token in GITHUB_TOKEN or GH_TOKEN is not valid, or not any more".to_owned()
            }
            StatusCode::FORBIDDEN => {
                format!(
                    "the token needs `contents: write` for {repository}; in a workflow: permissions: contents: write"
                )
            }
            StatusCode::NOT_FOUND => format!(
                "there is no {repository} that the token may write to: is `repository` in release.toml right, and has \
                 the token `contents: write` for it?"
            ),
            _ => "is the release's commit in the repository? what was sent so far stays, as a draft".to_owned(),
        };
        Trouble::Final(PublishError::Refused { request, status: status.as_u16(), message, help })
    }
}

/// `POST /repos/o/r/releases`
fn name(request: &ureq::http::request::Builder) -> String {
    let method = request.method_ref().map(ToString::to_string).unwrap_or_default();
    format!("{method} {}", request.uri_ref().map(|uri| uri.path()).unwrap_or_default())
}

fn answer<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, Trouble> {
    let lost = |error: ureq::Error| Trouble::Passing(format!("the answer was lost: {error}"), None);
    let bytes = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(lost)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        PublishError::Answer { request: response.get_uri().path().to_owned(), reason: error.to_string() }.into()
    })
}

/// What GitHub says is wrong: a message, and for each field a code.
fn message(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let mut message = answer["message"].as_str().or(answer["title"].as_str())?.to_owned();
    let errors = answer["errors"].as_array().or(answer["validation"].as_array());
    for error in errors.into_iter().flatten() {
        let said = |key: &str| error[key].as_str();
        let words =
            said("message").map(str::to_owned).or_else(|| Some(format!("{} {}", said("field")?, said("code")?)));
        message += &format!("; {}", words.unwrap_or_else(|| error.to_string()));
    }
    Some(message)
}

/// How long the server wants to be left alone: `Retry-After` in seconds, or until its count begins anew.
fn asked_pause(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    let reset = number("x-ratelimit-reset").filter(|_| number("x-ratelimit-remaining") == Some(0))?;
    let now = now.timestamp().max(0).cast_unsigned();
    // One more, since clocks differ and seconds are whole.
    Some(Duration::from_secs(reset.saturating_sub(now) + 1))
}

/// A file on its way.
struct Sending<'a> {
    file: fs::File,
    name: &'a str,
    sent: u64,
    api: &'a Api,
}

impl Read for Sending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.api.cancel.is_cancelled() {
            return Err(std::io::Error::other("interrupted"));
        }
        // What is asked for now was sent before.
        if self.sent > 0 {
            self.api.reporter.event(Event::UploadProgress { asset: self.name.to_owned(), bytes: self.sent });
        }
        let count = self.file.read(buffer)?;
        self.sent += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_long_as_the_server_says() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let asked = |given: &[(&'static str, &str)]| {
            let headers = given.iter().map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap()));
            asked_pause(&HeaderMap::from_iter(headers), now).map(|pause| pause.as_secs())
        };
        assert_eq!(asked(&[("retry-after", "7")]), Some(7));
        let reset = |remaining, at| asked(&[("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", at)]);
        assert_eq!(reset("0", "1790000060"), Some(61));
        assert_eq!(reset("0", "1"), Some(1));
        assert_eq!(reset("10", "1790000060"), None);
        assert_eq!(asked(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]), None);
        assert_eq!(asked(&[("retry-after", "-1"), ("x-ratelimit-remaining", "0")]), None);
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn what_github_says_is_told_in_one_line() {
        let invalid = r#"{"message":"Validation Failed","errors":[{"resource":"Release","field":"tag_name","code":"already_exists"},{"message":"no tag"},"odd"]}"#;
        assert_eq!(message(invalid).as_deref(), Some(r#"Validation Failed; tag_name already_exists; no tag; "odd""#));
        assert_eq!(message("<html>"), None);
        assert_eq!(message("{}"), None);
    }

    #[test]
    fn the_api_is_where_github_or_github_enterprise_has_it() {
        let api = |url: &str, given| Repository::new(url, given).api;
        assert_eq!(api("https://github.com/o/r", None), "https://api.github.com");
        assert_eq!(api("https://git.example.org/o/r", None), "https://git.example.org/api/v3");
        assert_eq!(api("https://github.com/o/r", Some("http://localhost:1/")), "http://localhost:1");
        assert_eq!(Repository::new("https://github.com/o/r", None).path, "o/r");
    }

    #[test]
    fn a_token_is_one_word() {
        for wrong in ["", " ", "a b", "a\n", "\"a\"\r\n", "ä"] {
            assert!(Token::new(wrong).is_err(), "{wrong:?}");
        }
        Token::new("ghs_abc").unwrap();
    }
}
