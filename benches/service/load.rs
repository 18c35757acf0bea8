//! A service in a process of its own, and who asks it.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use benches::servers::PATH;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// So many ask at a time, each as soon as it was answered.
const ASKERS: usize = 8;

/// What a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Nothing.
    Absent,
    /// Five members of baggage that are others', as tracers write them.
    Others,
    /// Which preview is wanted.
    Preview,
}

impl Case {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Absent, Self::Others, Self::Preview];

    /// As it stands in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Others => "others",
            Self::Preview => "preview",
        }
    }

    fn put(self, headers: &mut HeaderMap) -> Result<()> {
        match self {
            Self::Absent => {}
            Self::Others => {
                let others = (0..5).map(|n| format!("key{n:02}=value-{n:02}")).collect::<Vec<_>>();
                headers.insert("baggage", others.join(",").parse()?);
            }
            Self::Preview => {
                headers.insert("x-preview", "release-42".parse()?);
                headers.insert("baggage", "preview=release-42".parse()?);
            }
        }
        Ok(())
    }
}

/// A service that runs.
pub(crate) struct Service {
    child: Child,
    port: u16,
    http2: bool,
}

/// What one round measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Round {
    /// Requests a second.
    pub(crate) throughput: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Microseconds on the processor, of each request.
    pub(crate) cpu: f64,
}

impl Service {
    pub(crate) fn start(framework: &str, wiring: &str, threads: usize) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_served"));
        command.args([framework, wiring, &threads.to_string()]).env_clear();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("it says nothing")?).read_line(&mut line)?;
        Ok(Self { child, port: line.trim().parse()?, http2: framework == "tonic" })
    }

    /// Asks for so long.
    pub(crate) async fn round(&self, case: Case, time: Duration) -> Result<Round> {
        let (began, before) = (Instant::now(), self.on_processor()?);
        let mut askers = JoinSet::new();
        for mut asker in self.askers().await? {
            let request = self.request(case)?;
            askers.spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < time {
                    let asked = Instant::now();
                    let answer = asker.ask(request.clone()).await?;
                    assert_eq!(answer.status(), 200);
                    answer.into_body().collect().await?;
                    took.push(asked.elapsed());
                }
                Ok::<_, hyper::Error>(took)
            });
        }
        let mut took = Vec::new();
        while let Some(asker) = askers.join_next().await {
            took.extend(asker??);
        }
        let (elapsed, cpu) = (began.elapsed(), self.on_processor()? - before);
        took.sort_unstable();
        let percentile = |part: f64| {
            let at = (took.len() as f64 * part) as usize;
            took.get(at.min(took.len().saturating_sub(1))).map_or(0.0, |t| t.as_secs_f64() * 1e6)
        };
        let count = took.len().max(1) as f64;
        Ok(Round {
            throughput: count / elapsed.as_secs_f64(),
            p50: percentile(0.5),
            p99: percentile(0.99),
            p999: percentile(0.999),
            cpu: cpu / count,
        })
    }

    /// With a connection each, or with one of HTTP/2 for all.
    async fn askers(&self) -> Result<Vec<Asker>> {
        let mut askers = Vec::new();
        while askers.len() < ASKERS {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.set_nodelay(true)?;
            let stream = TokioIo::new(stream);
            if self.http2 {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                askers.resize_with(ASKERS, || Asker::Http2(sender.clone()));
            } else {
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(connection);
                askers.push(Asker::Http1(sender));
            }
        }
        Ok(askers)
    }

    fn request(&self, case: Case) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::default());
        if self.http2 {
            *request.method_mut() = http::Method::POST;
            // One message, of nothing.
            *request.body_mut() = Full::from(Bytes::from_static(&[0; 5]));
            request.headers_mut().insert("content-type", "application/grpc".parse()?);
            request.headers_mut().insert("te", "trailers".parse()?);
            *request.uri_mut() = format!("http://127.0.0.1:{}{PATH}", self.port).parse()?;
        } else {
            *request.uri_mut() = Uri::from_static(PATH);
            request.headers_mut().insert("host", "fms-api".parse()?);
        }
        case.put(request.headers_mut())?;
        Ok(request)
    }

    /// Microseconds that its threads were on a processor; nought where the system does not say.
    fn on_processor(&self) -> Result<f64> {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return Ok(0.0);
        };
        let mut nanoseconds = 0.0;
        for thread in threads.flatten() {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds +=
                text.split(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(nanoseconds / 1000.0)
    }
}

enum Asker {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Asker {
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        _ = self.child.wait();
    }
}
