//! Well-known issuers, as data over the ordinary rules.
