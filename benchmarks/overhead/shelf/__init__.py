"""The Django app that is measured."""
