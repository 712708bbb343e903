//! Which kernels `top_k` launches.

use crate::backend::DeviceInfo;
use crate::operation::{LaunchPlan, PlanArgument, Problem};

use super::plan::{BEST_MODULE, MOST_CANDIDATES, Workspace, launch, levels, splits};

const MODULE: &str = "sampler/top_k";
const COMPOSITE_BYTES: usize = 8;

/// A maximum for k = 1, one pass for k up to 1,024, a radix descent and a sort beyond.
pub fn plan(device: &DeviceInfo, problem: &Problem, k: usize) -> LaunchPlan {
    if problem.rows == 0 {
        return LaunchPlan::default();
    }
    let splits = splits(device, problem);
    let shape = Shape {
        rows: problem.rows,
        splits,
        logits: vec![
            PlanArgument::Tensor(0),
            PlanArgument::U64(problem.row_stride(problem.columns) as u64),
            PlanArgument::U32(problem.columns as u32),
            PlanArgument::U32(k as u32),
        ],
        outputs: vec![
            PlanArgument::Tensor(1),
            PlanArgument::Tensor(2),
            PlanArgument::U64(problem.row_stride(k) as u64),
            PlanArgument::U64(problem.row_stride(k) as u64),
        ],
        dtype: problem.dtype.name(),
    };
    match (k <= MOST_CANDIDATES, splits) {
        _ if k == 1 => shape.best(),
        (true, 1) => shape.one_pass(),
        (true, _) => shape.split_pass(k),
        (false, _) => shape.descent(k, levels(problem.dtype)),
    }
}

struct Shape {
    rows: usize,
    splits: usize,
    logits: Vec<PlanArgument>,
    outputs: Vec<PlanArgument>,
    dtype: &'static str,
}

impl Shape {
    fn function(&self, step: &str) -> String {
        format!("top_k_{step}_{}", self.dtype)
    }

    fn best(self) -> LaunchPlan {
        let mut workspace = Workspace::default();
        let parts = workspace.reserve(self.rows * self.splits * COMPOSITE_BYTES);
        let of_parts = [PlanArgument::U32(self.splits as u32), parts, PlanArgument::Counters];
        let arguments = [&self.logits[..3], &of_parts, &self.outputs].concat();
        let launch = launch(BEST_MODULE, self.function("best"), self.rows * self.splits, arguments);
        LaunchPlan::of_launches(workspace.bytes, vec![launch]).with_counters(self.rows)
    }

    fn one_pass(self) -> LaunchPlan {
        let arguments = [self.logits.clone(), self.outputs.clone()].concat();
        LaunchPlan::of_launches(0, vec![launch(MODULE, self.function("row"), self.rows, arguments)])
    }

    fn split_pass(self, k: usize) -> LaunchPlan {
        let mut workspace = Workspace::default();
        let parts = workspace.reserve(self.rows * self.splits * k * COMPOSITE_BYTES);
        let part = [self.logits.clone(), vec![PlanArgument::U32(self.splits as u32), parts]].concat();
        let merge = [part.clone(), self.outputs.clone()].concat();
        let launches = vec![
            launch(MODULE, self.function("part"), self.rows * self.splits, part),
            launch(MODULE, self.function("merge"), self.rows, merge),
        ];
        LaunchPlan::of_launches(workspace.bytes, launches)
    }

    fn descent(self, k: usize, levels: u32) -> LaunchPlan {
        let mut workspace = Workspace::default();
        let [histograms, states, kept] = workspace.reserve_descent(self.rows, self.splits);
        let survivors = workspace.reserve(self.rows * k * COMPOSITE_BYTES);
        let other = workspace.reserve(self.rows * k * COMPOSITE_BYTES);
        let splits = PlanArgument::U32(self.splits as u32);
        let path = [self.logits.clone(), vec![splits, histograms, states, kept]].concat();
        let with = |extra: &[PlanArgument]| [&path, extra].concat();
        let blocks = self.rows * self.splits;
        let mut launches = vec![launch(MODULE, "top_k_clear".to_string(), blocks, vec![splits, histograms])];
        launches.extend(
            (0..levels)
                .map(|level| launch(MODULE, self.function("descend"), blocks, with(&[PlanArgument::U32(level)]))),
        );
        launches.push(launch(MODULE, self.function("count"), blocks, path.clone()));
        launches.push(launch(MODULE, self.function("compact"), blocks, with(&[survivors])));
        let sort = [self.logits.clone(), vec![survivors, other], self.outputs.clone()].concat();
        launches.push(launch(MODULE, self.function("sort"), self.rows, sort));
        LaunchPlan::of_launches(workspace.bytes, launches)
    }
}
