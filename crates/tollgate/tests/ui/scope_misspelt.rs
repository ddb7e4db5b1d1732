use tollgate::{Claims, scopes};

scopes! { OrdersRead = "orders:read" }

#[derive(serde::Deserialize, Claims)]
#[claims(scope = OrdersRaed)]
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
