//! REST APIs as a source, declared and not programmed: a base URL, the resources under it, and how they hang together.

mod auto;
mod body;
mod checks;
mod children;
mod client;
mod config;
mod credentials;
mod cursor;
mod detect;
mod foreign;
mod incremental;
mod json;
pub(crate) mod keys;
mod message;
mod pages;
mod parallel;
mod plan;
mod read;
pub(crate) mod section;
mod select;
mod spool;
mod steps;
mod template;
mod token;
mod turn;
mod url;
mod values;
mod voice;
mod words;

pub use cursor::EndpointIncremental;

pub use config::{
    Action, AuthConfig, ClientConfig, EndpointConfig, FromShort, KeyLocation, Method, Names, PaginatorConfig, Parallel,
    ProcessingStep, ResourceConfig, ResourceDefaults, ResponseAction, RestConfig, Secret, Short,
};

use children::Children;
use client::{Client, Patience};
use dlt_engine::source::{DeclaredResource, ExtractContext, Resource, Source};
use dlt_engine::{Notice, Notices, Result};
use plan::{Plan, plan};
use read::{Items, Parents, ResourceReader};
use spool::Spool;
use std::sync::Arc;
use std::time::Duration;

/// A source that reads a REST API as `config` declares it.
///
/// Requests that fail for the moment (429, 5xx, no connection, no answer in time) are made up to five times, with
/// growing pauses or the one that the server asks for. Credentials and headers of the client go to the origin of the
/// base URL only, and into no message. Items are handed over as they came.
///
/// ```
/// let config = r#"
///     [client]
///     base_url = "https://api.example.com/v1/"
///
///     [[resources]]
///     name = "posts"
///
///     [[resources]]
///     name = "comments"
///     endpoint = "posts/{resources.posts.id}/comments"
///     include_from_parent = ["id"]
/// "#;
/// let source = dlt_sources::rest(toml::from_str(config)?);
/// # let _ = source;
/// # Ok::<(), toml::de::Error>(())
/// ```
pub fn rest(config: RestConfig) -> Rest {
    let patience = Patience { backoff: Duration::from_secs(1), timeout: Duration::from_secs(60) };
    Rest { schema: "rest_api".to_owned(), config, patience }
}

/// See [`rest`].
#[derive(Clone, Debug)]
pub struct Rest {
    schema: String,
    config: RestConfig,
    patience: Patience,
}

impl Rest {
    /// Sets the name of the schema; default `rest_api`.
    #[must_use]
    pub fn named(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets the pause before a failed request is made again, which doubles each time; default one second.
    #[must_use]
    pub fn backoff(mut self, pause: Duration) -> Self {
        self.patience.backoff = pause;
        self
    }

    /// Sets how long to wait for a connection and for an answer to begin; default one minute.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience.timeout = timeout;
        self
    }
}

impl Source for Rest {
    fn name(&self) -> &str {
        &self.schema
    }

    fn identity(&self) -> String {
        let resource = |resource: &Short<ResourceConfig>| {
            let path = resource.0.endpoint.0.path.as_deref().map(url::public);
            let by = incremental::declared(&resource.0, &self.config.resource_defaults).ok().flatten();
            let by = by.map(|by| format!(" by {:?}", by.cursor)).unwrap_or_default();
            format!("{} {}{by}", resource.0.name, path.unwrap_or_default())
        };
        let resources: Vec<String> = self.config.resources.iter().map(resource).collect();
        format!("REST API at {}: {}", url::public(&self.config.client.base_url), resources.join(", "))
    }

    fn is_replayable(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        plan(&self.config, &ExtractContext::default()).map(drop)
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        let plans = plan(&self.config, &ExtractContext::default())?;
        Ok(Some(plans.into_iter().filter(|plan| plan.is_selected).map(|plan| plan.name.to_string()).collect()))
    }

    fn declared(&self) -> Result<Option<Vec<DeclaredResource>>> {
        let declared = |plan: Plan| {
            let parent = plan.parent().and_then(|fields| fields.parent.clone());
            DeclaredResource::new(plan.name.as_str())
                .selected(plan.is_selected)
                .below(parent)
                .with_incremental(plan.incremental.map(|incremental| incremental.cursor))
        };
        Ok(Some(plan(&self.config, &ExtractContext::default())?.into_iter().map(declared).collect()))
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        let chosen = |plan: Plan| Arc::new(Plan { is_selected: context.wants(&plan.name, plan.is_selected), ..plan });
        let plans: Vec<Arc<Plan>> = plan(&self.config, context)?.into_iter().map(chosen).collect();
        let client = Arc::new(Client::new(&self.config.client, self.patience));
        // What each child that is read takes from a parent that is read before it. A parent that is not selected is
        // read again for each of its children, and may itself be a child.
        let mut spools: Vec<(Arc<Plan>, Arc<Plan>, Spool)> = Vec::new();
        let mut readers: Vec<(Arc<Plan>, Items)> = Vec::new();
        for plan in plans.iter().filter(|plan| plan.is_selected) {
            if plan.says_at_once && plan.parent().is_none() {
                let told = format!("resource `{}` is read for no other, so `parallelized` changes nothing", plan.name);
                context.notices.say(Notice::new(told).hint("leave it out"));
            }
            let items = items_of(plan, &plans, &client, &mut spools, &context.notices);
            readers.push((Arc::clone(plan), items));
        }
        let resource = |(plan, items): (Arc<Plan>, Items)| {
            let children = spools.iter().filter(|(parent, ..)| Arc::ptr_eq(parent, &plan));
            let children = children.filter_map(|(_, child, spool)| Some((spool.clone(), child.parent()?.clone())));
            let children = Children { parent: plan.name.clone(), of: children.collect() };
            let reader = ResourceReader { name: plan.name.as_str().into(), items, line: 1, ended: false };
            let resource = Resource::new(&plan.name, reader)
                .with_hints(plan.hints.clone())
                .with_incremental(plan.incremental.as_ref().map(|incremental| incremental.cursor.clone()));
            if children.of.is_empty() { resource } else { resource.with_tap(move |chunk| children.take(chunk)) }
        };
        Ok(readers.into_iter().map(resource).collect())
    }
}

fn items_of(
    plan: &Arc<Plan>,
    plans: &[Arc<Plan>],
    client: &Arc<Client>,
    spools: &mut Vec<(Arc<Plan>, Arc<Plan>, Spool)>,
    notices: &Notices,
) -> Items {
    let parent = plan.parent().and_then(|fields| fields.parent.as_deref());
    let parent = parent.and_then(|name| plans.iter().find(|known| known.name == name));
    let parents = match parent {
        None => Parents::One(false),
        Some(parent) if parent.is_selected => {
            let spool = Spool::new();
            spools.push((Arc::clone(parent), Arc::clone(plan), spool.clone()));
            Parents::Spooled(spool.lines())
        }
        Some(parent) => Parents::Live {
            items: items_of(parent, plans, client, spools, notices),
            plan: Arc::clone(parent),
            page: Default::default(),
        },
    };
    Items::new(plan, client, parents, notices)
}
