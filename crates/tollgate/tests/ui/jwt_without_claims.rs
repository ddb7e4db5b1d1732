use tollgate::Jwt;

#[derive(serde::Deserialize)]
struct Shopper {
    sub: String,
}

fn orders(_: Jwt<Shopper>) {}

fn main() {}
