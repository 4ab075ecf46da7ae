//! Where models run.

use arbitrage_models::{Device, LoadOptions, device};
use serde_json::{Map, Value};

use crate::Failure;
use crate::cli::{DeviceOptions, PlacementOptions};

/// What a model is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Drafts steps.
    Draft,
    /// Writes those that are escalated.
    Target,
    /// Decides.
    Router,
    /// Scores steps, as a model of its own.
    Scorer,
}

impl Role {
    const ALL: [Self; 4] = [Self::Draft, Self::Target, Self::Router, Self::Scorer];

    /// What options and records call it.
    pub fn name(self) -> &'static str {
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
    pub fn device(&self) -> Result<Device, Failure> {
        Ok(device(&self.device)?)
    }

    /// How models are loaded there.
    pub fn load(&self) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions::new(self.device()?))
    }
}

impl PlacementOptions {
    /// How the model of a role is loaded.
    pub fn load(&self, role: Role) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions::new(device(self.device_of(role))?))
    }

    /// Refuses a role's device that cannot be had, before a model is loaded.
    pub fn check(&self) -> Result<(), Failure> {
        Ok(Role::ALL.into_iter().filter_map(|role| self.named(role)).try_for_each(|name| device(name).map(drop))?)
    }

    /// The backend of each role that is not on the processor: another one rounds otherwise, so that its texts may be others.
    pub fn note(&self) -> Option<Value> {
        let backend = |role| self.device_of(role).split(':').next().unwrap_or_default();
        let away = Role::ALL.into_iter().filter(|role| backend(*role) != "flex");
        let noted: Map<String, Value> = away.map(|role| (role.name().to_owned(), backend(role).into())).collect();
        (!noted.is_empty()).then_some(Value::Object(noted))
    }

    fn device_of(&self, role: Role) -> &str {
        self.named(role).unwrap_or(&self.device.device)
    }

    fn named(&self, role: Role) -> Option<&str> {
        let named = match role {
            Role::Draft => &self.draft_device,
            Role::Target => &self.target_device,
            Role::Router => &self.router_device,
            Role::Scorer => &self.scorer_device,
        };
        named.as_deref()
    }
}
