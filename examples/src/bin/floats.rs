//! Divide and conquer with floats: quicksort that sorts its halves at the same time, and a product
//! of matrices with a goroutine for each row. Goroutines borrow their parts of one vector.
#![no_std]
#![no_main]

use burrow::prelude::*;

const NUMBERS: usize = 20_000;
/// Shorter parts are not worth a goroutine.
const SHORT: usize = 500;
const SIZE: usize = 48;

/// Made-up numbers between -1 and 1 (a linear congruence).
fn noise(count: usize) -> Vec<f64> {
    let mut state = 42_u64;
    let next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    core::iter::repeat_with(next).take(count).collect()
}

/// Puts the smaller numbers before the pivot and says where it is then.
fn partition(numbers: &mut [f64]) -> usize {
    let last = numbers.len() - 1;
    numbers.swap(last / 2, last);
    let pivot = numbers[last];
    let mut store = 0;
    for i in 0..last {
        if numbers[i] < pivot {
            numbers.swap(i, store);
            store += 1;
        }
    }
    numbers.swap(store, last);
    store
}

fn quicksort(numbers: &mut [f64]) {
    if numbers.len() < 2 {
        return;
    }
    let pivot = partition(numbers);
    let (left, right) = numbers.split_at_mut(pivot);
    let right = &mut right[1..];
    if left.len().max(right.len()) < SHORT {
        quicksort(left);
        quicksort(right);
    } else {
        scope(|s| {
            s.go(|| quicksort(left));
            quicksort(right);
        });
    }
}

type Matrix = Vec<[f64; SIZE]>;

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let mut c = vec![[0.0; SIZE]; SIZE];
    scope(|s| {
        for (row, out) in a.iter().zip(&mut c) {
            s.go(move || {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = row.iter().zip(b).map(|(x, line)| x * line[j]).sum();
                }
            });
        }
    });
    c
}

#[burrow::main]
fn main() {
    let mut numbers = noise(NUMBERS);
    let sum: f64 = numbers.iter().map(|x| x * x).sum();
    quicksort(&mut numbers);
    println!(
        "sorted: {}, from {:.4} to {:.4}",
        numbers.is_sorted(),
        numbers[0],
        numbers[NUMBERS - 1]
    );
    let still: f64 = numbers.iter().map(|x| x * x).sum();
    println!("nothing lost: {}", (sum - still).abs() < 1e-6);

    // A rotation by a fraction of a circle in each plane, as often as the circle has fractions.
    let mut turn = vec![[0.0; SIZE]; SIZE];
    for (i, row) in turn.iter_mut().enumerate() {
        row[(i + 1) % SIZE] = 1.0;
    }
    let turned = (1..SIZE).fold(turn.clone(), |whole, _| product(&whole, &turn));
    let trace: f64 = (0..SIZE).map(|i| turned[i][i]).sum();
    println!("{SIZE} turns by one place: the trace is {trace:.1}");
}
