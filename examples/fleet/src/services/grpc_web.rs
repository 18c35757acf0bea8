//! gRPC over HTTP/1.1, for clients such as awc:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use std::error::Error;

use awc::Client;
use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes, BytesMut};

/// The frame that holds trailers.
const TRAILERS: u8 = 0x80;
/// The trailer that says that all went well.
const OK: (&str, &str) = ("grpc-status", "0");

/// Calls a method with one message, and takes one back.
///
/// # Errors
///
/// When there is no answer, or one that says so.
pub(super) async fn call<A: Message, B: Message + Default>(
    client: &Client,
    url: &str,
    message: &A,
) -> Result<B, Box<dyn Error>> {
    let request = client.post(url).content_type("application/grpc-web+proto");
    let mut response = request.send_body(framed(message)?).await.map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("{url} answers {}", response.status()).into());
    }
    // An answer without a message may say why in its head.
    if let Some(status) = response.headers().get("grpc-status").filter(|status| *status != "0") {
        return Err(format!("{url} answers with grpc-status {status:?}").into());
    }
    unframed(response.body().await?)
}

fn framed(message: &impl Message) -> Result<Bytes, Box<dyn Error>> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len().try_into()?);
    message.encode(&mut frame)?;
    Ok(frame.freeze())
}

fn unframed<M: Message + Default>(mut body: Bytes) -> Result<M, Box<dyn Error>> {
    let (mut message, mut went_well) = (None, false);
    while body.remaining() >= 5 {
        let (kind, length) = (body.get_u8(), body.get_u32() as usize);
        if length > body.remaining() {
            return Err("the answer is cut off".into());
        }
        let frame = body.split_to(length);
        if kind == TRAILERS {
            let trailers = String::from_utf8_lossy(&frame).to_ascii_lowercase();
            let fields = trailers.lines().filter_map(|line| line.split_once(':'));
            went_well = fields.map(|(name, value)| (name.trim(), value.trim())).any(|f| f == OK);
            if !went_well {
                return Err(trailers.into());
            }
        } else {
            message = Some(M::decode(frame)?);
        }
    }
    message.filter(|_| went_well).ok_or_else(|| "the answer has no message, or no end".into())
}
