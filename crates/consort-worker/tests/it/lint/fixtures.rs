//! Documents written by hand: right ones that look wrong, and whole ones with their faults listed.

use super::{check, shown};

/// Right, each in a way that invites a false alarm.
const TRICKY: [&str; 36] = [
    // Weights of goods, not of criteria.
    "# T\n\n| Parcel | Weight (kg) | Price | Total |\n|---|---|---|---|\n| A | 2.5 | 10 | 12 |\n| B | 3.5 | 11 | 15 |\n| C | 1.0 | 9 | 10 |\n",
    // Thirds.
    "# T\n\n| Criterion | Weight | A | B |\n|---|---|---|---|\n| Cost | 33% | 3 | 6 |\n| Speed | 33% | 6 | 6 |\n| Risk | 33% | 9 | 3 |\n| Total | 99% | 6.0 | 5.0 |\n",
    // Weighted average with points.
    "# T\n\n| Criterion | Weight | North | South |\n|---|---|---|---|\n| Cost | 5 | 4 | 3 |\n| Speed | 3 | 2 | 5 |\n| Fit | 2 | 5 | 1 |\n| Weighted average | | 3.6 | 3.2 |\n",
    // Weighted sum with points.
    "# T\n\n| Criterion | Weight | North | South |\n|---|---|---|---|\n| Cost | 5 | 4 | 3 |\n| Speed | 3 | 2 | 5 |\n| Fit | 2 | 5 | 1 |\n| **Total** | **10** | **36** | **32** |\n",
    // Percent of the best possible.
    "# T\n\n| Criterion | Weight | North | South |\n|---|---|---|---|\n| Cost | 0.5 | 4 | 3 |\n| Speed | 0.3 | 2 | 5 |\n| Fit | 0.2 | 5 | 1 |\n| Weighted total (out of 5) | 1.0 | 3.6 | 3.2 |\n\nNorth reaches 72% of what is possible, South 64%.\n",
    // Raw and weighted sums in one table.
    "# T\n\n| Criterion | Weight | A | A weighted | B | B weighted |\n|---|---|---|---|---|---|\n| Cost | 0.6 | 8 | 4.8 | 5 | 3.0 |\n| Fit | 0.4 | 5 | 2.0 | 9 | 3.6 |\n| Total | 1.0 | 13 | 6.8 | 14 | 6.6 |\n",
    // Totals that cascade from rounded parts.
    "# T\n\n| Criterion | Weight | Score | Weighted |\n|---|---|---|---|\n| Cost | 0.35 | 7 | 2.5 |\n| Fit | 0.35 | 5 | 1.8 |\n| Speed | 0.30 | 6 | 1.8 |\n| Total | 1.00 | | 6.1 |\n",
    // Lower is better: ranks run the other way.
    "# T\n\n| Option | Cost (50%) | Delay (50%) | Weighted score | Rank |\n|---|---|---|---|---|\n| A | 3 | 5 | 4.0 | 2 |\n| B | 2 | 4 | 3.0 | 1 |\n| C | 5 | 5 | 5.0 | 3 |\n",
    // A tie at the top.
    "# T\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.5 | 8 | 6 |\n| Fit | 0.5 | 6 | 8 |\n| Total | 1.0 | 7.0 | 7.0 |\n\nRed wins the tiebreak because it is simpler.\n",
    // Two matrices with the same options.
    "# T\n\n## Today\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.5 | 8 | 6 |\n| Fit | 0.5 | 6 | 7 |\n| Total | 1.0 | 7.0 | 6.5 |\n\nRed wins with 7.0.\n\n## In two years\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.2 | 8 | 6 |\n| Fit | 0.8 | 6 | 7 |\n| Total | 1.0 | 6.4 | 6.8 |\n\nBlue wins with 6.8.\n",
    // A recommendation against the score.
    "# T\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.5 | 8 | 6 |\n| Fit | 0.5 | 6 | 7 |\n| Total | 1.0 | 7.0 | 6.5 |\n\nAlthough Red scores higher, we recommend Blue. Blue would win if Cost were weighted at 0.2. Blue wins on Fit.\n",
    // Scores that are no totals.
    "# T\n\n| Criterion | Weight | Red | Blue |\n|---|---|---|---|\n| Cost | 0.5 | 8.5 | 6 |\n| Fit | 0.5 | 6 | 7 |\n| Total | 1.0 | 7.25 | 6.5 |\n\nRed scores 8.5 on Cost. Red was released as 6.4 in May, Blue as version 7.1.\n",
    // A count of something else before a list.
    "# T\n\nThe server has 3 nodes. Settings:\n\n- one\n- two\n\nIn the first 2 weeks:\n\n- a\n- b\n- c\n\nAt least two conditions must hold:\n\n- a\n- b\n- c\n\nIt runs in 5 minutes:\n\n- build\n- test\n",
    // Two counts of which one is the list's.
    "# T\n\nOf the five candidates, these three options remain:\n\n- a\n- b\n- c\n\nThere are two kinds of three colours:\n\n1. red\n2. green\n",
    // A list that goes on after a note.
    "# T\n\nThere are four steps:\n\n1. a\n2. b\n\nNote that this takes time.\n\n3. c\n4. d\n",
    // Subtotals and a grand total.
    "# T\n\n| Item | Cost |\n|---|---|\n| Desk | 100 |\n| Chair | 50 |\n| Subtotal furniture | 150 |\n| Screen | 200 |\n| Cable | 10 |\n| Subtotal technology | 210 |\n| **Total** | **360** |\n",
    // Columns that are not added up.
    "# T\n\n| Service | Requests | p95 latency | Error rate | Coverage |\n|---|---|---|---|---|\n| a | 100 | 120 | 0.5% | 80% |\n| b | 300 | 90 | 0.1% | 90% |\n| Total | 400 | 110 | 0.2% | 87% |\n",
    // Sums of rounded shares.
    "# T\n\n| Team | Share |\n|---|---|\n| a | 33.3% |\n| b | 33.3% |\n| c | 33.3% |\n| Total | 100% |\n\n| Part | Share of budget |\n|---|---|\n| a | 14% |\n| b | 29% |\n| c | 57% |\n| d | 1% |\n",
    // Ratios that only look like one.
    "# T\n\nUp from 12 of 15 (75% was the target). We saw 3 of 5 stars, 20% off. 12/15 tests passed, up 5%. See 3/4 (page 10%).\n\nIt fell by 40% (from 50 to 30). A/B: 2 of 3 voted yes (66%), and 2 of 3 (67%) is right too.\n",
    // Splits that are changes.
    "# T\n\nThe split moved from 40% to 35%, then to 30% in May. Sales are divided: 60% in the north, 25% in the east, about 10% elsewhere.\n",
    // Equations that are none.
    "# T\n\nUse `a + b = c`. n + 2 = 5 has one answer. With x = 5, 2x + 1 = 11. 1 + 1 == 3 is false. F-001 + F-002 = done. 24 / 7 = on call. 3 MB + 1 GB = 1.003 GB. 10 / 3 = 3.33. 5 x 3 = 15 and 2 + 2 = 4.0.\n\nC++17 = modern. 2026-03-01 - 2026-02-01 = one month. v1.2 + 0.1 = v1.3.\n",
    // Money in different sizes.
    "# T\n\n$1.2M + $300k = $1.5M. 12 months × $1.5k = $18k. 3 people x 5 days x $800 = $12,000. 0.1 + 0.2 = 0.3. 1,000 - 250 = 750. 40 hours / 8 = 5 days.\n",
    // Dates that only look wrong.
    "# T\n\nSee CVE-2024-9999, RFC-2026-13-40-b, build 2026-13-01-rc1 and file_2026-02-30.md, and `2026-02-30` as an example of what is refused.\n\nThe deadline moved from 2026-05-01 to 2026-04-15. Leap day: 2024-02-29, February 29, 2024.\n",
    // Created after something else ended.
    "# T\n\n| Task | Created | Due |\n|---|---|---|\n| a | 2026-03-01 | 2026-03-01 |\n| b | 2026-03-02 | |\n\n- Supersedes: ADR-3, closed: 2025-01-01\n- Created: 2026-02-02\n\n- Support ends: 2024-01-01\n- Review started: 2026-01-01\n",
    // Status words of all sorts.
    "# T\n\n| Task | Status |\n|---|---|\n| a | Done |\n| b | Done |\n| c | In progress |\n| d | Waiting for Ana |\n| e | Blocked (vendor) |\n\n| Risk | Impact |\n|---|---|\n| a | High |\n| b | Medium |\n| c | High for the north, low elsewhere |\n| d | Low |\n",
    // A legend for another table.
    "# T\n\n| Symbol | Meaning |\n|---|---|\n| + | yes |\n| - | no |\n\n| Feature | Symbol |\n|---|---|\n| a | + |\n| b | - |\n| c | + |\n",
    // Versions as headings.
    "# Changelog\n\n## 1.2.0\n\n- a\n\n## 1.0.1\n\n- b\n\n## 0.9.0\n\n- c\n\n## 3 Aug 2024\n\n## 10 Sep 2023\n",
    // Numbered headings that start over under each parent.
    "# T\n\n## Part 1\n\n### 1. A\n\n### 2. B\n\n## Part 2\n\n### 1. C\n\n### 2. D\n\n### 3. E\n",
    // A year, a question and a count as headings.
    "# T\n\n## 2024\n\na\n\n## 2026\n\nb\n\n## 3 things to know\n\n- a\n- b\n- c\n\n## 10 minutes to production\n\ntext\n",
    // Anchors in other forms.
    "# T\n\n<a name=\"here\"></a>\n\n## What's new?\n\n## API: `read()` & more\n\n## API: `read()` & more\n\n[a](#whats-new) [b](#api-read--more) [c](#api-read--more-1) [d](#here) [e](#) [f](#top)\n",
    // Brackets that are no references.
    "# T\n\nAn array `a[0][1]`, a[i][j], a citation [3], [link] and [x] [y], a range [0, 1], a pattern [^a-z], and [^0-9]+.\n\n[used]: https://example.org\n",
    // Braces and marks of other tools.
    "# T\n\nUse `{{name}}` in a template; ${{ secrets.TOKEN }} in a workflow. The word TODO stands in `TODO` comments, TBD-style lists are out, and the team of the TODO app agreed.\n",
    // Tallies of something else.
    "# T\n\n| ID | Severity |\n|---|---|\n| 1 | High |\n| 2 | Low |\n| 3 | Low |\n\nLast year there were 7 High and 12 Low. The vendor reports \"4 High, 1 Low\". One high wall, two low ones.\n",
    // The same label for two things.
    "# T\n\n| Metric | Before | After |\n|---|---|---|\n| p95 latency | 420ms | 240ms |\n| Error rate | 2% | 1% |\n\nThe p95 latency was 420ms before and is 240ms now. The target for p95 latency is 200ms. Error rate of 5% would be too much.\n",
    // Cells with bars, and blank ones.
    "# T\n\n| Type | Meaning |\n|---|---|\n| `a \\| b` | either |\n| | nothing |\n| c | |\n\nA | B is not a table.\n",
    // Boxes and fractions that are about something else.
    "# T\n\n## Tasks\n\n- [x] a\n- [x] b\n- [ ] c\n\n2 of 3 tasks done. We asked 3 of 5 teams. Step 2/3 is complete. All 3 tasks have owners.\n",
];

#[test]
fn right_documents_that_look_wrong_are_silent() {
    let wrong: String = TRICKY
        .iter()
        .map(|text| (text, check(text)))
        .filter(|(_, f)| !f.is_empty())
        .map(|(t, f)| format!("{}\n---\n{t}\n", shown(&f)))
        .collect();
    assert!(wrong.is_empty(), "{wrong}");
}
