//! What stands before the router: the paths that take events lead straight to it.
//!
//! A router looks for a path among all, takes it apart, and puts what it calls into boxes. For one event that costs as
//! much processor time as reading and judging it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::App;
use super::collect::{self, Form};
use super::rates::Peer;

/// All paths.
#[derive(Clone)]
pub(crate) struct Front {
    pub(super) app: Arc<App>,
    router: Router,
    /// Whose connection it is, where that is needed.
    pub(super) peer: Option<Peer>,
}

impl Front {
    pub(super) fn new(app: Arc<App>, router: Router) -> Self {
        Self { app, router, peer: None }
    }

    /// The paths for one connection.
    pub(super) fn of(&self, peer: SocketAddr) -> Self {
        Self { peer: self.app.rates.need_peers().then(|| Peer(peer.ip())), ..self.clone() }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let form = if request.method() == Method::POST { Form::at(request.uri().path()) } else { None };
        match form {
            Some(form) => {
                let app = Arc::clone(&self.app);
                Box::pin(async move { Ok(collect::answer(&app, request, form).await) })
            }
            None => Box::pin(TowerToHyperService::new(self.router.clone()).call(request)),
        }
    }
}
