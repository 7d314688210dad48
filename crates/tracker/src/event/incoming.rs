//! The members of an event that are looked at, as they are read: a tree whose texts are borrowed from the request.

use serde::Deserialize;

use crate::tree::Tree;

/// The members of an event that are looked at; all others are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Incoming<'a> {
    #[serde(default, borrow)]
    pub(super) message_id: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) anonymous_id: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) user_id: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) event: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) name: Tree<'a>,
    #[serde(default, borrow, rename = "type")]
    pub(super) call: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) properties: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) context: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) timestamp: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) original_timestamp: Tree<'a>,
    #[serde(default, borrow)]
    pub(super) sent_at: Tree<'a>,
}
