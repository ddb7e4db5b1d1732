mod document;
mod object;
