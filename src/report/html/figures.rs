//! Figures by kind, with links to each of them.

use maud::{Markup, PreEscaped, html};

use super::super::plots::{Figure, FigureGroup};

/// `None` without figures.
pub fn figures(figures: &[Figure]) -> Option<Markup> {
    if figures.is_empty() {
        return None;
    }
    let groups = FigureGroup::ALL.iter().map(|group| {
        let members: Vec<&Figure> = figures.iter().filter(|figure| figure.group == *group).collect();
        (*group, members)
    });
    Some(html! {
        @for (group, members) in groups.filter(|(_, members)| !members.is_empty()) {
            h3 { (group.heading()) }
            @if members.len() > 1 {
                ul.chips aria-label=(group.heading()) {
                    @for figure in &members { li { a href={ "#figure-" (figure.id) } { (figure.title) } } }
                }
            }
            @for figure in members { (one(figure)) }
        }
    })
}

/// A figure waits as text until it comes near the window: a browser reads that a hundred times faster than a document
/// of thousands of shapes, most of which nobody scrolls to.
fn one(figure: &Figure) -> Markup {
    let ratio = aspect_ratio(&figure.svg).unwrap_or_else(|| "5 / 2".to_string());
    html! {
        figure.plot id={ "figure-" (figure.id) } {
            figcaption {
                h4 { (figure.title) }
                @if !figure.caption.is_empty() { p { (figure.caption) } }
            }
            div.scroll tabindex="0" role="region" aria-label=(figure.title) {
                div.drawing style={ "aspect-ratio:" (ratio) } {
                    script type="image/svg+xml" { (PreEscaped(accessible(figure))) }
                    noscript { a href={ "plots/" (figure.id) ".svg" } { "The figure is in plots/" (figure.id) ".svg" } }
                }
            }
        }
    }
}

/// The figure's SVG with a role and a name, fit for a script element.
fn accessible(figure: &Figure) -> String {
    let name = html! { (figure.description) }.into_string();
    let svg = figure.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{name}\" "), 1);
    svg.replace("</script", "&lt;/script").replace("<!--", "&lt;!--")
}

/// Width and height from the `viewBox`, as CSS has them.
fn aspect_ratio(svg: &str) -> Option<String> {
    let (_, after) = svg.split_once("viewBox=\"")?;
    let (numbers, _) = after.split_once('"')?;
    let sizes: Vec<f64> = numbers.split_whitespace().skip(2).filter_map(|number| number.parse().ok()).collect();
    match sizes[..] {
        [width, height] if width > 0.0 && height > 0.0 => Some(format!("{width} / {height}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_for_a_figure_of_known_size() {
        let svg = "<svg width=\"1080\" height=\"440\" viewBox=\"0 0 1080 440\" xmlns=\"a\">";
        assert_eq!(aspect_ratio(svg).as_deref(), Some("1080 / 440"));
        assert_eq!(aspect_ratio("<svg>"), None);
        assert_eq!(aspect_ratio("<svg viewBox=\"0 0 0 1\">"), None);
    }
}
