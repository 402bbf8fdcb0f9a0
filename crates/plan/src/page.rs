//! Documents for people: Markdown that is made here becomes one HTML page, to be read on a screen and on paper. Pure. Start at [`html`].
//!
//! The page needs nothing from elsewhere: no script, no font, no picture. It is printed on A4 or Letter, with what is typed kept whole.

use pulldown_cmark::{Options, Parser};

/// How it looks. Black on white: it may come out of any printer.
const STYLE: &str = include_str!("page.css");

/// A text in a Markdown paragraph or table cell, so that nothing of it is taken for a mark.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' | '\r' => escaped.push(' '),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Lines that are typed or shown, kept as they are.
pub fn fenced(word: &str, lines: &str) -> String {
    // A fence is longer than any run of marks in it.
    let longest = lines.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{word}\n{}\n{fence}\n", lines.trim_end())
}

/// One page of a Markdown text; on paper, `foot` stands at the foot of each sheet, with its number.
pub fn html(title: &str, foot: &str, markdown: &str) -> String {
    let foot: String = foot.chars().filter(|c| c.is_alphanumeric() || " .,:-".contains(*c)).collect();
    let mut body = String::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_HEADING_ATTRIBUTES;
    pulldown_cmark::html::push_html(&mut body, Parser::new_ext(markdown, options));
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}@page {{ @bottom-left {{ content: \"{foot}\"; font-size: 8pt; }} @bottom-right {{ content: counter(page) \" of \" counter(pages); font-size: 8pt; }} }}\n</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_shown_and_not_obeyed() {
        let bad = "<script>alert(1)</script> **bold** [a](b) | cell";
        let page = html("<b>", "stamp 1", &format!("{}\n\n{}", escaped(bad), fenced("sh", "echo ``` <b>\n```\n")));
        assert!(
            !page.contains("<script>") && !page.contains("<strong>") && !page.contains("<a "),
            "{page}"
        );
        assert!(page.contains("echo ``` &lt;b&gt;\n```"), "{page}");
        assert!(page.contains("<title>&lt;b></title>"), "{page}");
    }
}
