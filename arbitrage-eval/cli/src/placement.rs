//! The device of each model.

use std::collections::BTreeMap;

use crate::Failure;
use crate::cli::{DeviceOptions, PlacementOptions};
use arbitrage_models::{Device, LoadOptions, device};

/// What a model is used for. Unlike in [`arbitrage_core::Role`], routers and scorers are models too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelRole {
    /// Drafts steps.
    Draft,
    /// Writes the escalated steps.
    Target,
    /// Decides between draft and target, as a text router.
    Router,
    /// Scores steps, as a reward model.
    Scorer,
}

impl ModelRole {
    const ALL: [Self; 4] = [Self::Draft, Self::Target, Self::Router, Self::Scorer];

    /// The name in options and traces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Target => "target",
            Self::Router => "router",
            Self::Scorer => "scorer",
        }
    }
}

impl DeviceOptions {
    /// The device.
    pub(crate) fn device(&self) -> Result<Device, Failure> {
        Ok(device(&self.device)?)
    }

    /// How models are loaded there.
    pub(crate) fn load(&self) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions::new(self.device()?))
    }
}

impl PlacementOptions {
    /// How the model of a role is loaded.
    pub(crate) fn load(&self, role: ModelRole) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions::new(device(self.device_of(role))?))
    }

    /// Refuses devices that are not available, before a model is loaded.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        Ok(ModelRole::ALL
            .into_iter()
            .filter_map(|role| self.named(role))
            .try_for_each(|name| device(name).map(drop))?)
    }

    /// The backend of each role that does not run on the processor. Another backend rounds differently, so that its texts may differ.
    pub(crate) fn backends(&self) -> Option<BTreeMap<String, String>> {
        let backend = |role| self.device_of(role).split(':').next().unwrap_or_default();
        let others = ModelRole::ALL.into_iter().filter(|role| backend(*role) != "flex");
        let backends: BTreeMap<_, _> = others.map(|role| (role.name().to_owned(), backend(role).to_owned())).collect();
        (!backends.is_empty()).then_some(backends)
    }

    fn device_of(&self, role: ModelRole) -> &str {
        self.named(role).unwrap_or(&self.device.device)
    }

    fn named(&self, role: ModelRole) -> Option<&str> {
        let named = match role {
            ModelRole::Draft => &self.draft_device,
            ModelRole::Target => &self.target_device,
            ModelRole::Router => &self.router_device,
            ModelRole::Scorer => &self.scorer_device,
        };
        named.as_deref()
    }
}
