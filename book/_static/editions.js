// Written anew after each build by tools/book/editions.py: which editions there are, and where.
window.bookEditions = { here: "", all: {} };
