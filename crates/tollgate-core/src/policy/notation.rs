//! Policies as text.

use std::fmt;

use super::{Clause, Join, Name, Policy};

/// Formats the policy as Rust source on one line. Quotes and control characters in names are
/// escaped.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.clause {
            Clause::Scope(name) => write!(f, "scope({name})"),
            Clause::Role(name) => write!(f, "role({name})"),
            Clause::Claim { path, value } => write!(f, "claim({path:?}, {value})"),
            Clause::ClaimPresent { path } => write!(f, "claim_present({path:?})"),
            Clause::AuthenticatedWithin { seconds } => {
                write!(f, "max_authentication_age({seconds}s)")
            }
            Clause::Impersonated { .. } => f.write_str("impersonated()"),
            Clause::Not(inner) => write!(f, "!{}", Operand(inner)),
            Clause::Group(Join::Any, parts) if parts.is_empty() => f.write_str("deny()"),
            Clause::Group(Join::All, parts) if parts.is_empty() => f.write_str("allow()"),
            Clause::Group(join, parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(if *join == Join::Any { " | " } else { " & " })?;
                    }
                    write!(f, "{}", Operand(part))?;
                }
                Ok(())
            }
        }
    }
}

/// An operand of a larger policy, in parentheses when it has an operator itself.
struct Operand<'a>(&'a Policy);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.0.clause {
            Clause::Group(_, parts) if !parts.is_empty() => write!(f, "({})", self.0),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        for (index, name) in self.implied_by.iter().enumerate() {
            write!(
                f,
                "{} {name:?}",
                if index == 0 { ", implied by" } else { "," }
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}
