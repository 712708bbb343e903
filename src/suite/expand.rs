//! From a suite file to cases: the cross product of each group, in a fixed order, each case once.

use std::collections::HashMap;
use std::path::Path;

use toml::Spanned;

use crate::operation::{Case, ContractError, InputClass, Operation, ParameterValue, Parameters, Problem};
use crate::tensor::DType;

use super::document::{Document, Group, Skip};
use super::embedded::EMBEDDED_SUITES;
use super::error::{Source, SuiteError};
use super::suggestion::unknown_name;

/// A case of a suite, and the suite's reason for not running it, if it has one.
#[derive(Clone, Debug)]
pub struct SuiteCase {
    pub case: Case,
    pub skip: Option<Skip>,
}

/// A suite, expanded. Ids are unique; the order is the file's.
#[derive(Clone, Debug)]
pub struct Suite {
    pub name: String,
    pub description: String,
    pub cases: Vec<SuiteCase>,
}

impl Suite {
    /// The suite built in under that name, or the file at that path.
    pub fn load(name_or_path: &str, operations: &[&'static dyn Operation]) -> Result<Self, SuiteError> {
        if let Some(suite) = EMBEDDED_SUITES.iter().find(|suite| suite.name == name_or_path) {
            return Suite::parse(suite.name, suite.file, suite.text, operations);
        }
        let known = EMBEDDED_SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>();
        if !name_or_path.ends_with(".toml") {
            return Err(SuiteError::UnknownSuite { message: unknown_name("suite", name_or_path, &known) });
        }
        let text = std::fs::read_to_string(name_or_path).map_err(|error| SuiteError::Unreadable {
            file: name_or_path.to_string(),
            message: error.to_string(),
            known: known.join(", "),
        })?;
        let name = Path::new(name_or_path).file_stem().map_or(name_or_path.into(), |stem| stem.to_string_lossy());
        Suite::parse(&name, name_or_path, &text, operations)
    }

    /// Expands a suite's text. `file` is what errors call it.
    pub fn parse(
        name: &str,
        file: &str,
        text: &str,
        operations: &[&'static dyn Operation],
    ) -> Result<Self, SuiteError> {
        let source = Source { file, text };
        let document = Document::parse(source, operations)?;
        let mut expansion = Expansion { source, cases: Vec::new(), first_lines: HashMap::new() };
        for group in &document.groups {
            expansion.add_group(group)?;
        }
        for explicit in document.cases {
            expansion.add(explicit.case, explicit.skip, &explicit.span)?;
        }
        Ok(Self { name: name.to_string(), description: document.description, cases: expansion.cases })
    }
}

struct Expansion<'a> {
    source: Source<'a>,
    cases: Vec<SuiteCase>,
    /// The line that made each id.
    first_lines: HashMap<String, usize>,
}

impl Expansion<'_> {
    fn add(&mut self, case: Case, skip: Option<Skip>, span: &std::ops::Range<usize>) -> Result<(), SuiteError> {
        let line = self.source.position(span.start).0;
        let id = case.id();
        if let Some(first) = self.first_lines.insert(id.clone(), line) {
            let message = format!("case `{id}` is made twice, first by line {first}; take it out of one place");
            return Err(self.source.error(span, message));
        }
        self.cases.push(SuiteCase { case, skip });
        Ok(())
    }

    fn add_group(&mut self, group: &Group) -> Result<(), SuiteError> {
        for &operation in &group.operations {
            let classes = self.classes(group, operation)?;
            for &dtype in &group.dtypes {
                for shape in &group.shapes {
                    for chosen in combinations(group) {
                        self.add_cases(group, operation, dtype, shape, &chosen, &classes)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn classes(&self, group: &Group, operation: &dyn Operation) -> Result<Vec<InputClass>, SuiteError> {
        let Some(classes) = &group.classes else { return Ok(operation.input_classes().to_vec()) };
        let known: Vec<_> = operation.input_classes().iter().map(|class| class.name()).collect();
        let check = |class: &Spanned<InputClass>| {
            if operation.input_classes().contains(class.get_ref()) {
                return Ok(*class.get_ref());
            }
            let kind = format!("input class of {}", operation.name());
            Err(self.source.error(&class.span(), unknown_name(&kind, class.get_ref().name(), &known)))
        };
        classes.iter().map(check).collect()
    }

    /// Everything with one operation, dtype, shape and choice of parameters: layouts × classes × seeds.
    fn add_cases(
        &mut self,
        group: &Group,
        operation: &'static dyn Operation,
        dtype: DType,
        shape: &Spanned<(usize, usize)>,
        chosen: &[usize],
        classes: &[InputClass],
    ) -> Result<(), SuiteError> {
        let (rows, columns) = *shape.get_ref();
        let given: Vec<(String, ParameterValue)> = group
            .parameters
            .iter()
            .zip(chosen)
            .map(|(axis, &choice)| (axis.name.clone(), axis.values[choice].get_ref().for_columns(columns)))
            .collect();
        let parameters = Parameters::new(operation.name(), operation.parameters(), &given)
            .map_err(|error| self.refuse(group, shape, chosen, error))?;
        for &layout in &group.layouts {
            let problem = Problem { dtype, rows, columns, parameters: parameters.clone(), layout };
            operation.check(&problem).map_err(|error| self.refuse(group, shape, chosen, error))?;
            for &class in classes {
                for &seed in &group.seeds {
                    let case = Case { operation, problem: problem.clone(), class, seed };
                    self.add(case, group.skip.clone(), &group.span)?;
                }
            }
        }
        Ok(())
    }

    /// The contract's refusal, at the place in the file that it is about.
    fn refuse(
        &self,
        group: &Group,
        shape: &Spanned<(usize, usize)>,
        chosen: &[usize],
        error: ContractError,
    ) -> SuiteError {
        let axis = |name: &str| group.parameters.iter().zip(chosen).find(|(axis, _)| axis.name == name);
        let (rows, columns) = *shape.get_ref();
        match &error {
            ContractError::UnknownParameter { operation, parameter, known } => {
                let span = axis(parameter).map_or(&group.span, |(axis, _)| &axis.key_span);
                let known: Vec<_> = known.split(", ").collect();
                self.source.error(span, unknown_name(&format!("parameter of {operation}"), parameter, &known))
            }
            ContractError::OutOfRange { parameter, .. } => {
                let span = axis(parameter).map_or(group.span.clone(), |(axis, choice)| axis.values[*choice].span());
                self.source.error(&span, format!("{error} (at {rows}x{columns})"))
            }
            ContractError::Layout { .. } => self.source.error(&group.layout_span, error.to_string()),
            ContractError::Shape { .. } | ContractError::Device { .. } => {
                self.source.error(&shape.span(), error.to_string())
            }
        }
    }
}

/// Every choice of one value per parameter axis, the last axis fastest.
fn combinations(group: &Group) -> Vec<Vec<usize>> {
    group.parameters.iter().fold(vec![Vec::new()], |partial, axis| {
        let extend = |chosen: Vec<usize>| {
            (0..axis.values.len()).map(move |choice| {
                let mut longer = chosen.clone();
                longer.push(choice);
                longer
            })
        };
        partial.into_iter().flat_map(extend).collect()
    })
}
