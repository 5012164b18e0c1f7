//! Reports for people: one page per gate, one for the run. Only what journal and store say.

pub(crate) mod gate;
pub(crate) mod whole;

use consort_core::view::clean;

/// Text of an agent in a cell or a line: no markup of ours breaks.
fn cell(text: &str, most: usize) -> String {
    let text = clean(text).replace('|', "\\|").replace('<', "&lt;");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
