//! What is proved of a session.
