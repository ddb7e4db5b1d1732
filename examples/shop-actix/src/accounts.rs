//! The table of users: in an embedded database, or in PostgreSQL.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::task::spawn_blocking;
use tollgate::stores::postgres::deadpool_postgres::Pool;
use tollgate::stores::postgres::tokio_postgres::Row;

pub(crate) const ROLES: [&str; 3] = ["customer", "clerk", "admin"];

/// Name, password and role. The source has the passwords because this is a demo; the table has only
/// hashes.
const DEMO: [(&str, &str, &str); 3] = [
    ("ada", "lovelace", "admin"),
    ("bob", "builder", "clerk"),
    ("eve", "example", "customer"),
];

/// Name -> hash of the password, role.
const USERS: TableDefinition<'_, &str, (&str, &str)> = TableDefinition::new("users");

pub(crate) type Problem = Box<dyn Error + Send + Sync>;

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) role: String,
    password: String,
}

#[derive(Clone)]
pub(crate) struct Accounts {
    table: Table,
    /// The hash of an unknown password. See [`Accounts::authenticate`].
    nobody: String,
}

#[derive(Clone)]
enum Table {
    Redb(Arc<Database>),
    Postgres(Pool),
}

impl Accounts {
    /// Opens the file, and creates it with the users of the demo.
    pub(crate) async fn open(file: &Path) -> Result<Self, Problem> {
        let database = Database::create(file)?;
        let writing = database.begin_write()?;
        writing.open_table(USERS)?;
        writing.commit()?;
        Self::of(Table::Redb(Arc::new(database))).await
    }

    /// Creates the table `users` if there is none.
    pub(crate) async fn connect(pool: Pool) -> Result<Self, Problem> {
        let create = "CREATE TABLE IF NOT EXISTS users \
                      (name text PRIMARY KEY, password text NOT NULL, role text NOT NULL)";
        pool.get().await?.batch_execute(create).await?;
        Self::of(Table::Postgres(pool)).await
    }

    async fn of(table: Table) -> Result<Self, Problem> {
        let nobody = hash(String::new()).await?;
        let accounts = Self { table, nobody };
        if accounts.all().await?.is_empty() {
            for (name, password, role) in DEMO {
                let password = hash(password.to_owned()).await?;
                accounts.write(name, Some(&password), Some(role)).await?;
            }
        }
        Ok(accounts)
    }

    pub(crate) async fn all(&self) -> Result<Vec<User>, Problem> {
        match &self.table {
            Table::Redb(database) => {
                let table = database.begin_read()?.open_table(USERS)?;
                let users = table.iter()?.map(|entry| {
                    let (name, user) = entry?;
                    Ok(User::of(name.value(), user.value()))
                });
                users.collect()
            }
            Table::Postgres(pool) => {
                let sql = "SELECT name, password, role FROM users ORDER BY name";
                let rows = pool.get().await?.query(sql, &[]).await?;
                Ok(rows.iter().map(User::of_row).collect())
            }
        }
    }

    pub(crate) async fn find(&self, name: &str) -> Result<Option<User>, Problem> {
        if name.len() > 64 || name.contains('\0') {
            return Ok(None); // PostgreSQL has no NUL in texts
        }
        match &self.table {
            Table::Redb(database) => {
                let table = database.begin_read()?.open_table(USERS)?;
                Ok(table.get(name)?.map(|user| User::of(name, user.value())))
            }
            Table::Postgres(pool) => {
                let sql = "SELECT name, password, role FROM users WHERE name = $1";
                let row = pool.get().await?.query_opt(sql, &[&name]).await?;
                Ok(row.as_ref().map(User::of_row))
            }
        }
    }

    /// Returns the user if the password is right.
    pub(crate) async fn authenticate(
        &self,
        name: &str,
        password: String,
    ) -> Result<Option<User>, Problem> {
        let user = self.find(name).await?;
        // For an unknown user, hash anyway: the response time must not reveal which accounts exist.
        let known = user.as_ref().map_or(&self.nobody, |user| &user.password);
        let known = PasswordHash::new(known)?;
        let check = move || Argon2::default().verify_password(password.as_bytes(), &known);
        let is_right = spawn_blocking(check).await?.is_ok();
        Ok(user.filter(|_| is_right))
    }

    pub(crate) async fn set_password(&self, name: &str, password: String) -> Result<(), Problem> {
        self.write(name, Some(&hash(password).await?), None).await
    }

    pub(crate) async fn set_role(&self, name: &str, role: &str) -> Result<(), Problem> {
        self.write(name, None, Some(role)).await
    }

    /// Replaces what is given. One statement, so concurrent changes do not undo each other.
    async fn write(
        &self,
        name: &str,
        password: Option<&str>,
        role: Option<&str>,
    ) -> Result<(), Problem> {
        match &self.table {
            Table::Redb(database) => {
                let writing = database.begin_write()?;
                {
                    let mut table = writing.open_table(USERS)?;
                    let old = table.get(name)?.map(|user| User::of(name, user.value()));
                    let old = old
                        .as_ref()
                        .map_or(("", ROLES[0]), |old| (&old.password, &old.role));
                    table.insert(name, (password.unwrap_or(old.0), role.unwrap_or(old.1)))?;
                }
                writing.commit()?;
            }
            Table::Postgres(pool) => {
                let sql = "INSERT INTO users VALUES ($1, coalesce($2, ''), coalesce($3, '')) \
                           ON CONFLICT (name) DO UPDATE SET \
                           password = coalesce($2, users.password), \
                           role = coalesce($3, users.role)";
                let client = pool.get().await?;
                client.execute(sql, &[&name, &password, &role]).await?;
            }
        }
        Ok(())
    }
}

impl User {
    fn of(name: &str, (password, role): (&str, &str)) -> Self {
        let [name, password, role] = [name, password, role].map(str::to_owned);
        Self {
            name,
            role,
            password,
        }
    }

    fn of_row(row: &Row) -> Self {
        Self::of(row.get(0), (row.get(1), row.get(2)))
    }
}

async fn hash(password: String) -> Result<String, Problem> {
    let hash = move || Argon2::default().hash_password(password.as_bytes());
    Ok(spawn_blocking(hash).await??.to_string())
}
