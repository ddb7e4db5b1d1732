//! The table of users, in an embedded database.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::task::spawn_blocking;

pub(crate) const ROLES: [&str; 2] = ["customer", "admin"];

/// Name, password and role. The source has the passwords because this is a demo; the table has only
/// hashes.
const DEMO: [(&str, &str, &str); 3] = [
    ("ada", "lovelace", "admin"),
    ("bob", "builder", "customer"),
    ("eve", "example", "customer"),
];

/// The hash of an unknown password, with the parameters of [`hash`].
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$SMg/kiDNKT3W66epo9IL1g$\
                      nf/oXWGtOBfutO176BgvmxK1XtIODEXnmKMN7g8RGFU";

/// The hash of the password, and the role.
type Row = (String, String);

const USERS: TableDefinition<'_, &str, Row> = TableDefinition::new("users");

pub(crate) type Problem = Box<dyn Error + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Accounts(Arc<Database>);

impl Accounts {
    /// Opens the file, and creates it with the users of the demo.
    pub(crate) async fn open(file: &Path) -> Result<Self, Problem> {
        let accounts = Self(Arc::new(Database::create(file)?));
        let writing = accounts.0.begin_write()?;
        writing.open_table(USERS)?;
        writing.commit()?;
        if accounts.all()?.is_empty() {
            for (name, password, role) in DEMO {
                accounts.set_role(name, role)?;
                accounts.set_password(name, password.to_owned()).await?;
            }
        }
        Ok(accounts)
    }

    /// The names and the roles of all users.
    pub(crate) fn all(&self) -> Result<Vec<(String, String)>, Problem> {
        let table = self.0.begin_read()?.open_table(USERS)?;
        let users = table.iter()?.map(|row| {
            let (name, user) = row?;
            Ok((name.value().to_owned(), user.value().1))
        });
        users.collect()
    }

    fn find(&self, name: &str) -> Result<Option<Row>, Problem> {
        let table = self.0.begin_read()?.open_table(USERS)?;
        Ok(table.get(name)?.map(|user| user.value()))
    }

    pub(crate) fn role(&self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.find(name)?.map(|(_, role)| role))
    }

    /// Returns the role of the user if the password is right.
    pub(crate) async fn authenticate(
        &self,
        name: &str,
        password: String,
    ) -> Result<Option<String>, Problem> {
        let user = self.find(name)?;
        // For an unknown user, hash anyway: the response time must not reveal which accounts exist.
        let known = user.as_ref().map_or(NOBODY, |(password, _)| password);
        let known = PasswordHash::new(known)?;
        let check = move || Argon2::default().verify_password(password.as_bytes(), &known);
        let is_right = spawn_blocking(check).await?.is_ok();
        Ok(user.filter(|_| is_right).map(|(_, role)| role))
    }

    pub(crate) async fn set_password(&self, name: &str, password: String) -> Result<(), Problem> {
        let password = hash(password).await?;
        self.change(name, |user| user.0 = password)
    }

    pub(crate) fn set_role(&self, name: &str, role: &str) -> Result<(), Problem> {
        self.change(name, |user| role.clone_into(&mut user.1))
    }

    /// One transaction, so concurrent changes do not undo each other.
    fn change(&self, name: &str, change: impl FnOnce(&mut Row)) -> Result<(), Problem> {
        let writing = self.0.begin_write()?;
        let mut table = writing.open_table(USERS)?;
        let user = table.get(name)?.map(|user| user.value());
        let mut user = user.unwrap_or_default();
        change(&mut user);
        table.insert(name, user)?;
        drop(table);
        Ok(writing.commit()?)
    }
}

async fn hash(password: String) -> Result<String, Problem> {
    let hash = move || Argon2::default().hash_password(password.as_bytes());
    Ok(spawn_blocking(hash).await??.to_string())
}
