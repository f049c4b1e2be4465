"""Helpers that know no model: errors, files, provenance, HTML, statistics."""
