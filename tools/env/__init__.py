"""The environment: made, locked, cleaned up."""
