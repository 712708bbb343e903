//! A suite file as written: groups of axes and explicit cases, every name checked, nothing expanded yet.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use crate::backend::BackendKind;
use crate::operation::{Case, InputClass, Layout, Operation};
use crate::tensor::DType;

use super::case_id::parse_case_id;
use super::error::{Source, SuiteError};
use super::parameter_axis::AxisValue;
use super::reader::{Section, Value, axis, count, flag, string, wrong_type};
use super::suggestion::{find_operation, unknown_name};

const SUITE_KEYS: &[&str] = &["description", "group", "case"];
const GROUP_KEYS: &[&str] = &[
    "operation",
    "operations",
    "dtypes",
    "shapes",
    "rows",
    "columns",
    "classes",
    "seeds",
    "parameters",
    "layout",
    "skip",
];
const LAYOUT_KEYS: &[&str] = &["row_padding", "base_offset", "in_place", "distinct_rows"];
const CASE_KEYS: &[&str] = &["id", "skip"];
const SKIP_KEYS: &[&str] = &["reason", "devices"];

/// A reason not to run something, on all devices or on some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    pub reason: String,
    /// Backends (`host`) or devices (`cuda:1`); empty means all.
    pub devices: Vec<String>,
}

impl Skip {
    /// Whether it holds on the device with that id.
    pub fn applies_to(&self, device: &str) -> bool {
        let backend = device.split(':').next().unwrap_or(device);
        self.devices.is_empty() || self.devices.iter().any(|named| named == device || named == backend)
    }
}

/// A cross product of axes.
pub struct Group {
    pub span: Range<usize>,
    pub operations: Vec<&'static dyn Operation>,
    pub dtypes: Vec<DType>,
    pub shapes: Vec<Spanned<(usize, usize)>>,
    /// `None` is every class that the operation names.
    pub classes: Option<Vec<Spanned<InputClass>>>,
    pub seeds: Vec<u64>,
    pub parameters: Vec<ParameterAxis>,
    pub layouts: Vec<Layout>,
    pub layout_span: Range<usize>,
    pub skip: Option<Skip>,
}

/// The values one parameter takes in a group.
pub struct ParameterAxis {
    pub name: String,
    pub key_span: Range<usize>,
    pub values: Vec<Spanned<AxisValue>>,
}

/// One case by its id.
pub struct ExplicitCase {
    pub span: Range<usize>,
    pub case: Case,
    pub skip: Option<Skip>,
}

/// A whole file.
pub struct Document {
    pub description: String,
    pub groups: Vec<Group>,
    pub cases: Vec<ExplicitCase>,
}

impl Document {
    pub fn parse(source: Source<'_>, operations: &[&'static dyn Operation]) -> Result<Self, SuiteError> {
        let root = DeTable::parse(source.text)
            .map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message().replace('\n', "; ")))?;
        let root = Section::new(source, root.get_ref(), 0..0, SUITE_KEYS)?;
        let description = root.required_string("description", "say in a sentence what the suite is for")?.into_inner();
        let group_values = tables(&root, "group")?;
        let case_values = tables(&root, "case")?;
        if group_values.is_empty() && case_values.is_empty() {
            return Err(source.error(&(0..0), "the suite has no [[group]] and no [[case]]: it makes no case"));
        }
        let groups =
            group_values.into_iter().map(|value| read_group(source, value, operations)).collect::<Result<_, _>>()?;
        let cases =
            case_values.into_iter().map(|value| read_case(source, value, operations)).collect::<Result<_, _>>()?;
        Ok(Self { description, groups, cases })
    }
}

fn tables<'a>(root: &Section<'a>, key: &str) -> Result<Vec<&'a Value<'a>>, SuiteError> {
    match root.get(key) {
        None => Ok(Vec::new()),
        Some(value) => match value.get_ref().as_array() {
            Some(array) => Ok(array.iter().collect()),
            None => Err(root.source.error(&value.span(), format!("write [[{key}]], with two brackets"))),
        },
    }
}

fn read_case<'a>(
    source: Source<'a>,
    value: &'a Value<'a>,
    operations: &[&'static dyn Operation],
) -> Result<ExplicitCase, SuiteError> {
    let section = Section::from_value(source, value, CASE_KEYS)?;
    let id = section.required_string("id", "an explicit case is named by its id")?;
    let case = parse_case_id(id.get_ref(), operations).map_err(|error| source.error(&id.span(), error.to_string()))?;
    Ok(ExplicitCase { span: id.span(), case, skip: read_skip(&section)? })
}

fn read_group<'a>(
    source: Source<'a>,
    value: &'a Value<'a>,
    operations: &[&'static dyn Operation],
) -> Result<Group, SuiteError> {
    let section = Section::from_value(source, value, GROUP_KEYS)?;
    let key = match (section.get("operation"), section.get("operations")) {
        (Some(_), None) => "operation",
        (None, Some(_)) => "operations",
        _ => return Err(source.error(&section.span, "a group needs `operation` or `operations`, and not both")),
    };
    let named = |source: Source<'a>, value: &'a Value<'a>| {
        let name = string(source, value)?;
        find_operation(name.get_ref(), operations).map_err(|message| source.error(&value.span(), message))
    };
    let (layouts, layout_span) = read_layouts(&section)?;
    Ok(Group {
        operations: section.axis(key, named)?.unwrap_or_default(),
        dtypes: section.axis("dtypes", dtype)?.unwrap_or_else(|| DType::FLOATS.to_vec()),
        shapes: read_shapes(&section)?,
        classes: read_classes(&section)?,
        seeds: section
            .axis("seeds", |source, value| Ok(count(source, value)?.into_inner()))?
            .unwrap_or_else(|| vec![0]),
        parameters: read_parameters(&section)?,
        layouts,
        layout_span,
        skip: read_skip(&section)?,
        span: section.span,
    })
}

fn dtype<'a>(source: Source<'a>, value: &'a Value<'a>) -> Result<DType, SuiteError> {
    let name = string(source, value)?;
    name.get_ref().parse().map_err(|_| {
        let known = DType::FLOATS.map(DType::name);
        source.error(&value.span(), unknown_name("dtype", name.get_ref(), &known))
    })
}

fn read_classes(section: &Section<'_>) -> Result<Option<Vec<Spanned<InputClass>>>, SuiteError> {
    let Some(value) = section.get("classes") else {
        return Ok(Some(vec![Spanned::new(section.span.clone(), InputClass::Normal)]));
    };
    if value.get_ref().as_str() == Some("all") {
        return Ok(None);
    }
    let class = |source: Source<'_>, value: &Value<'_>| {
        let name = value.get_ref().as_str().ok_or_else(|| wrong_type(source, value, "a class's name"))?;
        name.parse().map(|class| Spanned::new(value.span(), class)).map_err(|_| {
            let known: Vec<_> = InputClass::ALL.map(InputClass::name).into();
            source.error(&value.span(), unknown_name("input class", name, &known))
        })
    };
    axis(section.source, value, class).map(Some)
}

fn read_shapes(section: &Section<'_>) -> Result<Vec<Spanned<(usize, usize)>>, SuiteError> {
    let explicit = section.axis("shapes", |source, value| {
        let text = string(source, value)?;
        let shape = parse_shape(text.get_ref());
        let wrong = || source.error(&value.span(), format!("`{}` is not a shape: write ROWSxCOLUMNS", text.get_ref()));
        Ok(Spanned::new(value.span(), shape.ok_or_else(wrong)?))
    })?;
    match (explicit, section.axis("rows", count)?, section.axis("columns", count)?) {
        (Some(shapes), None, None) => Ok(shapes),
        (None, Some(rows), Some(columns)) => Ok(rows
            .iter()
            .flat_map(|rows| {
                columns.iter().map(|columns| {
                    let shape = (*rows.get_ref() as usize, *columns.get_ref() as usize);
                    Spanned::new(columns.span(), shape)
                })
            })
            .collect()),
        _ => Err(section.source.error(&section.span, "a group needs `shapes`, or both `rows` and `columns`")),
    }
}

/// `ROWSxCOLUMNS`.
pub fn parse_shape(text: &str) -> Option<(usize, usize)> {
    let (rows, columns) = text.split_once('x')?;
    Some((parse_digits(rows)?, parse_digits(columns)?))
}

/// A number of digits only: `+1` would parse too, and give a second spelling of one id.
fn parse_digits(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn read_parameters(section: &Section<'_>) -> Result<Vec<ParameterAxis>, SuiteError> {
    let Some(value) = section.get("parameters") else { return Ok(Vec::new()) };
    let table = value.get_ref().as_table().ok_or_else(|| wrong_type(section.source, value, "a table"))?;
    let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    let parameters = Section::new(section.source, table, value.span(), &keys)?;
    parameters
        .entries()
        .map(|(name, key_span, value)| {
            let element = |source, value| Ok(Spanned::new(Value::span(value), AxisValue::read(source, value)?));
            Ok(ParameterAxis { name: name.to_string(), key_span, values: axis(section.source, value, element)? })
        })
        .collect()
}

fn read_layouts(section: &Section<'_>) -> Result<(Vec<Layout>, Range<usize>), SuiteError> {
    let Some(value) = section.get("layout") else { return Ok((vec![Layout::default()], section.span.clone())) };
    let layout = Section::from_value(section.source, value, LAYOUT_KEYS)?;
    let counts = |key: &str| {
        let values = layout.axis(key, |source, value| Ok(count(source, value)?.into_inner() as usize))?;
        Ok(values.unwrap_or_else(|| vec![0]))
    };
    let (paddings, offsets, distinct) = (counts("row_padding")?, counts("base_offset")?, counts("distinct_rows")?);
    let in_place = layout.axis("in_place", flag)?.unwrap_or_else(|| vec![false]);
    let mut layouts = Vec::new();
    for &row_padding in &paddings {
        for &base_offset in &offsets {
            for &in_place in &in_place {
                let more =
                    distinct.iter().map(|&distinct_rows| Layout { row_padding, base_offset, in_place, distinct_rows });
                layouts.extend(more);
            }
        }
    }
    Ok((layouts, value.span()))
}

fn read_skip(section: &Section<'_>) -> Result<Option<Skip>, SuiteError> {
    let Some(value) = section.get("skip") else { return Ok(None) };
    let skip = Section::from_value(section.source, value, SKIP_KEYS)?;
    let reason = skip.required_string("reason", "a skipped case says why, so that somebody can end it")?.into_inner();
    let devices = skip.axis("devices", |source, value| {
        let name = string(source, value)?.into_inner();
        let backends = [BackendKind::Host, BackendKind::Hip, BackendKind::Cuda].map(BackendKind::name);
        let backend = name.split(':').next().unwrap_or(&name);
        if backends.contains(&backend) {
            return Ok(name);
        }
        Err(source.error(&value.span(), unknown_name("device", &name, &backends)))
    })?;
    Ok(Some(Skip { reason, devices: devices.unwrap_or_default() }))
}
