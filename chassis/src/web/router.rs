//! All routes of a web process, with what happens around each of them.

use std::sync::Arc;

use axum::{Router, http::HeaderValue};

use crate::{
    cors,
    health::{self, Health},
    layer,
    layers::Layers,
    problem::{Kind, Problem},
};

/// The routes of a service. With the feature `openapi` they may describe themselves; then the description and a page
/// that shows it are served, too.
pub struct Routes(Inner);

enum Inner {
    Plain(Router),
    #[cfg(feature = "openapi")]
    Described(Box<utoipa_axum::router::OpenApiRouter>),
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self(Inner::Plain(router))
    }
}

#[cfg(feature = "openapi")]
impl From<utoipa_axum::router::OpenApiRouter> for Routes {
    fn from(router: utoipa_axum::router::OpenApiRouter) -> Self {
        Self(Inner::Described(Box::new(router)))
    }
}

impl Routes {
    /// One router of them and of those for probes.
    #[cfg(not(feature = "openapi"))]
    fn with(self, health: Health) -> Router {
        let Self(Inner::Plain(router)) = self;
        router.merge(health::routes().with_state(health))
    }

    /// One router of them and of those for probes.
    #[cfg(feature = "openapi")]
    fn with(self, health: Health) -> Router {
        use utoipa_axum::router::OpenApiRouter;

        let health: OpenApiRouter = health::routes().with_state(health);
        match self.0 {
            Inner::Plain(router) => router.merge(health.split_for_parts().0),
            Inner::Described(described) => {
                let (router, mut api) = described.merge(health).split_for_parts();
                api.merge(crate::openapi::common());
                router.merge(crate::docs::routes(&api))
            }
        }
    }
}

/// Puts all that is around a service's routes around them.
pub(super) fn around(routes: Routes, health: Health, origins: Vec<HeaderValue>, layers: Layers) -> Router {
    let all = routes
        .with(health)
        .fallback(async || Problem::new(Kind::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::METHOD_NOT_ALLOWED, "this address takes the methods in Allow")
        });
    let all = if origins.is_empty() { all } else { all.layer(cors::layer(origins)) };
    let layers = Arc::new(layers);
    all.layer(layer::of(move |route, request| layers.clone().answer(route, request)))
}
