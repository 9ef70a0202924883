//! Links of a page, made absolute, so that a model can follow them.

use dom_query::Document;
use url::Url;

/// The longest address kept, in bytes: pictures can be packed into theirs.
const MAX_ADDRESS: usize = 2_048;

/// Makes the addresses of links and pictures absolute. Pictures that are packed into their
/// address are dropped, links that run scripts lose their address.
pub(super) fn make_absolute(document: &Document, page: &Url) {
    let base = document.base_uri().and_then(|base| page.join(&base).ok());
    let base = base.unwrap_or_else(|| page.clone());
    let addressed = [("a", "href"), ("img", "src"), ("area", "href")];
    let nodes: Vec<_> =
        document.root().descendants_it().filter(dom_query::NodeRef::is_element).collect();
    for node in nodes {
        let kind = addressed.iter().find(|(tag, _)| node.has_name(tag));
        let Some((tag, attribute)) = kind else { continue };
        let Some(address) = node.attr(attribute) else { continue };
        match absolute(&base, &address) {
            Some(url) => node.set_attr(attribute, &url),
            None if *tag == "img" => node.remove_from_parent(),
            None => node.remove_attr(attribute),
        }
    }
}

fn absolute(base: &Url, address: &str) -> Option<String> {
    let url = base.join(address.trim()).ok()?;
    let is_useful = matches!(url.scheme(), "http" | "https" | "mailto");
    (is_useful && url.as_str().len() <= MAX_ADDRESS).then(|| url.to_string())
}

/// Undoes the `&amp;` that the Markdown writer puts into addresses: a model copies them as they stand.
pub(super) fn unescape_addresses(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut pieces = markdown.split("](");
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        text.push_str("](");
        let end = piece.find(['\n', ' ']).or_else(|| piece.find(')')).unwrap_or(piece.len());
        let (address, rest) = piece.split_at(end);
        text.push_str(&address.replace("&amp;", "&"));
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_copied_as_they_stand() {
        let markdown =
            "a &amp; [x](/y?a=1&amp;b=2) &amp; [z](</q r&amp;s>) [u](/v&amp;w \"t &amp; t\")";
        let expected = "a &amp; [x](/y?a=1&b=2) &amp; [z](</q r&amp;s>) [u](/v&w \"t &amp; t\")";
        assert_eq!(unescape_addresses(markdown), expected);
    }

    #[test]
    fn relative_links_lead_to_the_page_they_stand_on() {
        let page = Url::parse("https://example.org/a/b?q").unwrap();
        for (address, expected) in [
            ("c", Some("https://example.org/a/c")),
            ("/c?x=1&y=2", Some("https://example.org/c?x=1&y=2")),
            ("//other.org/", Some("https://other.org/")),
            ("#part", Some("https://example.org/a/b?q#part")),
            ("mailto:me@example.org", Some("mailto:me@example.org")),
            ("javascript:alert(1)", None),
            ("data:image/png;base64,AAAA", None),
            ("file:///etc/passwd", None),
            ("http://[", None),
        ] {
            assert_eq!(absolute(&page, address).as_deref(), expected, "{address}");
        }
    }
}
