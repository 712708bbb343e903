//! One step of a plan, with its kernel loaded or its product prepared.

use std::sync::Arc;

use crate::backend::{BackendError, Device, Kernel, LaunchDimensions, PreparedProduct};

use super::{PlanArgument, PlanStep, PlannedLaunch};

/// Launches that a library's product counts as: it may be one kernel, or one for parts and one that adds them up, and the
/// library does not say which.
const LAUNCHES_OF_A_PRODUCT: usize = 2;

pub(super) struct BoundLaunch {
    pub kernel: Kernel,
    pub dimensions: LaunchDimensions,
    pub arguments: Vec<PlanArgument>,
    /// Of the plan.
    pub overlapping: Option<Arc<[usize]>>,
}

/// A product by the device's matrix library, and the slots of its matrices.
pub(super) struct BoundProduct {
    pub product: Arc<dyn PreparedProduct>,
    pub x: usize,
    pub weight: usize,
    pub y: usize,
}

pub(super) enum BoundStep {
    Launch(BoundLaunch),
    Product(BoundProduct),
}

impl BoundStep {
    /// A step of a plan with that `overlapping`.
    pub fn new(device: &dyn Device, step: PlanStep, overlapping: &Option<Arc<[usize]>>) -> Result<Self, BackendError> {
        Ok(match step {
            PlanStep::Launch(launch) => {
                let kernel = device.load(&launch.kernel)?;
                let PlannedLaunch { dimensions, arguments, .. } = launch;
                Self::Launch(BoundLaunch { kernel, dimensions, arguments, overlapping: overlapping.clone() })
            }
            PlanStep::Product(planned) => {
                let product = device.matrix_library()?.prepare(&planned.shape)?;
                Self::Product(BoundProduct { product, x: planned.x, weight: planned.weight, y: planned.y })
            }
        })
    }

    /// The same with its kernel loaded once more. A library keeps its code where it is.
    pub fn loaded_again(&self, device: &dyn Device) -> Result<Self, BackendError> {
        Ok(match self {
            Self::Launch(launch) => Self::Launch(BoundLaunch {
                kernel: device.load(&launch.kernel.id)?,
                dimensions: launch.dimensions,
                arguments: launch.arguments.clone(),
                overlapping: launch.overlapping.clone(),
            }),
            Self::Product(BoundProduct { product, x, weight, y }) => {
                Self::Product(BoundProduct { product: Arc::clone(product), x: *x, weight: *weight, y: *y })
            }
        })
    }

    pub fn launch(&self) -> Option<&BoundLaunch> {
        match self {
            Self::Launch(launch) => Some(launch),
            Self::Product(_) => None,
        }
    }

    /// Kernel launches, or as many as it may be.
    pub fn launches(&self) -> usize {
        match self {
            Self::Launch(_) => 1,
            Self::Product(_) => LAUNCHES_OF_A_PRODUCT,
        }
    }
}
