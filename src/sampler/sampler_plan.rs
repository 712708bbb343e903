//! Which kernels the samplers launch.

use crate::backend::DeviceInfo;
use crate::operation::{LaunchPlan, PlanArgument, Problem};

use super::filters::Filters;
use super::plan::{BEST_MODULE, MOST_CANDIDATES, Workspace, launch, levels, splits};

const MODULE: &str = "sampler/fused_sampler";
const COMPOSITE_BYTES: usize = 8;
const FLAG_BYTES: usize = 4;

/// `sizeof(ScanPart)`.
const SCAN_PART_BYTES: usize = 16;

/// p * 2^64, or all ones for off, as `SamplingParameters::p`.
fn fixed_point(p: Option<f64>) -> u64 {
    p.map_or(u64::MAX, |p| (p * 2f64.powi(64)) as u64)
}

/// A maximum for k = 1, one pass for k up to 1,024 (and for rows no longer than that), else the general path.
pub fn plan(device: &DeviceInfo, problem: &Problem, filters: &Filters) -> LaunchPlan {
    if problem.rows == 0 {
        return LaunchPlan::default();
    }
    let shape = Shape {
        rows: problem.rows,
        splits: splits(device, problem),
        dtype: problem.dtype.name(),
        logits: [
            PlanArgument::Tensor(0),
            PlanArgument::U64(problem.row_stride(problem.columns) as u64),
            PlanArgument::U32(problem.columns as u32),
        ],
        p: PlanArgument::U64(fixed_point(filters.p)),
        least_scaled: PlanArgument::F32(filters.min_p.ln() as f32),
        inverse_temperature: PlanArgument::F32((1.0 / filters.temperature) as f32),
        draw: [PlanArgument::U64(filters.stream), PlanArgument::U64(filters.step)],
        outputs: [PlanArgument::Tensor(1), PlanArgument::Tensor(2)],
    };
    let candidates = filters.k.unwrap_or(problem.columns);
    match (candidates <= MOST_CANDIDATES, shape.splits) {
        _ if candidates == 1 => shape.best(),
        (true, 1) => shape.one_pass(candidates),
        (true, _) => shape.split_pass(candidates),
        (false, _) => shape.general(filters, levels(problem.dtype)),
    }
}

struct Shape {
    rows: usize,
    splits: usize,
    dtype: &'static str,
    logits: [PlanArgument; 3],
    p: PlanArgument,
    least_scaled: PlanArgument,
    inverse_temperature: PlanArgument,
    draw: [PlanArgument; 2],
    outputs: [PlanArgument; 2],
}

impl Shape {
    fn function(&self, step: &str) -> String {
        format!("sample_{step}_{}", self.dtype)
    }

    /// The last arguments of every kernel that filters or draws.
    fn sampling(&self) -> Vec<PlanArgument> {
        [&[self.p, self.least_scaled, self.inverse_temperature], &self.draw[..]].concat()
    }

    fn best(self) -> LaunchPlan {
        let blocks = self.rows * self.splits;
        let mut workspace = Workspace::default();
        let parts = workspace.reserve(blocks * COMPOSITE_BYTES);
        let flags = workspace.reserve(blocks * FLAG_BYTES);
        let of_parts = [PlanArgument::U32(self.splits as u32), parts, flags, PlanArgument::Counters];
        let arguments = [&self.logits[..], &of_parts, &self.outputs].concat();
        let best = launch(BEST_MODULE, self.function("best"), blocks, arguments);
        LaunchPlan::of_launches(workspace.bytes, vec![best]).with_counters(self.rows).overlapping()
    }

    fn one_pass(self, k: usize) -> LaunchPlan {
        let arguments = [&self.logits[..], &[PlanArgument::U32(k as u32)], &self.sampling(), &self.outputs].concat();
        let row = launch(MODULE, self.function("row"), self.rows, arguments);
        LaunchPlan::of_launches(0, vec![row]).overlapping()
    }

    fn split_pass(self, k: usize) -> LaunchPlan {
        let blocks = self.rows * self.splits;
        let mut workspace = Workspace::default();
        let parts = workspace.reserve(blocks * k * COMPOSITE_BYTES);
        let flags = workspace.reserve(blocks * FLAG_BYTES);
        let selection = [PlanArgument::U32(k as u32), PlanArgument::U32(self.splits as u32), parts, flags];
        let part = [&self.logits[..], &selection].concat();
        let merge = [&selection[..], &self.sampling(), &self.outputs].concat();
        let launches = vec![
            launch(MODULE, self.function("part"), blocks, part),
            launch(MODULE, self.function("merge"), self.rows, merge),
        ];
        LaunchPlan::of_launches(workspace.bytes, launches).overlapping()
    }

    fn general(self, filters: &Filters, levels: u32) -> LaunchPlan {
        let blocks = self.rows * self.splits;
        let mut workspace = Workspace::default();
        let scans = workspace.reserve(blocks * SCAN_PART_BYTES);
        let [histograms, states, kept] = workspace.reserve_descent(self.rows, self.splits);
        let path = [PlanArgument::U32(self.splits as u32), scans, histograms, states, kept];
        let count_levels = filters.k.map_or(0, |_| levels);
        let mass_levels = filters.p.map_or(0, |_| levels);
        let k = PlanArgument::U32(filters.k.unwrap_or(0) as u32);
        let descent = [PlanArgument::U32(count_levels), PlanArgument::U32(mass_levels), k];
        let step = |step: &str, extra: &[PlanArgument]| {
            launch(MODULE, self.function(step), blocks, [&self.logits[..], &path, extra].concat())
        };
        let mut launches = vec![step("scan", &[])];
        launches.extend((0..count_levels + mass_levels).map(|level| {
            let extra = [&descent[..], &[PlanArgument::U32(level), self.p, self.inverse_temperature]].concat();
            step("descend", &extra)
        }));
        launches.push(step("sum", &[&descent[..], &self.sampling()].concat()));
        launches.push(step("draw", &[&descent[..], &self.sampling(), &self.outputs].concat()));
        LaunchPlan::of_launches(workspace.bytes, launches)
    }
}
