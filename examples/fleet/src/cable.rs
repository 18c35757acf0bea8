//! A cable to an instance that can be cut: for everybody else its process was killed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// Leads from a port of its own to that of an instance.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    carrying: JoinHandle<()>,
}

impl Cable {
    /// Leads to this instance, from a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn to(instance: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let carrying = tokio::spawn(carry(listener, instance, ended));
        Ok(Self { address, end, carrying })
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks all connections off, and lets nobody in any more. While what it returns lives, nobody else gets the
    /// port.
    ///
    /// # Errors
    ///
    /// When the port can't be kept.
    pub async fn cut(self) -> io::Result<TcpSocket> {
        _ = self.end.send(());
        _ = self.carrying.await;
        let socket = TcpSocket::new_v4()?;
        // Its connections may not be forgotten yet.
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        Ok(socket)
    }
}

async fn carry(listener: TcpListener, instance: SocketAddr, mut end: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = connections.spawn(connect(stream, instance)),
                Err(_) => break,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut end => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connect(mut here: TcpStream, instance: SocketAddr) -> io::Result<()> {
    let mut there = TcpStream::connect(instance).await?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    copy_bidirectional(&mut here, &mut there).await?;
    Ok(())
}
