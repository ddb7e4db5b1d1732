use axum::{Router, routing::get};
use tollgate::Jwt;

#[derive(serde::Deserialize)]
struct Shopper {
    sub: String,
}

async fn orders(Jwt(user): Jwt<Shopper>) -> String {
    user.sub
}

fn claims(authentication: &tollgate::Authentication) -> Shopper {
    authentication.claims().unwrap()
}

fn main() {
    let _: Router = Router::new().route("/", get(orders));
}
