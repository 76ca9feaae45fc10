//! Downloads over HTTP: resumed where they were cut, tried again after a pause, with limits, through
//! the proxies and with the certificates that the machine is set up for.

use std::{
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use fs_err as fs;
use rst_model::Cancel;
use ureq::{
    Agent,
    config::{Config, ConfigBuilder},
    http::StatusCode,
    tls::{RootCerts, TlsConfig},
    typestate::AgentScope,
};

use crate::error::OriginError;

/// How patient we are.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a download is begun.
    pub attempts: u32,
    /// The pause before the second; doubled for each further.
    pub pause: Duration,
    /// How long a connection may take, and how long it may then be silent.
    pub silence: Duration,
    /// How long one file may take in all.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 4,
            pause: Duration::from_millis(500),
            silence: Duration::from_secs(30),
            whole: Duration::from_secs(60 * 60),
        }
    }
}

/// The most that a service may answer, in bytes.
const LARGEST_ANSWER: u64 = 64 << 20;

/// How every connection is made: the machine's certificates and proxies, and no wait without an end.
pub fn connections(patience: &Patience) -> ConfigBuilder<AgentScope> {
    Config::builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .http_status_as_error(false)
        .timeout_connect(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence))
        .user_agent(concat!("rst/", env!("CARGO_PKG_VERSION")))
}

/// Waits, unless asked to stop.
pub fn pause(time: Duration, cancel: &Cancel) -> Result<(), Cancelled> {
    let until = Instant::now() + time;
    while !cancel.is_cancelled() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
    Err(Cancelled)
}

/// Asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// A client.
pub(crate) struct Http {
    agent: Agent,
    patience: Patience,
}

/// What a request says beside its URL. Nothing of it goes on to another host.
pub(crate) type Headers<'a> = [(&'a str, String)];

/// Whether another attempt makes sense.
enum Trouble {
    Final(OriginError),
    Passing(String),
}

impl Http {
    pub(crate) fn new(patience: Patience, proxy: Option<&str>) -> Self {
        let mut config = connections(&patience);
        if let Some(proxy) = proxy.and_then(|proxy| ureq::Proxy::new(proxy).ok()) {
            config = config.proxy(Some(proxy));
        }
        Self { agent: config.build().into(), patience }
    }

    /// Downloads a URL to a file; what the file holds already is kept and continued.
    pub(crate) fn download(
        &self,
        url: &str,
        headers: &Headers,
        to: &Path,
        cancel: &Cancel,
        progress: &dyn Fn(u64),
    ) -> Result<(), OriginError> {
        let begun = Instant::now();
        self.patiently(url, cancel, || self.attempt((url, headers), to, begun, cancel, progress))
    }

    /// What a server that wants to know who asks says of how one tells it; nothing, if it does not.
    pub(crate) fn challenge(&self, url: &str, cancel: &Cancel) -> Result<Option<String>, OriginError> {
        self.patiently(url, cancel, || {
            let answer = self.agent.get(url).call().map_err(trouble)?;
            if answer.status() == StatusCode::UNAUTHORIZED {
                let challenge = answer.headers().get("WWW-Authenticate").and_then(|value| value.to_str().ok());
                return Ok(Some(challenge.unwrap_or_default().to_owned()));
            }
            expect_ok(answer.status())?;
            Ok(None)
        })
    }

    /// Tries again, after a pause, what may have failed by chance.
    fn patiently<T>(
        &self,
        url: &str,
        cancel: &Cancel,
        attempt_once: impl Fn() -> Result<T, Trouble>,
    ) -> Result<T, OriginError> {
        let mut wait = self.patience.pause;
        let mut attempt = 1;
        loop {
            let trouble = match attempt_once() {
                Ok(done) => return Ok(done),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(reason)) => reason,
            };
            if attempt >= self.patience.attempts {
                return Err(OriginError::reason(format!("{trouble} (tried {attempt} times)")));
            }
            tracing::debug!("{url}: {trouble}; once more in {wait:?}");
            self::pause(wait, cancel).map_err(|Cancelled| OriginError::Cancelled)?;
            wait *= 2;
            attempt += 1;
        }
    }

    /// What a service answers in JSON: to an object that is posted to it, or to the URL alone.
    pub(crate) fn json(
        &self,
        url: &str,
        posted: Option<&serde_json::Value>,
        cancel: &Cancel,
    ) -> Result<serde_json::Value, OriginError> {
        let ask = || {
            let answer = match posted {
                Some(object) => self.agent.post(url).content_type("application/json").send(object.to_string()),
                None => self.agent.get(url).call(),
            };
            let mut answer = answer.map_err(trouble)?;
            expect_ok(answer.status())?;
            let body = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
            let body = body.map_err(|error| Trouble::Passing(format!("the answer was cut short: {error}")))?;
            serde_json::from_slice(&body)
                .map_err(|error| Trouble::Final(OriginError::reason(format!("the answer is no JSON: {error}"))))
        };
        self.patiently(url, cancel, ask)
    }

    fn attempt(
        &self,
        (url, headers): (&str, &Headers),
        to: &Path,
        begun: Instant,
        cancel: &Cancel,
        progress: &dyn Fn(u64),
    ) -> Result<(), Trouble> {
        let stop = |error: std::io::Error| Trouble::Final(error.into());
        let mut file = fs::OpenOptions::new().create(true).append(true).open(to).map_err(stop)?;
        let mut have = file.metadata().map_err(stop)?.len();
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = request.call().map_err(trouble)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            // All of it was here already.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
            StatusCode::OK => {
                file.set_len(0).map_err(stop)?;
                file.rewind().map_err(stop)?;
                have = 0;
            }
            status => expect_ok(status)?,
        }
        let expected = response.body().content_length().map(|rest| have + rest);
        let config = response.into_body();
        let mut body = config.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if cancel.is_cancelled() {
                return Err(Trouble::Final(OriginError::Cancelled));
            }
            if begun.elapsed() > self.patience.whole {
                return Err(Trouble::Final(OriginError::reason(format!(
                    "it took longer than {:?}",
                    self.patience.whole
                ))));
            }
            let count = body
                .read(&mut buffer)
                .map_err(|error| Trouble::Passing(format!("the connection was lost after {have} bytes: {error}")))?;
            if count == 0 {
                break;
            }
            file.write_all(&buffer[..count]).map_err(stop)?;
            have += count as u64;
            progress(have);
        }
        match expected {
            Some(expected) if expected != have => {
                Err(Trouble::Passing(format!("the connection was cut after {have} of {expected} bytes")))
            }
            _ => Ok(()),
        }
    }
}

fn trouble(error: ureq::Error) -> Trouble {
    match error.to_string() {
        // A name that nobody knows now will not be known in a second.
        text if text.contains("failed to lookup address") => Trouble::Final(OriginError::reason(text)),
        text => Trouble::Passing(text),
    }
}

fn expect_ok(status: StatusCode) -> Result<(), Trouble> {
    match status {
        StatusCode::OK => Ok(()),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Trouble::Passing(format!("the server answered {status}")))
        }
        status => Err(Trouble::Final(OriginError::reason(format!("the server answered {status}")))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_that_goes_silent_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").unwrap();
            // Until the client leaves.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a");
        let patience = Patience { attempts: 1, silence: Duration::from_millis(200), ..Patience::default() };
        let http = Http::new(patience, None);
        let error = http.download(&url, &[], &to, &Cancel::default(), &|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("the connection was lost after 3 bytes"), "{error}");
        assert_eq!(fs::read(to).unwrap(), b"abc");
        server.join().unwrap();
    }
}
