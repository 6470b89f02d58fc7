"""The package as readers install it: sdist and wheel, and chapters run with it alone."""
