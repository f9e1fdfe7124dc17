//! The routers behind the URL: a few environments, each with a cache of its own; one that is killed starts cold.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use cellstack_router::{Router, Settings, TenantSource};
use hyper::{Request, Response};

use crate::function_url::FunctionUrl;
use crate::hooks::Role;
use crate::names::{registry, tenant_map};
use crate::simulate::kill::{Killed, Kills};
use crate::{LocalAmbient, Stack};

/// Environments.
const ENVIRONMENTS: usize = 3;

pub(crate) struct Front {
    environments: RefCell<Vec<FunctionUrl>>,
    next: Cell<usize>,
    config: aws_config::SdkConfig,
    ambient: Arc<LocalAmbient>,
    kills: Kills,
}

impl Front {
    pub(crate) fn new(stack: &Stack, kills: Kills) -> Self {
        let front = Self {
            environments: RefCell::default(),
            next: Cell::new(0),
            config: stack.config.clone(),
            ambient: Arc::clone(&stack.ambient),
            kills,
        };
        front.environments.replace((0..ENVIRONMENTS).map(|_| front.start()).collect());
        front
    }

    fn start(&self) -> FunctionUrl {
        let settings = Settings {
            tenant_map_table: tenant_map(),
            registry_table: registry(),
            tenant_source: TenantSource::Header,
        };
        let router = Router::new(crate::process::dynamodb(&self.config), settings, Arc::clone(&self.ambient));
        FunctionUrl::new(Arc::new(router), Arc::clone(&self.ambient))
    }

    /// One request. An error is a connection that broke: the caller knows nothing then.
    pub(crate) async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Killed> {
        let at = self.next.get() % ENVIRONMENTS;
        self.next.set(at + 1);
        let url = self.environments.borrow()[at].clone();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let answer = self.kills.guard(Role::Router, url.request(request, peer)).await;
        if answer.is_err() {
            self.environments.borrow_mut()[at] = self.start();
        }
        answer
    }
}
