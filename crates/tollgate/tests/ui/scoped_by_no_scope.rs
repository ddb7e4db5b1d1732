use tollgate::Scoped;

struct OrdersRead; // not declared by `scopes!`

fn orders(_: Scoped<OrdersRead>) {}

fn main() {}
