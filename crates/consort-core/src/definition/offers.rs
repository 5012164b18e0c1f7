//! What the runtimes of this build can do, and whether they can be used here. Handed in, as the files
//! of the base are: the definition knows no vendor and looks at no machine.

use crate::plan::Tool;

/// One runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its word, as in `runtime:`.
    pub runtime: String,
    /// In a sentence: what it is.
    pub about: String,
    /// Tools that its agents have; empty: it only answers.
    pub tools: Vec<Tool>,
    /// It takes servers of further tools (Model Context Protocol).
    pub servers: bool,
    /// It takes skills.
    pub skills: bool,
    /// The models that role files name are its own.
    pub role_models: bool,
    /// `Ok`: it can be used here, and what was found. `Err`: why not.
    pub found: Result<String, String>,
    /// The model that is taken where nobody says one; `None`: it chooses itself.
    pub model: Option<String>,
}

impl Offer {
    /// True if an agent of it can create and change files.
    pub fn creates(&self) -> bool {
        self.tools.contains(&Tool::Write)
    }
}

/// The first one that can be used here for this.
pub(crate) fn usable(offers: &[Offer], creates: bool) -> Option<&Offer> {
    offers.iter().find(|offer| offer.found.is_ok() && (!creates || offer.creates()))
}
