//! From HTML to Markdown: the article of a page, or all of it.
//!
//! Pages are foreign bytes. The parser is fed piece by piece and given up when its time is over (its
//! cost can grow with the square of a hostile page), and what is nested deeper than any honest page
//! becomes plain text, since the writers of Markdown call themselves for each level.

use std::time::Duration;
use std::time::Instant;

use dom_query::Document;
use dom_query::NodeRef;
use dom_smoothie::Config;
use dom_smoothie::Readability;
use dom_smoothie::TextMode;
use html5ever::ParseOpts;
use html5ever::tendril::StrTendril;
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use url::Url;

use super::links::make_absolute;
use super::links::unescape_addresses;

/// How much of a page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// What the page is about, without menus and advertisements; all of it when no such part is found.
    Article,
    /// All of it.
    Page,
}

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Markdown {
    pub(crate) title: String,
    pub(crate) text: String,
    /// Whether the whole page was read.
    pub(crate) is_whole: bool,
}

/// How long a page may take to parse.
const PARSE_TIME: Duration = Duration::from_secs(3);
/// How many bytes the parser gets at a time.
const PIECE: usize = 8 * 1024;
/// How deep a page may be nested to be written as Markdown.
const MAX_DEPTH: usize = 256;
/// How many nodes a page may have for its article to be looked for.
const MAX_NODES_FOR_ARTICLE: usize = 60_000;
/// How long a word may be, in bytes, for the article to be looked for: readers of articles look at
/// each place of a word again and again.
const MAX_WORD_FOR_ARTICLE: usize = 4_096;
/// An article shorter than this, in bytes, is taken for a mistake if the page has more.
const MIN_ARTICLE: usize = 400;
/// What holds nothing to read.
const NOT_SHOWN: [&str; 9] =
    ["script", "style", "meta", "head", "noscript", "template", "svg", "iframe", "object"];

/// Reads a page that stands at `url`.
pub(crate) fn to_markdown(html: &str, url: &Url, style: Style) -> Markdown {
    let (document, is_whole) = parse(html);
    let shape = Shape::of(&document);
    let title = title_of(&document);
    if shape.depth > MAX_DEPTH {
        return Markdown { title, text: plain_text(&document), is_whole };
    }
    make_absolute(&document, url);
    let page = |document: &Document| unescape_addresses(&document.md(Some(&NOT_SHOWN)));
    let wants_article = style == Style::Article
        && shape.nodes <= MAX_NODES_FOR_ARTICLE
        && shape.longest_word <= MAX_WORD_FOR_ARTICLE;
    if !wants_article {
        return Markdown { title, text: page(&document), is_whole };
    }
    match article(document.clone(), url) {
        Some((name, text)) if text.len() >= MIN_ARTICLE => {
            let title = if name.is_empty() { title } else { name };
            Markdown { title, text: unescape_addresses(&text), is_whole }
        }
        found => {
            let whole = page(&document);
            let (_, found) = found.unwrap_or_default();
            let text = if whole.len() > found.len() { whole } else { unescape_addresses(&found) };
            Markdown { title, text, is_whole }
        }
    }
}

fn parse(html: &str) -> (Document, bool) {
    let options = ParseOpts {
        // Without scripts, so that what stands in <noscript> is part of the page.
        tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
        ..ParseOpts::default()
    };
    let mut parser = html5ever::parse_document(Document::default(), options);
    let started = Instant::now();
    let mut rest = html;
    while !rest.is_empty() && started.elapsed() < PARSE_TIME {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(StrTendril::from(piece));
        rest = after;
    }
    (parser.finish(), rest.is_empty())
}

/// How large a page is.
struct Shape {
    nodes: usize,
    depth: usize,
    longest_word: usize,
}

impl Shape {
    fn of(document: &Document) -> Self {
        let mut shape = Self { nodes: 0, depth: 0, longest_word: 0 };
        walk(document, |node, depth| {
            shape.nodes += 1;
            if node.is_text() {
                let longest = node.text().split_whitespace().map(str::len).max();
                shape.longest_word = shape.longest_word.max(longest.unwrap_or(0));
            }
            shape.depth = shape.depth.max(depth);
            Descend::Into
        });
        shape
    }
}

enum Descend {
    Into,
    Over,
}

/// Goes through a document from its beginning to its end, without calling itself.
fn walk<'a>(document: &'a Document, mut visit: impl FnMut(&NodeRef<'a>, usize) -> Descend) {
    let mut next = document.root().first_child();
    let mut depth = 1;
    while let Some(node) = next {
        let inside = match visit(&node, depth) {
            Descend::Into => node.first_child(),
            Descend::Over => None,
        };
        if let Some(child) = inside {
            depth += 1;
            next = Some(child);
            continue;
        }
        let mut at = node;
        next = loop {
            if let Some(sibling) = at.next_sibling() {
                break Some(sibling);
            }
            depth -= 1;
            match at.parent() {
                Some(parent) if depth > 0 => at = parent,
                _ => break None,
            }
        };
    }
}

/// The text of a page, without any form.
fn plain_text(document: &Document) -> String {
    let mut text = String::new();
    walk(document, |node, _| {
        if NOT_SHOWN.iter().any(|tag| node.has_name(tag)) {
            return Descend::Over;
        }
        if node.is_text() {
            // A node of text has no children: this does not go deeper.
            let piece = node.text();
            for word in piece.split_whitespace() {
                text.push_str(word);
                text.push(' ');
            }
        }
        Descend::Into
    });
    text
}

fn title_of(document: &Document) -> String {
    let mut title = None;
    walk(document, |node, _| {
        if title.is_none() && node.has_name("title") {
            let words = node.first_child().filter(NodeRef::is_text).map(|child| child.text());
            title = words.map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if title.is_some() { Descend::Over } else { Descend::Into }
    });
    title.unwrap_or_default()
}

/// The title and the text of what the page is about.
fn article(document: Document, url: &Url) -> Option<(String, String)> {
    let config = Config {
        text_mode: TextMode::Markdown,
        max_elements_to_parse: MAX_NODES_FOR_ARTICLE,
        ..Config::default()
    };
    let mut reader = Readability::with_document(document, Some(url.as_str()), Some(config)).ok()?;
    let article = reader.parse().ok()?;
    Some((article.title, article.text_content.to_string()))
}

#[cfg(test)]
mod tests;
