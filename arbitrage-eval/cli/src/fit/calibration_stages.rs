//! The stages of the threshold.

use arbitrage_router::calibrate::LossTest;
use serde_json::json;

use super::Fit;
use super::calibration::{Calibration, CalibrationOutcome, copy_router};
use super::collection::REFERENCE;
use super::decision::{Alternative, SampleDecision};
use super::folder::Stage;
use super::plan::{Plan, PlannedStage};
use super::stages::TRAINED;
use crate::Failure;
use crate::cli::FitOptions;

/// Collected steps of the problems for calibration.
const CALIBRATION_STEPS: &str = "calibration-steps.jsonl";
/// Hidden states of those steps.
pub(super) const CALIBRATION_STATES: &str = "calibration-states.safetensors";
/// The router with its threshold.
pub(super) const ROUTER: &str = "router";
/// Share of the problems that are counted for a promise; the others find the thresholds.
const COUNTED_SHARE: f64 = 0.9;

impl Fit<'_> {
    /// Why the goal cannot be shown with so few problems; `None` where it can.
    pub(super) fn goal_refusal(&self, plan: &Plan, decision: &SampleDecision) -> Result<Option<String>, Failure> {
        let Some(loss) = self.allowed_loss() else { return Ok(None) };
        let needed = LossTest::new(loss, self.options.confidence)?.needed_problems();
        let counted = COUNTED_SHARE * plan.calibration as f64;
        if counted * decision.target_accuracy.high >= needed as f64 {
            return Ok(None);
        }
        let least = (needed as f64 / (COUNTED_SHARE * decision.target_accuracy.value.max(f64::MIN_POSITIVE))).ceil();
        let advice = Alternative::of(decision.speculation_share).advice();
        Ok(Some(format!(
            "don't route this pair here yet: {} problems for calibration cannot show loss:{loss}, which needs at least {least}; give it more \
             --minutes or problems, or another --goal, or {advice}",
            plan.calibration
        )))
    }

    /// Sets the router's threshold. Returns why none is known to meet the goal; `None` where one is.
    pub(super) fn calibration(&self, plan: &Plan, decision: &SampleDecision) -> Result<Option<String>, Failure> {
        self.calibration_steps(plan)?;
        let [problems, steps, trained, runs, figures, out] = [
            "problems/calibration.jsonl",
            CALIBRATION_STEPS,
            TRAINED,
            "calibration-runs",
            "calibration-figures.json",
            "calibrated",
        ]
        .map(|name| self.folder.join(name));
        let calibration = Calibration { options: self.options, trained, problems, steps, runs, figures, out };
        let after: &[&str] = if self.allowed_loss().is_some() {
            &["training", "plan"]
        } else {
            &["training", "plan", "calibration-collection"]
        };
        let FitOptions { goal, confidence, .. } = self.options;
        let settings = json!({ "goal": goal, "confidence": self.allowed_loss().map(|_| confidence) });
        let stage = Stage::new("calibration", &["calibration.json"], after).with_settings(settings);
        let outcome: CalibrationOutcome = self.folder.value(&stage, || {
            self.announce(
                "calibration",
                &format!("a threshold for {goal} on {} problems", plan.calibration),
                Some(self.left(plan, PlannedStage::Calibration)),
            );
            calibration.run()
        })?;
        if let Some(reason) = outcome.refusal {
            let advice = Alternative::of(decision.speculation_share).advice();
            return Ok(Some(format!("don't route this pair here: {reason}; {advice}")));
        }
        let files = [format!("{ROUTER}/router.json"), format!("{ROUTER}/model.safetensors")];
        let files = files.each_ref().map(String::as_str);
        let stage = Stage::new("router", &files, &["training", "calibration"]);
        self.folder.complete(&stage, || copy_router(&calibration.out, &self.folder.join(ROUTER)))?;
        Ok(None)
    }

    /// Writes the problems of the calibration, and collects their steps if the goal is about steps.
    fn calibration_steps(&self, plan: &Plan) -> Result<(), Failure> {
        let (path, steps) = (self.folder.join("problems/calibration.jsonl"), self.folder.join(CALIBRATION_STEPS));
        self.parts.write_calibration(plan.calibration, &path)?;
        if self.allowed_loss().is_some() {
            return Ok(());
        }
        let run = format!("{REFERENCE}/calibration");
        let scratch = [CALIBRATION_STATES, run.as_str()];
        let after = &["problems", "plan"];
        let stage = Stage::new("calibration-collection", &[CALIBRATION_STEPS], after).with_scratch(&scratch);
        self.folder.complete(&stage, || {
            self.announce(
                "calibration",
                &format!("collecting steps of {} problems", plan.calibration),
                Some(self.left(plan, PlannedStage::Calibration)),
            );
            self.collect_part("calibration", &path, &steps)
        })
    }
}
