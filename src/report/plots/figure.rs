//! A figure as the page takes it.

/// What a figure shows; the page puts figures of one kind together, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FigureGroup {
    Operation,
    HeatMap,
    ColdHot,
    Roofline,
    Distribution,
    Overlay,
    FirstToken,
    FirstTokenParts,
}

impl FigureGroup {
    pub const ALL: [FigureGroup; 8] = [
        FigureGroup::Operation,
        FigureGroup::HeatMap,
        FigureGroup::ColdHot,
        FigureGroup::Roofline,
        FigureGroup::Distribution,
        FigureGroup::Overlay,
        FigureGroup::FirstToken,
        FigureGroup::FirstTokenParts,
    ];

    /// A heading over the figures of this kind.
    pub const fn heading(self) -> &'static str {
        match self {
            FigureGroup::Operation => "Time, bandwidth and share of roof by size",
            FigureGroup::HeatMap => "Every shape",
            FigureGroup::ColdHot => "Hot against cold",
            FigureGroup::Roofline => "Roofline",
            FigureGroup::Distribution => "Raw samples",
            FigureGroup::Overlay => "Runs over each other",
            FigureGroup::FirstToken => "By length of the prompt",
            FigureGroup::FirstTokenParts => "Where the time goes",
        }
    }
}

/// One drawn figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Names the figure within its run whatever else is drawn: the stem of its files, fit for an HTML id.
    pub id: String,
    pub group: FigureGroup,
    pub title: String,
    /// How to read it, in a sentence or two; empty where there is nothing to say.
    pub caption: String,
    /// The SVG document, for the page.
    pub svg: String,
    /// What a reader who cannot see it is told.
    pub description: String,
}
