//! The manual's pages about errors, carried inside the binary. The pages themselves: `docs/errors`.

/// A page of the manual.
pub(crate) struct Page {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(Page { code: $code, text: include_str!(concat!("../../../docs/errors/", $code, ".md")) }),*]
    };
}

/// Every page, in the order of the codes. A tidiness test keeps the list and the directory the same.
#[rustfmt::skip]
pub(crate) const ALL: &[Page] = pages![
    "LB0001" "LB0002" "LB0003" "LB0004" "LB0005" "LB0006" "LB0099"
    "LB0101" "LB0102" "LB0103" "LB0104" "LB0105" "LB0106" "LB0107" "LB0108"
    "LB0109" "LB0110" "LB0111" "LB0112" "LB0113" "LB0114" "LB0115" "LB0116"
    "LB0201" "LB0202" "LB0203" "LB0204" "LB0205" "LB0206" "LB0207"
    "LB0301" "LB0302" "LB0303" "LB0304" "LB0305" "LB0306" "LB0307" "LB0308"
    "LB0309" "LB0310" "LB0311" "LB0312" "LB0313" "LB0314" "LB0315" "LB0316"
    "LB0317" "LB0318" "LB0319"
    "LB0401" "LB0402" "LB0403" "LB0404" "LB0405" "LB0406" "LB0407" "LB0408"
    "LB0409" "LB0410" "LB0411" "LB0412" "LB0413" "LB0414" "LB0415" "LB0416"
    "LB0417" "LB0418" "LB0419" "LB0420" "LB0421" "LB0422" "LB0423"
    "LB0501" "LB0502" "LB0503" "LB0504" "LB0505" "LB0506" "LB0507"
    "LB0601" "LB0602" "LB0603" "LB0604" "LB0605" "LB0606" "LB0608" "LB0609"
    "LB0701" "LB0702" "LB0703" "LB0704" "LB0705" "LB0706" "LB0707" "LB0708" "LB0709" "LB0710" "LB0711"
    "LB0801" "LB0802" "LB0803" "LB0804" "LB0805" "LB0806" "LB0807" "LB0808"
    "LB0809" "LB0810" "LB0811" "LB0812" "LB0813" "LB0814" "LB0815" "LB0816" "LB0817" "LB0818"
    "LB0901" "LB0902" "LB0903"
];

impl Page {
    /// What the code means, in one line: the page's heading.
    pub(crate) fn title(&self) -> &'static str {
        let heading = self.text.lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_code, title)| title)
    }
}

/// The page of `code`, however it was typed: `LB0103`, `lb103`, `103`, or copied as `error[LB0103]`.
pub(crate) fn find(code: &str) -> Option<&'static Page> {
    let number: u32 = digits(code)?.parse().ok()?;
    let code = format!("LB{number:04}");
    ALL.iter().find(|page| page.code == code)
}

/// The page whose code differs in the fewest digits; of these the one with the nearest number.
pub(crate) fn nearest(code: &str) -> Option<&'static Page> {
    let wanted: u32 = digits(code)?.parse().ok()?;
    let padded = format!("{wanted:04}");
    ALL.iter().min_by_key(|page| {
        let number = &page.code[2..];
        let differing = number.bytes().zip(padded.bytes()).filter(|(a, b)| a != b).count();
        (differing, number.parse::<u32>().map_or(u32::MAX, |number| number.abs_diff(wanted)))
    })
}

/// The number in `code` when it is a code at all.
fn digits(code: &str) -> Option<&str> {
    let bare = code
        .trim()
        .trim_start_matches("error")
        .trim_start_matches('[')
        .trim_end_matches([':', ']']);
    let number = bare.trim_start_matches(['L', 'l', 'B', 'b']);
    (!number.is_empty() && number.len() <= 4 && number.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

#[cfg(test)]
mod tests;
