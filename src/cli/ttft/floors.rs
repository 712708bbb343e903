//! Rates that floors are computed from, measured on the device that the model runs on.

use hipgauge::engine::host_model::HostModel;
use hipgauge::engine::{Capacity, ModelSource};
use hipgauge::operation::BindError;
use hipgauge::profiling::{Conditions, KernelTimer, Roofs, TimerSettings};
use hipgauge::tensor::DType;
use hipgauge::ttft::{Floors, MatrixRate, matrix_rate, read_bandwidth};

use crate::cli::engine_arguments::Place;
use crate::cli::engine_failure::engine_failure;
use crate::cli::exit_code::Exit;
use crate::cli::failure::{Failure, OrExit, exit_of_backend};

/// What was measured of the device.
pub struct Measured {
    pub floors: Floors,
    pub roofs: Option<Roofs>,
    pub conditions: Option<Conditions>,
}

/// Measures before the model takes the device's memory. `rows` are those of the product.
pub fn measure(place: &Place, source: &ModelSource, compute: DType, rows: usize) -> Result<Measured, Failure> {
    let weights = source.weights().or_exit(Exit::Usage)?;
    let mut floors = Floors { parameters: weights.parameters(), weight_bytes: weights.bytes(), ..Floors::default() };
    let Place::Device(device) = place else {
        let model = HostModel::new(source.config(), weights, Capacity::one(1));
        let (shape, time) = model.map_err(|error| engine_failure(error.into()))?.largest_product(rows);
        let rate = MatrixRate { shape, seconds: time.as_secs_f64() };
        floors.matrix_shape = Some(shape);
        floors.matrix_flops_per_second = Some(rate.flops_per_second());
        floors.read_bytes_per_second = Some(read_bandwidth());
        return Ok(Measured { floors, roofs: None, conditions: None });
    };
    let failed = |error| Failure::new(exit_of_backend(&error), error);
    let timer = KernelTimer::new(device, TimerSettings::for_device(device.info())).map_err(failed)?;
    let roofs = Roofs::measure(&timer).map_err(failed)?;
    let rate = matrix_rate(&timer, source.config(), compute, rows).map_err(|error| match error {
        BindError::Backend(error) => failed(error),
        BindError::Contract(_) => Failure::new(Exit::Usage, error),
    })?;
    floors.matrix_shape = Some(rate.shape);
    floors.matrix_flops_per_second = Some(rate.flops_per_second());
    floors.read_bytes_per_second = roofs.map(|roofs| 1e9 * roofs.bandwidth_gbps().max(roofs.read_gbps));
    Ok(Measured { floors, roofs, conditions: Some(timer.conditions()) })
}
