//! A failure in words: which gate, the worst element, its inputs.

use crate::operation::{Case, OutputJudgement};
use crate::tensor::HostTensor;

/// One paragraph per output that failed; lines are separated by `\n`.
pub fn explain(case: &Case, inputs: &[HostTensor], judgements: &[OutputJudgement]) -> Vec<String> {
    let failing = judgements.iter().enumerate().filter(|(_, judgement)| !judgement.passed());
    failing.map(|(output, judgement)| explain_output(case, inputs, output, judgement)).collect()
}

fn explain_output(case: &Case, inputs: &[HostTensor], output: usize, judgement: &OutputJudgement) -> String {
    let mut text = format!("wrong {}: {}", judgement.output, judgement.failures.join("; "));
    if let Some(worst) = &judgement.worst {
        let distance = match worst.ulp {
            u64::MAX => "not comparable".to_string(),
            ulp => format!("{ulp} ULP"),
        };
        text.push_str(&format!(
            "\nworst: {}[{}, {}] is {}, expected {} ({distance})",
            judgement.output, worst.row, worst.column, worst.actual, worst.expected
        ));
        let described = case.operation.describe_element(&case.problem, inputs, output, worst.row, worst.column);
        if !described.is_empty() {
            text.push_str(&format!("\ninputs: {described}"));
        }
    }
    text
}
