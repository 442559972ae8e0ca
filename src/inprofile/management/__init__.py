"""What manage.py finds where "inprofile" is in INSTALLED_APPS."""
