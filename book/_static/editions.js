// Written anew after each build by scripts/editions.py: which editions there are, and where.
window.bookEditions = { here: "", all: {} };
