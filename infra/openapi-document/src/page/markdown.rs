//! Renders descriptions, which are Markdown (<https://spec.commonmark.org>).

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html::push_html};

/// Renders a text of several paragraphs.
pub(super) fn block(text: &str) -> Markup {
    render(Parser::new(text))
}

/// Renders a text of one paragraph without the `<p>` element around it.
pub(super) fn inline(text: &str) -> Markup {
    let is_paragraph =
        |event: &Event| matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph));
    render(Parser::new(text).filter(|event| !is_paragraph(event)))
}

fn render<'a>(events: impl Iterator<Item = Event<'a>>) -> Markup {
    // Descriptions contain no HTML, so anything that looks like HTML is text.
    let events = events.map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut html = String::new();
    push_html(&mut html, events);
    PreEscaped(html)
}
