"""Helpers without a science of their own: errors, files, provenance, HTML, statistics."""
