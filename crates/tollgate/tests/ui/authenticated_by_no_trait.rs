use tollgate::Authenticated;

struct Account;

fn extracts<T: tollgate::extend::FromAuthentication>() {}

fn main() {
    extracts::<Authenticated<Account>>();
}
