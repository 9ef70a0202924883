use proptest::prelude::*;

use super::*;

fn read(html: &str, style: Style) -> Markdown {
    to_markdown(html, &Url::parse("https://example.org/docs/page").unwrap(), style)
}

const PAGE: &str = r#"<!doctype html><html><head><title> A &amp; B
 </title><style>p{}</style></head><body>
<nav><ul><li><a href="/">Home</a><li><a href="/shop">Shop</a></ul></nav>
<article><h1>On tides</h1>
<p>The tide comes in <b>twice</b> a day, says <a href="moon?x=1&amp;y=2">the moon</a>. It has done so for as long
as anybody can remember, and nobody who lives at the shore is surprised by it any longer, though visitors
are, and leave their shoes where the water will be in the evening, every summer, in every year.</p>
<p>Those who measure it write it down in tables, and the tables are printed in small books that hang in every
harbour, where everybody can see them, though few look, since the sea can be seen just as well.</p>
<pre><code class="language-rust">let tide = 2;</code></pre>
<img src="data:image/png;base64,AAAA"><img src="/tide.png" alt="A tide">
<script>alert('no')</script></article>
<footer>Imprint</footer></body></html>"#;

#[test]
fn an_article_is_found_and_its_links_lead_somewhere() {
    let article = read(PAGE, Style::Article);
    assert!(article.is_whole);
    assert!(article.text.contains("**twice**"), "{}", article.text);
    assert!(
        article.text.contains("[the moon](https://example.org/docs/moon?x=1&y=2)"),
        "{}",
        article.text
    );
    assert!(article.text.contains("let tide = 2;"), "{}", article.text);
    for absent in ["alert", "Imprint", "Shop", "base64"] {
        assert!(!article.text.contains(absent), "{absent}: {}", article.text);
    }
}

#[test]
fn a_page_is_shown_whole() {
    let page = read(PAGE, Style::Page);
    assert_eq!(page.title, "A & B");
    for part in ["[Shop](https://example.org/shop)", "# On tides", "Imprint", "tide.png"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("alert"), "{}", page.text);
}

#[test]
fn a_short_page_without_an_article_is_shown_whole() {
    let page = read("<title>t</title><ul><li>one<li>two</ul>", Style::Article);
    assert!(page.text.contains("one") && page.text.contains("two"), "{}", page.text);
}

#[test]
fn a_base_of_the_page_counts() {
    let page = read("<base href='/other/'><a href=x>y</a>", Style::Page);
    assert_eq!(page.text.trim(), "[y](https://example.org/other/x)");
}

#[test]
fn hostile_nesting_neither_overflows_nor_takes_for_ever() {
    for page in [
        "<b><i>".repeat(5_000) + "deep",
        "<div>".repeat(50_000) + "deep",
        "<table><tr><td>".repeat(5_000) + "deep",
        "<ul><li>".repeat(5_000) + "deep",
        "<blockquote>".repeat(5_000) + "deep",
        "<a><font>".repeat(3_000) + "deep",
        "<svg>".repeat(5_000) + "deep",
        "<template>".repeat(3_000) + "deep",
        "<!--".repeat(20_000),
        "<p a=b ".repeat(20_000),
        "&amp;".repeat(20_000),
    ] {
        let started = Instant::now();
        let markdown = std::thread::Builder::new()
            .stack_size(2 * 1024 * 1024)
            .spawn(move || read(&page, Style::Article))
            .unwrap()
            .join()
            .unwrap();
        // One piece may take longer than the clock is looked at.
        assert!(started.elapsed() < PARSE_TIME * 10, "{}", markdown.text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_text_is_a_page(
        html in "([a-z &<>/=\"';!-]|<p>|</p>|<a href=|<table>|<td>|<li>|<ul>|<pre>|<!--|]]>|<svg>|\\PC){0,200}",
    ) {
        for style in [Style::Article, Style::Page] {
            let markdown = read(&html, style);
            prop_assert!(markdown.is_whole);
            prop_assert!(markdown.text.len() <= html.len() * 64 + 1024);
        }
    }
}
