#[derive(serde::Deserialize, tollgate::Claims)]
#[claims(scopes = "orders:read")]
struct Shopper {
    sub: String,
}

async fn orders(shopper: Shopper) -> String {
    shopper.sub
}

fn main() {
    axum::Router::<()>::new().route("/", axum::routing::get(orders));
    actix_web::web::get().to(orders);
}
