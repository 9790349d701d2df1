"""Tests of the engine: no database, values worked out by hand."""
