"""Weights in their authors' formats, read into ours."""
