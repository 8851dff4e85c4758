//! Descriptions, which are Markdown (<https://spec.commonmark.org>).

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html::push_html};

/// Paragraphs and whatever else there is.
pub(super) fn block(text: &str) -> Markup {
    written(Parser::new(text))
}

/// One paragraph, without what makes it one.
pub(super) fn line(text: &str) -> Markup {
    let is_paragraph =
        |event: &Event| matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph));
    written(Parser::new(text).filter(|event| !is_paragraph(event)))
}

fn written<'a>(events: impl Iterator<Item = Event<'a>>) -> Markup {
    // What looks like HTML is text.
    let events = events.map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut html = String::new();
    push_html(&mut html, events);
    PreEscaped(html)
}
