//! The cost that a check adds to an axum route with a static response: tollgate and other crates,
//! in one process without sockets.
//!
//! Time in the fastest slice, instructions by valgrind (empty without it), and allocations. The
//! cost of the bare route is subtracted, except for the signature check. Ratios are to the
//! signature check of the same run.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use axum::http::StatusCode;
use tollgate_peers::candidates::BARE;
use tollgate_peers::fixture::{SECRET, status};
use tollgate_peers::measure::{self, Operation};
use tollgate_peers::{CANDIDATES, Fixture};

const SIGNATURE: &str = "signature check alone";

fn main() {
    if let Some((name, rounds)) = measure::counted() {
        let fixture = Fixture::inherited().unwrap();
        let mut operation = operation(&name, &fixture);
        for _ in 0..rounds {
            operation();
        }
        return;
    }
    for fixture in [Fixture::hs256(), Fixture::rs256()] {
        for candidate in CANDIDATES {
            fixture.check(candidate);
        }
        table(&fixture);
    }
}

fn table(fixture: &Fixture) {
    let names: Vec<&str> = std::iter::once(SIGNATURE)
        .chain(CANDIDATES.iter().map(|candidate| candidate.name))
        .collect();
    let mut operations: Vec<Operation<'_>> =
        names.iter().map(|name| operation(name, fixture)).collect();
    let allocations: Vec<f64> = operations.iter_mut().map(measure::allocations).collect();
    let times = measure::nanoseconds(&mut operations, Duration::from_secs(2));
    let instructions: Vec<Option<u64>> = names
        .iter()
        .map(|name| measure::instructions(name, fixture))
        .collect();

    println!("\n{}, over the bare route", fixture.algorithm);
    println!(
        "{:<44} {:>9} {:>9} {:>13} {:>9} {:>12}",
        "", "ns", "ratio", "instructions", "ratio", "allocations"
    );
    // The signature check is first and the bare route second.
    for (place, name) in names.iter().enumerate() {
        if *name == BARE {
            continue;
        }
        let over = usize::from(*name != SIGNATURE);
        let subtract = |value: f64, bare: f64| if over == 1 { value - bare } else { value };
        let time = subtract(times[place], times[1]);
        let count = subtract(allocations[place], allocations[1]);
        print!("{name:<44} {time:>9.0} {:>9.2}", time / times[0]);
        match (instructions[place], instructions[1], instructions[0]) {
            (Some(own), Some(bare), Some(signature)) => {
                let own = subtract(as_float(own), as_float(bare));
                print!(" {own:>13.0} {:>9.2}", own / as_float(signature));
            }
            _ => print!(" {:>13} {:>9}", "", ""),
        }
        println!(" {count:>12.1}");
    }
    println!(
        "the bare route itself: {:.0} ns, {} instructions, {:.1} allocations",
        times[1],
        instructions[1].unwrap_or_default(),
        allocations[1]
    );
}

#[allow(clippy::cast_precision_loss)] // less than 2^52 of them
fn as_float(count: u64) -> f64 {
    count as f64
}

fn operation<'a>(name: &str, fixture: &'a Fixture) -> Operation<'a> {
    if name == SIGNATURE {
        return signature(fixture);
    }
    let candidate = CANDIDATES
        .iter()
        .find(|candidate| candidate.name == name)
        .unwrap();
    let mut app = (candidate.app)(fixture);
    let value = fixture.request().headers()["authorization"].clone();
    Box::new(move || {
        let mut request = axum::http::Request::new(axum::body::Body::empty());
        request
            .headers_mut()
            .insert(axum::http::header::AUTHORIZATION, value.clone());
        assert_eq!(status(&mut app, request), StatusCode::OK);
    })
}

fn signature(fixture: &Fixture) -> Operation<'_> {
    let (input, signature) = fixture.signed();
    if fixture.is_hmac() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        return Box::new(move || hmac::verify(&key, black_box(&input), &signature).unwrap());
    }
    let jwk = &fixture.jwks["keys"][0];
    let [n, e] = ["n", "e"].map(|member| {
        let text = jwk[member].as_str().unwrap();
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
    });
    let key = PublicKeyComponents { n, e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .unwrap();
    Box::new(move || key.verify_sig(black_box(&input), &signature).unwrap())
}
