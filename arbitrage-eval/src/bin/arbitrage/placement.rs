//! Where models run.

use arbitrage_models::{Device, LoadOptions, device};
use serde_json::{Map, Value};

use crate::Failure;
use crate::cli::{DeviceOptions, PlacementOptions};

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
    /// How the draft is loaded.
    pub fn draft(&self) -> Result<LoadOptions, Failure> {
        self.load(&self.draft_device)
    }

    /// How the target is loaded.
    pub fn target(&self) -> Result<LoadOptions, Failure> {
        self.load(&self.target_device)
    }

    /// How a router is loaded.
    pub fn router(&self) -> Result<LoadOptions, Failure> {
        self.load(&self.router_device)
    }

    /// How what scores steps is loaded.
    pub fn scorer(&self) -> Result<LoadOptions, Failure> {
        self.load(&self.scorer_device)
    }

    /// Refuses a role's device that cannot be had, before a model is loaded.
    pub fn check(&self) -> Result<(), Failure> {
        let named = self.roles().into_iter().filter_map(|(_, place)| place.as_deref());
        Ok(named.map(device).try_for_each(|found| found.map(drop))?)
    }

    /// The backend of each role that is not on the processor: another one rounds otherwise, so that its texts may be others.
    pub fn note(&self) -> Option<Value> {
        let backend = |place| self.name(place).split(':').next().unwrap_or_default();
        let away =
            self.roles().map(|(role, place)| (role, backend(place))).into_iter().filter(|(_, name)| *name != "flex");
        let noted: Map<String, Value> = away.map(|(role, name)| (role.to_owned(), name.into())).collect();
        (!noted.is_empty()).then_some(Value::Object(noted))
    }

    fn roles(&self) -> [(&'static str, &Option<String>); 4] {
        let Self { draft_device, target_device, router_device, scorer_device, .. } = self;
        [("draft", draft_device), ("target", target_device), ("router", router_device), ("scorer", scorer_device)]
    }

    fn name<'a>(&'a self, place: &'a Option<String>) -> &'a str {
        place.as_ref().unwrap_or(&self.device.device)
    }

    fn load(&self, place: &Option<String>) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions::new(device(self.name(place))?))
    }
}
