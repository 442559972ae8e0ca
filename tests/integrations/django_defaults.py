"""Settings for Django modules that cannot be imported without: all are the defaults."""
