//! Every instruction set against naive twins, bit for bit.

mod changes;

use proptest::prelude::*;

use super::quantized::{self, CodeShape, Codes, UpperHalves};
use super::{Best, Items, Magnitudes, dot, dot_rows, select_top_k, top_k};
use crate::canonical;
use crate::filter::{Filter, Ragged};
use crate::{Isa, KernelError, Matrix, bitset};

/// Rows, bits of scores, and counts.
type Ranking = (Vec<i32>, Vec<u32>, Vec<i32>);

/// The instruction sets to test; one that this CPU lacks is said to be skipped.
pub(super) fn isas() -> Vec<Isa> {
    let (available, lacking): (Vec<_>, Vec<_>) =
        Isa::ALL.into_iter().partition(|isa| isa.available());
    for isa in lacking {
        println!("skipped: {} is not available on this CPU", isa.name());
    }
    available
}

/// Bits of scores. A NaN is a NaN, whatever else it carries.
pub(super) fn bits(scores: &[f32]) -> Vec<u32> {
    let one_nan = |score: &f32| if score.is_nan() { f32::NAN } else { *score };
    scores
        .iter()
        .map(|score| one_nan(score).to_bits())
        .collect()
}

pub(super) fn ranked(
    queries: usize,
    k: usize,
    rank: impl FnOnce(Best<'_>) -> Result<(), KernelError>,
) -> Ranking {
    // What the arrays held before must not shine through.
    let (mut rows, mut scores) = (vec![77; queries * k], vec![77.0; queries * k]);
    let mut counts = vec![77; queries];
    rank(Best::new(k, &mut rows, &mut scores, &mut counts).unwrap()).unwrap();
    (rows, bits(&scores), counts)
}

/// Which rows each query has.
type Sets = Vec<Vec<bool>>;

fn rows_in(set: &[bool]) -> Vec<i32> {
    let held = set.iter().enumerate().filter(|(_, held)| **held);
    held.map(|(row, _)| row as i32).collect()
}

/// Sets as (indptr, indices).
fn pair(sets: &Sets) -> (Vec<i64>, Vec<i32>) {
    let mut indptr = vec![0];
    let mut indices = Vec::new();
    for set in sets {
        indices.extend(rows_in(set));
        indptr.push(indices.len() as i64);
    }
    (indptr, indices)
}

/// Items, queries and everything that can make a ranking hard.
#[derive(Debug, Clone)]
struct Problem {
    rows: usize,
    asked: usize,
    dim: usize,
    k: usize,
    threads: usize,
    items: Vec<f32>,
    queries: Vec<f32>,
    seen: Option<Sets>,
    allow: Option<Vec<bool>>,
    deny: Option<Vec<bool>>,
    lists: Option<Sets>,
}

impl Problem {
    fn items(&self) -> Matrix<'_> {
        Matrix::new(&self.items, self.rows, self.dim).unwrap()
    }

    fn queries(&self) -> Matrix<'_> {
        Matrix::new(&self.queries, self.asked, self.dim).unwrap()
    }

    /// Canonical scores, one by one.
    fn scores(&self) -> Vec<f32> {
        let rows = |query| (0..self.rows).map(move |row| (query, row));
        (0..self.asked)
            .flat_map(rows)
            .map(|(query, row)| canonical::dot(self.queries().row(query), self.items().row(row)))
            .collect()
    }

    fn eligible(&self, query: usize, row: usize) -> bool {
        self.lists.as_ref().is_none_or(|lists| lists[query][row])
            && self.allow.as_ref().is_none_or(|set| set[row])
            && !self.deny.as_ref().is_some_and(|set| set[row])
            && !self.seen.as_ref().is_some_and(|seen| seen[query][row])
    }

    /// Score all, drop what may not be shown, sort, cut, pad.
    fn naive(&self) -> Ranking {
        let all = self.scores();
        let (mut rows, mut scores, mut counts) = (vec![], vec![], vec![]);
        for query in 0..self.asked {
            let mut best: Vec<(f32, i32)> = (0..self.rows)
                .filter(|&row| self.eligible(query, row))
                .map(|row| (all[query * self.rows + row], row as i32))
                .filter(|(score, _)| !score.is_nan())
                .collect();
            best.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap().then(a.1.cmp(&b.1)));
            best.truncate(self.k);
            counts.push(best.len() as i32);
            best.resize(self.k, (f32::NEG_INFINITY, -1));
            rows.extend(best.iter().map(|(_, row)| row));
            scores.extend(best.iter().map(|(score, _)| score));
        }
        (rows, bits(&scores), counts)
    }

    /// Work with the filter of this problem.
    fn filtered<T>(&self, work: impl FnOnce(&Filter<'_>) -> T) -> T {
        let (seen, lists) = (self.seen.as_ref().map(pair), self.lists.as_ref().map(pair));
        let words = |set: &Vec<bool>| bitset::of(&rows_in(set), self.rows).unwrap();
        let (allow, deny) = (
            self.allow.as_ref().map(words),
            self.deny.as_ref().map(words),
        );
        let filter = Filter::new(
            self.rows,
            seen.as_ref().map(|pair| self.ragged(pair)),
            allow.as_deref(),
            deny.as_deref(),
            lists.as_ref().map(|pair| self.ragged(pair)),
        );
        work(&filter.unwrap())
    }

    fn ragged<'a>(&self, (indptr, indices): &'a (Vec<i64>, Vec<i32>)) -> Ragged<'a> {
        Ragged::new("rows", indptr, indices, self.asked, self.rows).unwrap()
    }

    fn ranking(&self, isa: Isa, threads: usize) -> Ranking {
        self.filtered(|filter| {
            ranked(self.asked, self.k, |best| {
                top_k(isa, self.items(), self.queries(), filter, threads, best)
            })
        })
    }

    /// The same with magnitudes that are kept, asked twice.
    fn ranking_again(&self, isa: Isa, threads: usize) -> Ranking {
        let known = Magnitudes::default();
        let items = Items::with(self.items(), &known);
        self.filtered(|filter| {
            let rank = || {
                ranked(self.asked, self.k, |best| {
                    top_k(isa, items, self.queries(), filter, threads, best)
                })
            };
            rank();
            rank()
        })
    }

    /// The same by a scan of codes, or of their upper halves first.
    fn ranking_by_codes(&self, isa: Isa, threads: usize, halves: bool) -> Ranking {
        let (codes, bounds) = codes_of(self.items());
        let codes = Codes::new(&codes, &bounds, self.rows, self.dim).unwrap();
        let halves = halves.then(|| UpperHalves::of(codes));
        let codes = codes.with_halves(halves.as_ref());
        let items = Items::from(self.items()).quantized(Some(codes));
        self.filtered(|filter| {
            ranked(self.asked, self.k, |best| {
                top_k(isa, items, self.queries(), filter, threads, best)
            })
        })
    }
}

/// The arrays of codes of some items.
pub(super) fn codes_of(items: Matrix<'_>) -> (Vec<u8>, Vec<f32>) {
    let shape = CodeShape::of(items.rows(), items.dim()).unwrap();
    let mut codes = vec![0; shape.panels * shape.width];
    let mut bounds = vec![f32::NAN; shape.groups * CodeShape::BOUNDS];
    quantized::quantize(items, 1, &mut codes, &mut bounds).unwrap();
    (codes, bounds)
}

/// What a problem's numbers are like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Small whole numbers for ties, and all that is special about floats.
    Wild,
    /// Whole numbers: many ties, and sums without rounding.
    Whole,
    /// Uniform numbers of a scale; products of the smallest vanish, of the greatest overflow.
    Scaled(f32),
    /// Neighbouring floats, so that only canonical scores tell rows apart.
    Near,
    /// Great numbers of both signs, whose products all but cancel.
    Cancelling,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let scale = prop::sample::select(vec![1e-42, 1e-25, 1e-19, 1.0, 1e15, 1e18, 4e18, 1e25]);
    prop_oneof![
        2 => Just(Kind::Wild),
        1 => Just(Kind::Whole),
        2 => scale.prop_map(Kind::Scaled),
        2 => Just(Kind::Near),
        1 => Just(Kind::Cancelling),
    ]
}

fn values(kind: Kind) -> BoxedStrategy<f32> {
    let whole = (-3_i8..4).prop_map(f32::from);
    match kind {
        Kind::Wild => prop_oneof![
            12 => whole,
            4 => -1.0_f32..1.0,
            1 => prop::sample::select(vec![
                -0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1e-42, -1e-42, 1e30, -1e30, f32::MAX,
                f32::INFINITY, f32::NEG_INFINITY, f32::NAN,
            ]),
        ]
        .boxed(),
        Kind::Whole => whole.boxed(),
        Kind::Scaled(scale) => (-1.0_f32..1.0).prop_map(move |value| value * scale).boxed(),
        Kind::Near => (0_u32..3)
            .prop_map(|ulps| f32::from_bits(0.7_f32.to_bits() + ulps))
            .boxed(),
        Kind::Cancelling => (any::<bool>(), 0_u32..3)
            .prop_map(|(minus, ulps)| {
                let great = f32::from_bits(1e6_f32.to_bits() + ulps);
                if minus { -great } else { great }
            })
            .boxed(),
    }
}

fn problems() -> impl Strategy<Value = Problem> {
    // Lengths on both sides of a register, and numbers of queries on both sides of a panel.
    let dims = prop_oneof![0..40_usize, Just(64), Just(66), 100..150_usize];
    let sizes = (
        prop_oneof![0..60_usize, 60..250_usize],
        0..45_usize,
        dims,
        prop_oneof![4 => 0..12_usize, 1 => 12..300_usize],
        1..4_usize,
        kinds(),
    );
    sizes.prop_flat_map(|(rows, asked, dim, k, threads, kind)| {
        let set = || prop::collection::vec(any::<bool>(), rows);
        let sets = || prop::collection::vec(set(), asked);
        let floats = |count| prop::collection::vec(values(kind), count);
        let many = rows * asked < 4000; // sets of their own for each query, where they are few
        (
            (floats(rows * dim), floats(asked * dim)),
            (
                prop::option::weighted(if many { 0.5 } else { 0.1 }, sets()),
                prop::option::weighted(if many { 0.3 } else { 0.05 }, sets()),
            ),
            (prop::option::of(set()), prop::option::of(set())),
        )
            .prop_map(
                move |((items, queries), (seen, lists), (allow, deny))| Problem {
                    rows,
                    asked,
                    dim,
                    k,
                    threads,
                    items,
                    queries,
                    seen,
                    allow,
                    deny,
                    lists,
                },
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_ranking_is_the_naive_one(problem in problems()) {
        let naive = problem.naive();
        for isa in isas() {
            prop_assert_eq!(&problem.ranking(isa, problem.threads), &naive, "{}", isa.name());
            prop_assert_eq!(&problem.ranking_again(isa, 1), &naive, "{}", isa.name());
            for halves in [false, true] {
                let by_codes = problem.ranking_by_codes(isa, problem.threads, halves);
                prop_assert_eq!(by_codes, naive.clone(), "codes, {}, {}", halves, isa.name());
            }
        }
    }

    #[test]
    fn every_score_is_the_canonical_one(problem in problems()) {
        let naive = bits(&problem.scores());
        let turned: Vec<i32> = (0..problem.rows as i32).rev().chain(0..problem.rows as i32).collect();
        for isa in isas() {
            let mut scores = vec![77.0; naive.len()];
            dot(isa, problem.items(), problem.queries(), &mut scores).unwrap();
            prop_assert_eq!(&bits(&scores), &naive, "{}", isa.name());
            let mut scores = vec![77.0; 2 * naive.len()];
            dot_rows(isa, problem.items(), problem.queries(), &turned, &mut scores).unwrap();
            for (query, scores) in scores.chunks(turned.len().max(1)).enumerate() {
                let of_query = &naive[query * problem.rows..][..problem.rows];
                let wanted: Vec<u32> = turned.iter().map(|&row| of_query[row as usize]).collect();
                prop_assert_eq!(bits(scores), wanted, "{}", isa.name());
            }
        }
    }

    #[test]
    fn selecting_from_scores_is_ranking(problem in problems()) {
        let scores = problem.scores();
        let scores = Matrix::new(&scores, problem.asked, problem.rows).unwrap();
        let selected = problem.filtered(|filter| {
            ranked(problem.asked, problem.k, |best| select_top_k(scores, filter, best))
        });
        prop_assert_eq!(selected, problem.naive());
    }
}

/// A problem large enough for several pieces, panels and threads; many ties.
fn large(rows: usize, asked: usize, dim: usize) -> Problem {
    let wave = |i: usize, step: usize| ((i * step) % 17) as f32 - 8.0;
    Problem {
        rows,
        asked,
        dim,
        k: 10,
        threads: 3,
        items: (0..rows * dim).map(|i| wave(i, 7)).collect(),
        queries: (0..asked * dim).map(|i| wave(i, 11)).collect(),
        seen: Some(vec![(0..rows).map(|row| row % 3 == 1).collect(); asked]),
        allow: None,
        deny: None,
        lists: None,
    }
}

#[test]
fn pieces_panels_and_threads_change_no_bit() {
    for dim in [1, 31, 64, 66, 128, 200] {
        for asked in [1, 7, 33] {
            let problem = large(1501, asked, dim);
            let reference = problem.naive();
            for isa in isas() {
                for threads in [1, 2, 5] {
                    let found = problem.ranking(isa, threads);
                    assert_eq!(found, reference, "{} {dim} {asked} {threads}", isa.name());
                    for halves in [false, true] {
                        let found = problem.ranking_by_codes(isa, threads, halves);
                        assert_eq!(found, reference, "codes {} {dim} {asked}", isa.name());
                    }
                }
            }
        }
    }
}

#[test]
fn items_in_a_cache_and_out_of_it_are_ranked_alike() {
    // L2 holds neither floats nor codes of the first, L3 none of the second; 17 steps a panel.
    for rows in [20_000, 260_000] {
        let problem = large(rows, 1, 66);
        let reference = problem.ranking(Isa::Scalar, 1);
        for isa in isas() {
            assert_eq!(problem.ranking(isa, 1), reference, "{} {rows}", isa.name());
            let found = problem.ranking_by_codes(isa, 1, false);
            assert_eq!(found, reference, "codes {} {rows}", isa.name());
        }
    }
}

#[test]
fn a_user_of_the_checkerboard_gets_the_items_of_its_colour() {
    // Items and queries are black (1, 0) or white (0, 1) by turns.
    let vectors: Vec<f32> = (0..50)
        .flat_map(|i| [[1.0, 0.0], [0.0, 1.0]][i % 2])
        .collect();
    let board = Matrix::new(&vectors, 50, 2).unwrap();
    for isa in isas() {
        let (rows, _, counts) = ranked(50, 3, |best| {
            top_k(isa, board, board, &Filter::default(), 1, best)
        });
        assert_eq!(rows[..6], [0, 2, 4, 1, 3, 5]);
        assert_eq!(counts, [3; 50]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let items = Matrix::new(&[1.0; 6], 3, 2).unwrap();
    let wide = Matrix::new(&[1.0; 3], 1, 3).unwrap();
    let query = Matrix::new(&[1.0; 2], 1, 2).unwrap();
    let none = Filter::default();
    let refusal = |queries, filter: &Filter<'_>, threads, results: usize| {
        let (mut rows, mut scores) = (vec![0; results], vec![0.0; results]);
        let mut counts = vec![0; results];
        let best = Best::new(1, &mut rows, &mut scores, &mut counts).unwrap();
        let refused = top_k(Isa::Scalar, items, queries, filter, threads, best);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        refusal(wide, &none, 1, 1),
        "queries have 3 columns but items have 2; both must come from the same model"
    );
    assert_eq!(
        refusal(query, &none, 0, 1),
        "threads is 0, and must be at least 1"
    );
    assert_eq!(
        refusal(query, &none, 1, 2),
        "1 queries do not fit 2 results"
    );
    let longer = Ragged::new("lists", &[0, 1], &[99], 1, 100).unwrap();
    let longer = Filter::new(100, None, None, None, Some(longer)).unwrap();
    assert_eq!(
        refusal(query, &longer, 1, 1),
        "a filter of other sizes does not fit 1 queries and 3 items"
    );
    let missing = dot_rows(Isa::Scalar, items, query, &[0, 3], &mut [0.0; 2]);
    assert_eq!(
        missing.unwrap_err().to_string(),
        "rows[1] is 3, and must lie in 0..3"
    );
    let short = dot(Isa::Scalar, items, query, &mut [0.0; 2]);
    assert_eq!(
        short.unwrap_err().to_string(),
        "scores of 1 queries by 3 items do not fit 2 places"
    );
    let (mut rows, mut scores, mut counts) = ([0; 2], [0.0; 3], [0]);
    let uneven = Best::new(2, &mut rows, &mut scores, &mut counts);
    assert_eq!(
        uneven.unwrap_err().to_string(),
        "the 2 best of 1 queries do not fit arrays of 2 rows and 3 scores"
    );
}
