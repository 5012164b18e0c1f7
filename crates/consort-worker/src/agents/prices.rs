//! What models cost. A dated table that a person can add to; a model that stands in no table has no
//! price, and its calls cost nobody knows how much: never nothing.

use super::session::port::Spent;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The table of this build.
const BUILT_IN: &str = include_str!("prices.yaml");

/// The name of a person's table in the configuration directory.
pub const PRICES: &str = "prices.yaml";

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for people who read the table")]
    source: Option<String>,
    models: BTreeMap<String, Price>,
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    input: f64,
    output: f64,
    /// As much as input, unless said.
    cache_write: Option<f64>,
    /// As much as input, unless said.
    cache_read: Option<f64>,
}

/// Prices by model.
#[derive(Clone, Debug)]
pub struct Prices {
    /// A person's table first.
    tables: Vec<Table>,
}

/// A table that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the price table `{path}` cannot be read: {why}; mend it, or take it away")]
pub struct PricesError {
    /// Which file.
    pub path: String,
    /// What is wrong, with line and column where that is known.
    pub why: String,
}

impl Prices {
    /// The built-in table, and before it a person's own where there is one.
    ///
    /// # Errors
    /// The person's table is there and cannot be read.
    pub fn load(own: Option<&Path>) -> Result<Self, PricesError> {
        let mut tables = Vec::new();
        if let Some(path) = own {
            let failed = |why: String| PricesError { path: path.display().to_string(), why };
            match std::fs::read_to_string(path) {
                Ok(text) => tables.push(table(&text).map_err(failed)?),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        let failed = |why| PricesError { path: "built in".into(), why };
        tables.push(table(BUILT_IN).map_err(failed)?);
        Ok(Self { tables })
    }

    /// Whether anybody knows what this model costs.
    pub fn knows(&self, model: &str) -> bool {
        self.tables.iter().any(|table| table.of(model).is_some())
    }

    /// When the built-in table was made, `YYYY-MM-DD`.
    pub fn as_of(&self) -> &str {
        self.tables.last().and_then(|table| table.as_of.as_deref()).unwrap_or_default()
    }

    /// What this use of a model costs, in millionths of a US dollar, rounded up; `None`: nobody knows.
    pub fn cost(&self, model: &str, spent: &Spent) -> Option<u64> {
        let price = self.tables.iter().find_map(|table| table.of(model))?;
        let parts = [
            (spent.tokens_in, price.input),
            (spent.tokens_out, price.output),
            (spent.cache_write, price.cache_write.unwrap_or(price.input)),
            (spent.cache_read, price.cache_read.unwrap_or(price.input)),
        ];
        // A price per million tokens is one in millionths of a dollar per token: exact in ten-thousandths of it.
        let sum =
            parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(fine(*price))).sum::<u128>();
        u64::try_from(sum.div_ceil(u128::from(FINE))).ok()
    }
}

/// Parts of a millionth of a dollar.
const FINE: u32 = 10_000;

fn fine(price: f64) -> u64 {
    (price * f64::from(FINE)).round() as u64
}

impl Table {
    fn of(&self, model: &str) -> Option<&Price> {
        let fitting = self.models.iter().filter(|(name, _)| model.starts_with(name.as_str()));
        fitting.max_by_key(|(name, _)| name.len()).map(|(_, price)| price)
    }
}

fn table(text: &str) -> Result<Table, String> {
    let table: Table = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let bad = |price: &Price| {
        let all = [Some(price.input), Some(price.output), price.cache_write, price.cache_read];
        all.into_iter().flatten().any(|usd| !(0.0..=100_000.0).contains(&usd))
    };
    match table.models.iter().find(|(_, price)| bad(price)) {
        Some((model, _)) => Err(format!("a price of `{model}` is not between 0 and 100000")),
        None => Ok(table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(tokens_in: u64, tokens_out: u64, cache_read: u64, cache_write: u64) -> Spent {
        Spent { tokens_in, tokens_out, cache_read, cache_write, micro_usd: None }
    }

    #[test]
    fn costs_are_exact_and_the_longest_name_counts() {
        let prices = Prices::load(None).unwrap();
        assert_eq!(prices.cost("claude-sonnet-4-5-20250929", &spent(1_000_000, 0, 0, 0)), Some(3_000_000));
        assert_eq!(
            prices.cost("claude-sonnet-4-5", &spent(10, 7, 3, 2)),
            Some(30 + 105 + 9),
            "8.4 is rounded up"
        );
        assert_eq!(prices.cost("gpt-5-mini-2025", &spent(1_000, 1_000, 0, 0)), Some(250 + 2_000));
        assert_eq!(prices.cost("gpt-5-2025", &spent(1_000, 1_000, 0, 0)), Some(1_250 + 10_000));
        assert_eq!(prices.cost("gpt-5.1", &spent(0, 0, 0, 1_000)), Some(1_250), "as much as input");
        assert!(!prices.as_of().is_empty());
    }

    #[test]
    fn an_unknown_model_has_no_price_and_a_person_may_give_it_one() {
        let prices = Prices::load(None).unwrap();
        assert_eq!(prices.cost("smollm2", &spent(1, 1, 1, 1)), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(PRICES);
        assert!(Prices::load(Some(&path)).is_ok(), "no table of one's own");
        std::fs::write(&path, "models:\n  smollm2: {input: 0, output: 0}\n  gpt-5: {input: 2, output: 4}\n")
            .unwrap();
        let prices = Prices::load(Some(&path)).unwrap();
        assert_eq!(prices.cost("smollm2", &spent(9, 9, 9, 9)), Some(0));
        assert_eq!(
            prices.cost("gpt-5-mini", &spent(1_000, 0, 0, 0)),
            Some(2_000),
            "one's own table comes first"
        );
        for wrong in
            ["models: {x: {input: -1, output: 1}}", "models: {x: {input: 1}}", "model: {}", "models: ["]
        {
            std::fs::write(&path, wrong).unwrap();
            let error = Prices::load(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }
}
