"""The course assignments: made, graded, tested."""
