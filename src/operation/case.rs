//! One case: a problem with an input class and a seed, and its stable id.

use std::fmt;

use super::{InputClass, Operation, Problem};

/// What one verdict is about. The id is the same on every device and machine.
#[derive(Clone)]
pub struct Case {
    pub operation: &'static dyn Operation,
    pub problem: Problem,
    pub class: InputClass,
    pub seed: u64,
}

impl Case {
    /// `operation/dtype/ROWSxCOLUMNS[/parameters,layout]/class[/seed=N]`; parameters at their default and
    /// seed 0 are left out.
    pub fn id(&self) -> String {
        let problem = &self.problem;
        let mut id = format!("{}/{}/{}x{}", self.operation.name(), problem.dtype, problem.rows, problem.columns);
        let mut options = problem.parameters.id_parts(self.operation.parameters());
        options.extend(problem.layout.id_parts());
        if !options.is_empty() {
            id.push('/');
            id.push_str(&options.join(","));
        }
        id.push('/');
        id.push_str(self.class.name());
        if self.seed != 0 {
            id.push_str(&format!("/seed={}", self.seed));
        }
        id
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Case({})", self.id())
    }
}
