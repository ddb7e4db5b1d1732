mod document;
mod names;
mod object;
mod proptests;
mod read;
