"""Checks of the code: tests in every form, lint, mutants, stability."""
