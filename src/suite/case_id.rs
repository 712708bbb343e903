//! From a case's id back to the case, so that the one line under a failure runs just that case again.

use crate::operation::{Case, ContractError, InputClass, Layout, Operation, ParameterValue, Parameters, Problem};
use crate::tensor::DType;

use super::document::parse_shape;
use super::suggestion::{find_operation, unknown_name};

const SHAPE_OF_AN_ID: &str = "operation/dtype/ROWSxCOLUMNS[/name=value,…]/class[/seed=N]";

/// An id that names no case.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum CaseIdError {
    #[error("`{id}` is not a case id: {problem}; an id reads {SHAPE_OF_AN_ID}, and `hipgauge list` shows them")]
    Malformed { id: String, problem: String },
    #[error("`{id}` is not a possible case: {problem}")]
    Impossible { id: String, problem: ContractError },
}

/// The case of that id. Options may stand in any order; the case's own `id()` is in the usual one.
pub fn parse_case_id(id: &str, operations: &[&'static dyn Operation]) -> Result<Case, CaseIdError> {
    let malformed = |problem: String| CaseIdError::Malformed { id: id.to_string(), problem };
    let impossible = |problem| CaseIdError::Impossible { id: id.to_string(), problem };

    let mut parts: Vec<&str> = id.split('/').collect();
    let seed = match parts.last().and_then(|last| last.strip_prefix("seed=")) {
        Some(text) => {
            parts.pop();
            text.parse().map_err(|_| malformed(format!("`{text}` is not a seed, a whole number from 0 on")))?
        }
        None => 0,
    };
    let (head, options, class) = match parts.as_slice() {
        [operation, dtype, shape, class] => ([*operation, *dtype, *shape], None, *class),
        [operation, dtype, shape, options, class] => ([*operation, *dtype, *shape], Some(*options), *class),
        parts => return Err(malformed(format!("it has {} parts between slashes, not 4 or 5", parts.len()))),
    };
    let operation = find_operation(head[0], operations).map_err(malformed)?;
    let dtype =
        head[1].parse().map_err(|_| malformed(unknown_name("dtype", head[1], &DType::FLOATS.map(DType::name))))?;
    let (rows, columns) =
        parse_shape(head[2]).ok_or_else(|| malformed(format!("`{}` is not ROWSxCOLUMNS", head[2])))?;
    let class = parse_class(class, operation).map_err(malformed)?;
    let (given, layout) = parse_options(options, operation).map_err(malformed)?;
    let parameters = Parameters::new(operation.name(), operation.parameters(), &given).map_err(impossible)?;
    let problem = Problem { dtype, rows, columns, parameters, layout };
    operation.check(&problem).map_err(impossible)?;
    Ok(Case { operation, problem, class, seed })
}

fn parse_class(name: &str, operation: &dyn Operation) -> Result<InputClass, String> {
    let known: Vec<_> = operation.input_classes().iter().map(|class| class.name()).collect();
    let class = operation.input_classes().iter().find(|class| class.name() == name);
    class.copied().ok_or_else(|| unknown_name(&format!("input class of {}", operation.name()), name, &known))
}

type Options = (Vec<(String, ParameterValue)>, Layout);

fn parse_options(options: Option<&str>, operation: &dyn Operation) -> Result<Options, String> {
    let mut given = Vec::new();
    let mut layout = Layout::default();
    for option in options.iter().flat_map(|options| options.split(',')) {
        let (name, value) = option.split_once('=').unwrap_or((option, "true"));
        let count = || value.parse::<usize>().map_err(|_| format!("`{option}` needs a whole number"));
        match name {
            "pad" => layout.row_padding = count()?,
            "offset" => layout.base_offset = count()?,
            "distinct" => layout.distinct_rows = count()?,
            "in_place" if option == name => layout.in_place = true,
            _ => {
                let mut known: Vec<_> = operation.parameters().iter().map(|spec| spec.name).collect();
                known.extend(["pad", "offset", "in_place", "distinct"]);
                if !known.contains(&name) {
                    return Err(unknown_name(&format!("option of {}", operation.name()), name, &known));
                }
                if given.iter().any(|(earlier, _)| earlier == name) {
                    return Err(format!("`{name}` is given twice"));
                }
                given.push((name.to_string(), parse_parameter_value(value)?));
            }
        }
    }
    Ok((given, layout))
}

/// A parameter's value as ids and `--param` write it.
pub fn parse_parameter_value(text: &str) -> Result<ParameterValue, String> {
    if let Ok(flag) = text.parse() {
        return Ok(ParameterValue::Flag(flag));
    }
    if let Ok(number) = text.parse() {
        return Ok(ParameterValue::Integer(number));
    }
    text.parse().map(ParameterValue::Float).map_err(|_| format!("`{text}` is not a number, true or false"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::suite::fake_operation::FAKE_OPERATIONS;

    fn parse(id: &str) -> Result<Case, CaseIdError> {
        parse_case_id(id, FAKE_OPERATIONS)
    }

    #[test]
    fn reads_every_part() {
        let case =
            parse("fake/bf16/19x64/eps=1e-5,k=3,flag,pad=3,offset=1,in_place,distinct=2/uniform/seed=7").unwrap();
        assert_eq!((case.problem.rows, case.problem.columns, case.seed), (19, 64, 7));
        assert_eq!(case.problem.parameters.float("eps"), 1e-5);
        assert_eq!(case.problem.parameters.integer("k"), 3);
        assert!(case.problem.parameters.flag("flag"));
        let layout = Layout { row_padding: 3, base_offset: 1, in_place: true, distinct_rows: 2 };
        assert_eq!(case.problem.layout, layout);
    }

    #[test]
    fn says_what_is_wrong() {
        for (id, message) in [
            ("fake/bf16/1x8", "3 parts"),
            ("fkae/bf16/1x8/normal", "did you mean `fake`?"),
            ("fake/b16/1x8/normal", "did you mean `bf16`?"),
            ("fake/bf16/1*8/normal", "not ROWSxCOLUMNS"),
            ("fake/bf16/1x8/norml", "did you mean `normal`?"),
            ("fake/bf16/1x8/dominant", "unknown input class of fake"),
            ("fake/bf16/1x8/esp=1/normal", "did you mean `eps`?"),
            ("fake/bf16/1x8/k=1,k=2/normal", "given twice"),
            ("fake/bf16/1x8/k=9/normal", "k = 9 is out of range"),
            ("fake/bf16/1x8/normal/seed=x", "not a seed"),
            ("", "1 parts"),
        ] {
            let error = parse(id).expect_err(id).to_string();
            assert!(error.contains(message), "{id}: {error}");
        }
    }

    proptest! {
        #[test]
        fn ids_come_back_as_the_same_case(
            rows in 0usize..5000, columns in 64usize..300_000, k in 0i64..64, eps in 0.0f64..1.0, flag: bool,
            padding in 0usize..9, offset in 0usize..9, in_place: bool, distinct in 0usize..4, seed: u64,
            dtype in prop::sample::select(DType::FLOATS.to_vec()),
        ) {
            let operation = FAKE_OPERATIONS[0];
            let given = [
                ("k".to_string(), ParameterValue::Integer(k)),
                ("eps".to_string(), ParameterValue::Float(eps)),
                ("flag".to_string(), ParameterValue::Flag(flag)),
            ];
            let parameters = Parameters::new("fake", operation.parameters(), &given).unwrap();
            let layout = Layout { row_padding: padding, base_offset: offset, in_place, distinct_rows: distinct };
            let problem = Problem { dtype, rows, columns, parameters, layout };
            let case = Case { operation, problem, class: InputClass::Normal, seed };
            let back = parse(&case.id()).unwrap();
            prop_assert_eq!(&back.problem, &case.problem);
            prop_assert_eq!(back.seed, case.seed);
            prop_assert_eq!(back.id(), case.id());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("fake/bf16/{text}"));
        }
    }
}
