//! One line for each goal, ratios in one column.

/// Why a number is not there.
pub(crate) type Missed = Box<dyn std::error::Error>;

/// What a goal bounds.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// Ours divided by the floor, at most this.
    Ratio(f64),
    /// Ours minus the floor, at most this.
    Above(f64),
    /// Ours, at most this: there is nothing to compare it with.
    Most(f64),
}

/// Prints as it goes.
pub(crate) struct Table;

impl Table {
    /// Prints the head.
    pub(crate) fn begin() -> Self {
        println!("{:44} {:>12} {:>12} {:>7}  {:16} met", "", "ours", "floor", "ratio", "goal");
        Self
    }

    /// One goal. `unit` is what both numbers are in.
    pub(crate) fn row(&mut self, name: &str, ours: f64, floor: Option<f64>, unit: &str, goal: Goal) {
        let number = |value: f64| format!("{value:.2} {unit}").trim_end().to_owned();
        let base = floor.unwrap_or(0.0);
        let (met, goal) = match goal {
            Goal::Ratio(most) => (ours <= base * most, format!("ratio <= {most}")),
            Goal::Above(most) => (ours - base <= most, format!("floor + {most} {unit}")),
            Goal::Most(most) => (ours <= most, format!("<= {most} {unit}")),
        };
        let ratio = floor.filter(|f| *f > 0.0).map_or_else(|| "-".into(), |f| format!("{:.2}", ours / f));
        let floor = floor.map_or_else(|| "-".into(), number);
        println!("{name:44} {:>12} {floor:>12} {ratio:>7}  {goal:16} {}", number(ours), yes(met));
    }

    /// What helps to read the line above.
    pub(crate) fn note(&mut self, text: &str) {
        println!("    {text}");
    }

    /// A number that is not there.
    pub(crate) fn failed(&mut self, name: &str, why: &Missed) {
        println!("{name:44} not measured: {why}");
    }
}

fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "NO" }
}

/// The middle one.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
