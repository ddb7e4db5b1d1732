use tollgate::Authenticated;

struct Tenant(String);

fn orders(_: Authenticated<Tenant>) {}

fn main() {}
