//! Changed indexes against indexes built anew, bit for bit.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Problem, Ranking, bits, isas, problems, ranked};
use crate::filter::Filter;
use crate::top_k::{Items, Magnitudes, Overlay};
use crate::{Isa, Matrix};

/// Rows of a problem change: some are taken out, or some replaced and others appended.
#[derive(Debug, Clone)]
struct Change {
    out: bool,
    rows: Vec<Index>,
    appended: usize,
    /// From which row of the problem on vectors are taken.
    shift: usize,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let rows = prop::collection::vec(any::<Index>(), 0..6);
    let change = (any::<bool>(), rows, 0..20_usize, 0..50_usize);
    let change = change.prop_map(|(out, rows, appended, shift)| Change {
        out,
        rows,
        appended,
        shift,
    });
    prop::collection::vec(change, 0..7)
}

/// An index that was changed, and the problem that it should then solve as if built for it.
struct Changed {
    base: Vec<f32>,
    base_rows: usize,
    overlay: Overlay,
    now: Problem,
    /// Which rows are out.
    out: Vec<bool>,
}

impl Changed {
    /// Start with some of a problem's rows, change them, and append what is missing in the end.
    fn new(problem: &Problem, base_rows: usize, changes: &[Change]) -> Self {
        let (rows, dim) = (problem.rows, problem.dim);
        let vector = |row: usize| &problem.items[row % rows.max(1) * dim..][..dim];
        let base = problem.items[..base_rows * dim].to_vec();
        let mut overlay = Overlay::new(base_rows, dim);
        let mut known: Vec<Option<Vec<f32>>> = (0..base_rows)
            .map(|row| Some(vector(row).to_vec()))
            .collect();
        let last = Change {
            out: false,
            rows: Vec::new(),
            appended: rows,
            shift: 1,
        };
        for change in changes.iter().chain([&last]) {
            let mut chosen: Vec<i32> = match known.len() {
                0 => Vec::new(),
                len => change
                    .rows
                    .iter()
                    .map(|row| row.index(len) as i32)
                    .collect(),
            };
            if change.out {
                overlay = overlay.without_rows(&chosen).unwrap();
                for &row in &chosen {
                    known[row as usize] = None;
                }
                continue;
            }
            chosen.sort_unstable();
            chosen.dedup();
            let more = known.len()..rows.min(known.len() + change.appended);
            chosen.extend(more.map(|row| row as i32));
            let vectors: Vec<f32> = (chosen.iter())
                .flat_map(|&row| vector(row as usize + change.shift))
                .copied()
                .collect();
            let matrix = Matrix::new(&vectors, chosen.len(), dim).unwrap();
            overlay = overlay.with_rows(&chosen, matrix).unwrap();
            known.resize(rows.min(known.len() + change.appended), None);
            for (place, &row) in chosen.iter().enumerate() {
                known[row as usize] = Some(matrix.row(place).to_vec());
            }
        }
        let out: Vec<bool> = known.iter().map(Option::is_none).collect();
        let denied = problem.deny.clone().unwrap_or_else(|| vec![false; rows]);
        let nothing = vec![f32::NAN; dim];
        let items = known
            .iter()
            .flat_map(|known| known.as_ref().unwrap_or(&nothing));
        let now = Problem {
            items: items.copied().collect(),
            deny: Some(denied.iter().zip(&out).map(|(a, b)| *a || *b).collect()),
            ..problem.clone()
        };
        assert_eq!(overlay.rows(), rows);
        Self {
            base,
            base_rows,
            overlay,
            now,
            out,
        }
    }

    fn base(&self) -> Matrix<'_> {
        Matrix::new(&self.base, self.base_rows, self.now.dim).unwrap()
    }

    /// The ranking of an index, under the filter as it was before rows were taken out.
    fn ranking(overlay: &Overlay, base: Matrix<'_>, before: &Problem, isa: Isa) -> Ranking {
        let known = Magnitudes::default();
        before.filtered(|filter| {
            ranked(before.asked, before.k, |best| {
                let (items, threads) = (Items::with(base, &known), before.threads);
                overlay.top_k(isa, items, before.queries(), filter, threads, best)
            })
        })
    }

    /// Canonical scores; -inf for rows that are out.
    fn scores(&self) -> Vec<f32> {
        let mut scores = self.now.scores();
        for of_query in scores.chunks_mut(self.out.len().max(1)) {
            for (score, _) in of_query.iter_mut().zip(&self.out).filter(|(_, out)| **out) {
                *score = f32::NEG_INFINITY;
            }
        }
        scores
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_changed_index_answers_as_one_built_anew(
        problem in problems(),
        share in 0.0..1.0_f64,
        changes in changes(),
    ) {
        let changed = Changed::new(&problem, (share * problem.rows as f64) as usize, &changes);
        let (naive, scores) = (changed.now.naive(), changed.scores());
        let (copy, rest) = changed.overlay.compacted(changed.base()).unwrap();
        let compact = Matrix::new(copy.values(), problem.rows, problem.dim).unwrap();
        prop_assert_eq!(rest.apart(), 0);
        for isa in isas() {
            for (overlay, base) in [(&changed.overlay, changed.base()), (&rest, compact)] {
                let ranking = Changed::ranking(overlay, base, &problem, isa);
                prop_assert_eq!(&ranking, &naive, "{}", isa.name());
                let mut all = vec![77.0; scores.len()];
                overlay.dot(isa, base, problem.queries(), &mut all).unwrap();
                prop_assert_eq!(bits(&all), bits(&scores), "{}", isa.name());
                let turned: Vec<i32> = (0..problem.rows as i32).rev().collect();
                overlay.dot_rows(isa, base, problem.queries(), &turned, &mut all).unwrap();
                all.chunks_mut(problem.rows.max(1)).for_each(<[f32]>::reverse);
                prop_assert_eq!(bits(&all), bits(&scores), "{}", isa.name());
            }
        }
    }
}

/// Four rows of one float, and what one query of 1 gets of a changed index.
const BASE: [f32; 4] = [4.0, 3.0, 2.0, 1.0];

fn best(overlay: &Overlay, k: usize) -> (Vec<i32>, Vec<f32>) {
    let (base, query) = (
        Matrix::new(&BASE, 4, 1).unwrap(),
        Matrix::new(&[1.0], 1, 1).unwrap(),
    );
    let (rows, scores, counts) = ranked(1, k, |best| {
        overlay.top_k(Isa::Scalar, base, query, &Filter::default(), 1, best)
    });
    let count = counts[0] as usize;
    let scores = scores[..count].iter().map(|&score| f32::from_bits(score));
    (rows[..count].to_vec(), scores.collect())
}

fn with(overlay: &Overlay, rows: &[i32], values: &[f32]) -> Overlay {
    let vectors = Matrix::new(values, rows.len(), 1).unwrap();
    overlay.with_rows(rows, vectors).unwrap()
}

#[test]
fn rows_are_replaced_appended_and_taken_out() {
    let none = Overlay::new(4, 1);
    assert_eq!(best(&none, 2), (vec![0, 1], vec![4.0, 3.0]));
    let some = with(&none, &[3, 4], &[9.0, 5.0]);
    assert_eq!(best(&some, 3), (vec![3, 4, 0], vec![9.0, 5.0, 4.0]));
    assert_eq!((some.rows(), some.apart()), (5, 2));
    let fewer = some.without_rows(&[0, 4]).unwrap();
    assert_eq!(best(&fewer, 9), (vec![3, 1, 2], vec![9.0, 3.0, 2.0]));
    assert_eq!((fewer.rows(), fewer.apart()), (5, 1));
    let back = with(&fewer, &[0], &[7.0]);
    assert_eq!(best(&back, 2), (vec![3, 0], vec![9.0, 7.0]));
    // What others hold is as it was.
    assert_eq!(best(&some, 3), (vec![3, 4, 0], vec![9.0, 5.0, 4.0]));
}

#[test]
fn equal_scores_go_to_the_lower_row_wherever_it_is_kept() {
    let overlay = with(&Overlay::new(4, 1), &[0, 3, 4], &[2.0, 3.0, 3.0]);
    assert_eq!(best(&overlay, 5).0, [1, 3, 4, 0, 2]);
    assert_eq!(best(&overlay, 2).0, [1, 3]);
}

#[test]
fn compacting_leaves_nothing_apart_and_brings_nothing_back() {
    let overlay = with(&Overlay::new(4, 1), &[1, 4, 5], &[6.0, 5.0, 8.0]);
    let overlay = overlay.without_rows(&[0, 5]).unwrap();
    let (copy, rest) = overlay
        .compacted(Matrix::new(&BASE, 4, 1).unwrap())
        .unwrap();
    assert_eq!((rest.rows(), rest.apart()), (6, 0));
    let (base, query) = (
        Matrix::new(copy.values(), 6, 1).unwrap(),
        Matrix::new(&[1.0], 1, 1).unwrap(),
    );
    let (rows, ..) = ranked(1, 6, |best| {
        rest.top_k(Isa::Scalar, base, query, &Filter::default(), 1, best)
    });
    assert_eq!(rows, [1, 4, 2, 3, -1, -1]);
    let again = with(&rest, &[5], &[1.5]);
    let mut scores = [0.0; 6];
    again.dot(Isa::Scalar, base, query, &mut scores).unwrap();
    let out = f32::NEG_INFINITY;
    assert_eq!(
        scores.map(f32::to_bits),
        [out, 6.0, 2.0, 1.0, 5.0, 1.5].map(f32::to_bits)
    );
}

#[test]
fn changes_that_cannot_be_made_are_named() {
    let overlay = Overlay::new(4, 1);
    let refusal = |rows: &[i32], values: &[f32]| {
        let vectors = Matrix::new(values, values.len(), 1).unwrap();
        overlay.with_rows(rows, vectors).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&[1, 2], &[1.0]),
        "vectors is 1 x 1, but 2 rows of this index need 2 x 1"
    );
    let order = "rows[1] is 2, which does not ascend from 0 with each row at most once; sort them";
    assert_eq!(refusal(&[2, 2], &[1.0, 1.0]), order);
    assert_eq!(refusal(&[3, 2], &[1.0, 1.0]), order);
    assert_eq!(
        refusal(&[-1], &[1.0]),
        "rows[0] is -1, which does not ascend from 0 with each row at most once; sort them"
    );
    assert_eq!(
        refusal(&[4, 6], &[1.0, 1.0]),
        "rows[1] is 6, but the next new row is 5"
    );
    let missing = overlay.without_rows(&[0, 4]).unwrap_err();
    assert_eq!(missing.to_string(), "rows[1] is 4, and must lie in 0..4");
    let other = overlay
        .compacted(Matrix::new(&BASE, 2, 2).unwrap())
        .unwrap_err();
    assert_eq!(other.to_string(), "changes of 4 x 1 items do not fit 2 x 2");
}
